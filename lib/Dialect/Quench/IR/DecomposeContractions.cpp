//===- DecomposeContractions.cpp - Contractions as loops
//--------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"

#include "DecomposeContractions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// linear, matmul
//===----------------------------------------------------------------------===//

// One contraction on rows, so that everything that tiles matrix products finds
// it, and one elementwise loop for the bias.
Value quench::buildLinear(TensorBuilder &builder, Value input, Value weight,
                          Value bias) {
  auto type = cast<RankedTensorType>(input.getType());
  Type element = type.getElementType(), compute = getComputeType(element);
  int64_t rank = type.getRank();
  SmallVector<OpFoldResult> sizes = builder.getSizes(input);
  sizes.back() = builder.getSize(weight, 0);

  // [[0, ..., rank - 2], [rank - 1]]; a vector is one row.
  SmallVector<ReassociationIndices> groups(2);
  for (int64_t dim = 0; dim + 1 < rank; ++dim)
    groups[0].push_back(dim);
  groups[1].push_back(rank - 1);
  SmallVector<ReassociationIndices> row = {{0, 1}};
  Value rows = input;
  if (rank == 1)
    rows = builder.expand(input, row,
                          {builder.getIndexAttr(1), builder.getSize(input, 0)});
  else if (rank > 2)
    rows = builder.collapse(input, groups);

  SmallVector<OpFoldResult> flat = {builder.getSize(rows, 0), sizes.back()};
  Value init = builder.fill(flat, compute, 0);
  Value result = linalg::MatmulTransposeBOp::create(
                     builder, builder.getLoc(), TypeRange(init.getType()),
                     ValueRange{rows, weight}, ValueRange(init))
                     .getResult(0);
  if (bias)
    result = builder.map(flat, element, {{result, {0, 1}}, {bias, {1}}},
                         [](LoopBody &loop) { return loop[0] + loop[1]; });
  result = builder.convert(result, element);
  if (rank == 1)
    return builder.collapse(result, row);
  return rank == 2 ? result : builder.expand(result, groups, sizes);
}

FailureOr<SmallVector<Value>> LinearOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  return SmallVector<Value>{
      buildLinear(builder, getInput(), getWeight(), getBias())};
}

FailureOr<SmallVector<Value>> MatmulOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Type type = getResult().getType().getElementType();
  unsigned batch = getLhs().getType().getRank() - 2;
  unsigned row = batch, column = batch + 1, reduced = batch + 2;
  SmallVector<unsigned> lhs = TensorBuilder::range(batch), rhs = lhs;
  lhs.append({row, reduced});
  rhs.append({reduced, column});
  if (getTransposeA())
    std::swap(lhs[batch], lhs[batch + 1]);
  if (getTransposeB())
    std::swap(rhs[batch], rhs[batch + 1]);
  Value init =
      builder.fill(builder.getResultSizes(*this), getComputeType(type), 0);
  Value result = builder.fold(
      init, TensorBuilder::range(batch + 2), batch + 3,
      {{getLhs(), lhs}, {getRhs(), rhs}},
      [](LoopBody &loop, Scalar sum) { return sum + loop[0] * loop[1]; });
  return SmallVector<Value>{builder.convert(result, type)};
}

//===----------------------------------------------------------------------===//
// patch_embed, patches
//===----------------------------------------------------------------------===//

OpFoldResult quench::divide(TensorBuilder &builder, OpFoldResult size,
                            int64_t divisor) {
  if (auto constant = getConstantIntValue(size))
    return builder.getIndexAttr(*constant / divisor);
  return builder.createOrFold<arith::DivUIOp>(
      builder.getIndex(size),
      arith::ConstantIndexOp::create(builder, divisor).getResult());
}

Value quench::buildPatches(TensorBuilder &builder, Value image, int64_t height,
                           int64_t width) {
  SmallVector<OpFoldResult> sizes = builder.getSizes(image);
  OpFoldResult rows = divide(builder, sizes[2], height);
  OpFoldResult columns = divide(builder, sizes[3], width);
  OpFoldResult h = builder.getIndexAttr(height);
  OpFoldResult w = builder.getIndexAttr(width);
  Value split = builder.expand(image, {{0}, {1}, {2, 3}, {4, 5}},
                               {sizes[0], sizes[1], rows, h, columns, w});
  SmallVector<OpFoldResult> permuted = {sizes[0], rows, columns,
                                        sizes[1], h,    w};
  Type type = cast<RankedTensorType>(image.getType()).getElementType();
  Value patches =
      linalg::TransposeOp::create(builder, split, builder.empty(permuted, type),
                                  ArrayRef<int64_t>{0, 2, 4, 1, 3, 5})
          .getResult()[0];
  return builder.collapse(patches, {{0}, {1, 2}, {3, 4, 5}});
}

FailureOr<SmallVector<Value>> PatchesOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Value patches = buildPatches(builder, getInput(), getHeight(), getWidth());
  return SmallVector<Value>{builder.cast(patches, getResult().getType())};
}

FailureOr<SmallVector<Value>> PatchEmbedOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  ArrayRef<int64_t> kernel = getWeight().getType().getShape().take_back(2);
  Value patches = buildPatches(builder, getInput(), kernel[0], kernel[1]);
  Value weight = builder.collapse(getWeight(), {{0}, {1, 2, 3}});
  Value result = buildLinear(builder, patches, weight, getBias());
  return SmallVector<Value>{builder.cast(result, getResult().getType())};
}

