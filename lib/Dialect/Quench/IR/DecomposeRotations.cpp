//===- DecomposeRotations.cpp - Rotations as loops ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Support/Hadamard.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace quench;

LogicalResult OnlineHadamardOp::inferShapes(Adaptor op,
                                            ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t order = op.getRotation().getOrder(), last = shapes.getRank(input) - 1;
  if (failed(shapes.checkMinimalRank(input, "input", 1)) ||
      failed(shapes.checkStatic(input, "input", last)))
    return failure();
  int64_t size = ShapeInference::getSize(shapes.getDim(input, last));
  if (size % order != 0)
    return shapes.fail("expected the last dimension to be a multiple of ",
                       order, ", found ", size);
  shapes.addResultLike(input);
  return success();
}

/// The signs of a factor of a Kronecker product as rows are multiplied by them.
static Value makeSigns(TensorBuilder &builder, FloatType type, int64_t order,
                       bool transposed,
                       llvm::function_ref<int(int64_t, int64_t)> getSign) {
  SmallVector<APFloat> signs;
  for (int64_t row = 0; row < order; ++row)
    for (int64_t column = 0; column < order; ++column) {
      int sign = transposed ? getSign(column, row) : getSign(row, column);
      signs.emplace_back(type.getFloatSemantics(),
                         static_cast<APFloat::integerPart>(1));
      if (sign < 0)
        signs.back().changeSign();
    }
  return arith::ConstantOp::create(
      builder, DenseElementsAttr::get(
                   RankedTensorType::get({order, order}, type), signs));
}

// One contraction for each factor of the matrix. The factor that is a power of
// two is one of small ones.
FailureOr<SmallVector<Value>>
OnlineHadamardOp::decomposeOperation(OpBuilder &b) {
  constexpr int64_t smallOrder = 16;
  TensorBuilder builder(b, getLoc());
  RankedTensorType type = getInput().getType();
  FloatType compute = getComputeType(type.getElementType());
  std::optional<HadamardMatrix> matrix =
      HadamardMatrix::get(getRotation().getOrder());
  bool transposed = getRotation().getTransposed();

  SmallVector<Value> factors;
  SmallVector<int64_t> orders;
  for (const HadamardMatrix::Factor &factor : matrix->getFactors()) {
    orders.push_back(factor.order);
    factors.push_back(makeSigns(builder, compute, factor.order, transposed,
                                [&](int64_t i, int64_t j) {
                                  return factor.signs[i * factor.order + j];
                                }));
  }
  for (int64_t rest = matrix->getPowerOfTwo(); rest > 1;
       rest /= orders.back()) {
    orders.push_back(std::min(rest, smallOrder));
    factors.push_back(makeSigns(
        builder, compute, orders.back(), transposed, [](int64_t i, int64_t j) {
          return llvm::popcount(uint64_t(i & j)) % 2 == 0 ? 1 : -1;
        }));
  }

  // [..., blocks, order 0, order 1, ...]
  SmallVector<OpFoldResult> sizes = builder.getSizes(getInput());
  int64_t lead = type.getRank() - 1, length = type.getShape().back();
  sizes.back() = builder.getIndexAttr(length / matrix->getOrder());
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim <= lead; ++dim)
    groups.push_back({dim});
  for (int64_t order : orders) {
    groups.back().push_back(sizes.size());
    sizes.push_back(builder.getIndexAttr(order));
  }
  SmallVector<unsigned> loops = TensorBuilder::range(sizes.size());
  unsigned reduced = sizes.size();
  Value value = builder.convert(getInput(), compute);
  if (!orders.empty())
    value = builder.expand(value, groups, sizes);
  for (auto [index, factor] : llvm::enumerate(factors)) {
    unsigned dim = lead + 1 + index;
    SmallVector<unsigned> read = loops;
    read[dim] = reduced;
    value = builder.fold(
        builder.fill(sizes, compute, 0), loops, reduced + 1,
        {{value, read}, {factor, {reduced, dim}}},
        [](LoopBody &loop, Scalar sum) { return sum + loop[0] * loop[1]; });
  }
  double scale = 1 / std::sqrt(static_cast<double>(matrix->getOrder()));
  value = builder.map(sizes, type.getElementType(), {{value, loops}},
                      [&](LoopBody &loop) { return loop[0] * scale; });
  if (!orders.empty())
    value = builder.collapse(value, groups);
  return SmallVector<Value>{builder.cast(value, type)};
}

OpFoldResult OnlineHadamardOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<OnlineHadamardOp>();
  if (inner && inner.getRotation().getInverse() ==
                   getRotation().getInverse().getInverse())
    return inner.getInput();
  return {};
}

OpCost OnlineHadamardOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  std::optional<HadamardMatrix> matrix =
      HadamardMatrix::get(getRotation().getOrder());
  int64_t terms = llvm::Log2_64(matrix->getPowerOfTwo());
  for (const HadamardMatrix::Factor &factor : matrix->getFactors())
    terms += factor.order;
  int64_t count = 1;
  for (int64_t dim = 0; dim < getInput().getType().getRank(); ++dim)
    count *= getSize(getInput(), dim);
  return {count * terms, /*elementwise=*/count};
}
