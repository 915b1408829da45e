//===- DecomposeVision.cpp - Feature maps as loops ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"

#include "DecomposeContractions.h"

#include "Quench/Dialect/Quench/IR/QuenchVisionOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <algorithm>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// im2col, depthwise_conv2d
//===----------------------------------------------------------------------===//

// One gather, whose innermost loop copies the channels of a pixel.
FailureOr<SmallVector<Value>> Im2ColOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Type type = getInput().getType().getElementType();
  ArrayRef<int64_t> kernel = getKernel(), strides = getStrides();
  Value image = buildPadding(builder, getInput(), /*first=*/1, getPadding());
  SmallVector<OpFoldResult> sizes = builder.getResultSizes(*this);
  OpFoldResult channels = builder.getSize(getInput(), 3);
  Value result = builder.map(
      {sizes[0], sizes[1], sizes[2], builder.getIndexAttr(kernel[0]),
       builder.getIndexAttr(kernel[1]), channels},
      type, {}, [&](LoopBody &loop) {
        ImplicitLocOpBuilder &inner = loop.getBuilder();
        auto getPlace = [&](unsigned window, unsigned tap,
                            int64_t stride) -> Value {
          Value start = arith::MulIOp::create(
              inner, loop.getIndex(window),
              arith::ConstantIndexOp::create(inner, stride));
          return arith::AddIOp::create(inner, start, loop.getIndex(tap));
        };
        return Scalar(
            inner,
            tensor::ExtractOp::create(
                inner, image,
                ValueRange{loop.getIndex(0), getPlace(1, 3, strides[0]),
                           getPlace(2, 4, strides[1]), loop.getIndex(5)}));
      });
  result = builder.collapse(result, {{0}, {1}, {2}, {3, 4, 5}});
  return SmallVector<Value>{builder.cast(result, getResult().getType())};
}

FailureOr<SmallVector<Value>>
DepthwiseConv2DOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Type type = getInput().getType().getElementType();
  Value image = buildPadding(builder, getInput(), /*first=*/1, getPadding());
  SmallVector<OpFoldResult> sizes = builder.getResultSizes(*this);
  // Channels last, as those of the map.
  SmallVector<OpFoldResult> taps = builder.getSizes(getWeight());
  std::rotate(taps.begin(), taps.begin() + 1, taps.end());
  Value weight = linalg::TransposeOp::create(builder, getWeight(),
                                             builder.empty(taps, type),
                                             ArrayRef<int64_t>{1, 2, 0})
                     .getResult()[0];
  Value init = builder.fill(sizes, getComputeType(type), 0);
  Value result = linalg::DepthwiseConv2DNhwcHwcOp::create(
                     builder, init.getType(), ValueRange{image, weight},
                     ValueRange(init), builder.getI64VectorAttr(getStrides()),
                     builder.getI64VectorAttr({1, 1}))
                     .getResult(0);
  if (getBias())
    result =
        builder.map(sizes, type, {{result, {0, 1, 2, 3}}, {getBias(), {3}}},
                    [](LoopBody &loop) { return loop[0] + loop[1]; });
  result = builder.convert(result, type);
  return SmallVector<Value>{builder.cast(result, getResult().getType())};
}

//===----------------------------------------------------------------------===//
// unfold, fold
//===----------------------------------------------------------------------===//

/// `value` with dimension `i` of the result being its dimension `order[i]`.
static Value permute(TensorBuilder &builder, Value value,
                     ArrayRef<int64_t> order) {
  SmallVector<OpFoldResult> sizes = builder.getSizes(value), permuted;
  for (int64_t dim : order)
    permuted.push_back(sizes[dim]);
  Type type = cast<RankedTensorType>(value.getType()).getElementType();
  return linalg::TransposeOp::create(builder, value,
                                     builder.empty(permuted, type), order)
      .getResult()[0];
}

FailureOr<SmallVector<Value>> UnfoldOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  SmallVector<OpFoldResult> sizes = builder.getSizes(getInput());
  OpFoldResult height = builder.getIndexAttr(getPatchHeight());
  OpFoldResult width = builder.getIndexAttr(getPatchWidth());
  Value patches = builder.expand(
      getInput(), {{0}, {1, 2}, {3, 4}, {5}},
      {sizes[0], divide(builder, sizes[1], getPatchHeight()), height,
       divide(builder, sizes[2], getPatchWidth()), width, sizes[3]});
  Value places = permute(builder, patches, {0, 2, 4, 1, 3, 5});
  Value result = builder.collapse(places, {{0, 1, 2}, {3, 4}, {5}});
  return SmallVector<Value>{builder.cast(result, getResult().getType())};
}

FailureOr<SmallVector<Value>> FoldOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  SmallVector<OpFoldResult> sizes = builder.getSizes(getInput());
  int64_t height = getPatchHeight(), width = getPatchWidth();
  Value places = builder.expand(
      getInput(), {{0, 1, 2}, {3, 4}, {5}},
      {divide(builder, sizes[0], height * width), builder.getIndexAttr(height),
       builder.getIndexAttr(width), builder.getIndexAttr(getHeight() / height),
       builder.getIndexAttr(getWidth() / width), sizes[2]});
  Value patches = permute(builder, places, {0, 3, 1, 4, 2, 5});
  Value result = builder.collapse(patches, {{0}, {1, 2}, {3, 4}, {5}});
  return SmallVector<Value>{builder.cast(result, getResult().getType())};
}