//===----------------------------------------------------------------------===//
// causal_conv1d, conv2d
//===----------------------------------------------------------------------===//

// The few taps are unrolled into one elementwise loop over shifted views.
FailureOr<SmallVector<Value>> CausalConv1DOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Type type = getInput().getType().getElementType();
  int64_t taps = getWeight().getType().getDimSize(1);
  SmallVector<OpFoldResult> sizes = builder.getSizes(getInput());
  OpFoldResult tokens = sizes[1];

  OpFoldResult past = builder.getIndexAttr(taps - 1);
  SmallVector<OpFoldResult> stateSizes = {sizes[0], past, sizes[2]};
  Value state = getState();
  if (!state)
    state = builder.fill(stateSizes, type, 0);
  SmallVector<OpFoldResult> allSizes = {sizes[0], builder.add(past, tokens),
                                        sizes[2]};
  Value all = builder.empty(allSizes, type);
  all = builder.insert(state, all, 1, builder.getIndexAttr(0));
  all = builder.insert(getInput(), all, 1, past);

  SmallVector<LoopInput> inputs;
  for (int64_t tap = 0; tap < taps; ++tap) {
    OpFoldResult offset = builder.getIndexAttr(tap);
    inputs.push_back({builder.slice(all, 1, offset, tokens), {0, 1, 2}});
    inputs.push_back({builder.select(getWeight(), 1, offset), {2}});
  }
  if (getBias())
    inputs.push_back({getBias(), {2}});
  Value result = builder.map(sizes, type, inputs, [&](LoopBody &loop) {
    Scalar sum = loop[0] * loop[1];
    for (int64_t tap = 1; tap < taps; ++tap)
      sum = sum + loop[2 * tap] * loop[2 * tap + 1];
    return getBias() ? sum + loop[2 * taps] : sum;
  });
  // One tap keeps nothing, and no slice may begin at the end.
  Value updated = taps == 1 ? state : builder.slice(all, 1, tokens, past);
  return SmallVector<Value>{result,
                            builder.cast(updated, getUpdated().getType())};
}

Value quench::buildPadding(TensorBuilder &builder, Value image, int64_t first,
                           ArrayRef<int64_t> padding) {
  if (!padding[0] && !padding[1])
    return image;
  auto type = cast<RankedTensorType>(image.getType());
  SmallVector<OpFoldResult> sizes(type.getRank(), builder.getIndexAttr(0));
  sizes[first] = builder.getIndexAttr(padding[0]);
  sizes[first + 1] = builder.getIndexAttr(padding[1]);
  Value zero = arith::ConstantOp::create(
      builder, cast<TypedAttr>(builder.getZeroAttr(type.getElementType())));
  return tensor::PadOp::create(builder, Type(), image, sizes, sizes, zero);
}

FailureOr<SmallVector<Value>> Conv2DOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Type type = getInput().getType().getElementType();
  Type compute = getComputeType(type);
  int64_t groups = getGroups();

  Value image = buildPadding(builder, getInput(), /*first=*/2, getPadding());
  SmallVector<OpFoldResult> sizes = builder.getResultSizes(*this);
  auto strides = builder.getI64VectorAttr(getStrides());
  auto dilations = builder.getI64VectorAttr({1, 1});
  Value result;
  if (groups == 1) {
    Value init = builder.fill(sizes, compute, 0);
    result = linalg::Conv2DNchwFchwOp::create(
                 builder, init.getType(), ValueRange{image, getWeight()},
                 ValueRange(init), strides, dilations)
                 .getResult(0);
  } else {
    SmallVector<ReassociationIndices> split = {{0}, {1, 2}, {3}, {4}};
    auto getGroupedSizes = [&](ArrayRef<OpFoldResult> flat, int64_t channels) {
      return SmallVector<OpFoldResult>{flat[0], builder.getIndexAttr(groups),
                                       builder.getIndexAttr(channels / groups),
                                       flat[2], flat[3]};
    };
    ArrayRef<int64_t> weightShape = getWeight().getType().getShape();
    SmallVector<OpFoldResult> kernel = builder.getSizes(getWeight());
    Value grouped = builder.expand(
        image, split,
        getGroupedSizes(builder.getSizes(image), weightShape[1] * groups));
    Value weight =
        builder.expand(getWeight(), {{0, 1}, {2}, {3}, {4}},
                       {builder.getIndexAttr(groups),
                        builder.getIndexAttr(weightShape[0] / groups),
                        kernel[1], kernel[2], kernel[3]});
    Value init =
        builder.fill(getGroupedSizes(sizes, weightShape[0]), compute, 0);
    result = linalg::Conv2DNgchwGfchwOp::create(
                 builder, init.getType(), ValueRange{grouped, weight},
                 ValueRange(init), strides, dilations)
                 .getResult(0);
    result = builder.collapse(result, split);
  }
  if (getBias())
    result =
        builder.map(sizes, type, {{result, {0, 1, 2, 3}}, {getBias(), {1}}},
                    [](LoopBody &loop) { return loop[0] + loop[1]; });
  return SmallVector<Value>{builder.convert(result, type)};
}
