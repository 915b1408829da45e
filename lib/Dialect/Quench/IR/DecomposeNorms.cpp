//===- DecomposeNorms.cpp - Norms and softmax as loops
//----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"

#include "DecomposeNorms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace quench;

namespace {
/// Rows along the last dimension of a tensor.
struct Rows {
  Rows(TensorBuilder &builder, Value value)
      : builder(builder), value(value), sizes(builder.getSizes(value)),
        compute(getComputeType(
            cast<RankedTensorType>(value.getType()).getElementType())) {}

  unsigned getRank() const { return sizes.size(); }
  ArrayRef<OpFoldResult> getRowSizes() const {
    return ArrayRef<OpFoldResult>(sizes).drop_back();
  }
  SmallVector<unsigned> getAllLoops() const {
    return TensorBuilder::range(getRank());
  }
  SmallVector<unsigned> getRowLoops() const {
    return TensorBuilder::range(getRank() - 1);
  }

  /// Folds the elements of each row into one number, from `init` on. A second
  /// input, `perRow`, holds a number for each row.
  Value fold(double init, Value perRow, TensorBuilder::FoldBody body) const {
    SmallVector<LoopInput> inputs = {{value, getAllLoops()}};
    if (perRow)
      inputs.push_back({perRow, getRowLoops()});
    return builder.fold(builder.fill(getRowSizes(), compute, init),
                        getRowLoops(), getRank(), inputs, body);
  }

  /// A number for each row, made of those in `perRow`.
  Value mapRows(Value perRow, llvm::function_ref<Scalar(Scalar)> body) const {
    return builder.map(getRowSizes(), compute, {{perRow, getRowLoops()}},
                       [&](LoopBody &loop) { return body(loop[0]); });
  }

  /// The length of a row as a number of type `type`, in the body of a loop.
  Scalar getLength(Scalar like) const {
    OpFoldResult length = sizes.back();
    if (auto constant = getConstantIntValue(length))
      return like.constant(*constant);
    ImplicitLocOpBuilder &inner = like.getBuilder();
    Value integer = arith::IndexCastOp::create(inner, inner.getI64Type(),
                                               cast<Value>(length));
    return Scalar(
        inner, arith::SIToFPOp::create(inner, Value(like).getType(), integer));
  }

  TensorBuilder &builder;
  Value value;
  SmallVector<OpFoldResult> sizes;
  FloatType compute;
};
} // namespace

Value quench::buildSoftmax(TensorBuilder &builder, Value scores, Type type,
                           std::optional<APFloat> zeta,
                           std::optional<APFloat> gamma) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Rows rows(builder, scores);
  Value largest =
      rows.fold(-infinity, Value(),
                [](LoopBody &loop, Scalar most) { return max(most, loop[0]); });
  // A row of nothing but -inf has weights and a sum of zero.
  largest = rows.mapRows(largest, [](Scalar x) {
    return select(isEqual(x, -infinity), x.constant(0), x);
  });
  Value weights =
      builder.map(rows.sizes, rows.compute,
                  {{scores, rows.getAllLoops()}, {largest, rows.getRowLoops()}},
                  [](LoopBody &loop) { return exp(loop[0] - loop[1]); });
  Rows weightRows(builder, weights);
  Value sum = weightRows.fold(
      0, Value(), [](LoopBody &loop, Scalar sum) { return sum + loop[0]; });
  Value inverse = weightRows.mapRows(sum, [](Scalar x) {
    return select(isEqual(x, 0), x.constant(0), x.constant(1) / x);
  });
  return builder.map(
      rows.sizes, type,
      {{weights, rows.getAllLoops()}, {inverse, rows.getRowLoops()}},
      [&](LoopBody &loop) {
        Scalar weight = loop[0] * loop[1];
        if (!zeta)
          return weight;
        double low = gamma->convertToDouble();
        weight = weight * (zeta->convertToDouble() - low) + low;
        return min(max(weight, weight.constant(0)), weight.constant(1));
      });
}

FailureOr<SmallVector<Value>> SoftmaxOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  return SmallVector<Value>{buildSoftmax(builder, getInput(),
                                         getInput().getType().getElementType(),
                                         getZeta(), getGamma())};
}

/// `(value - mean) * inverse * gamma + beta`, all but `value` and `inverse`
/// optional.
static Value normalize(const Rows &rows, Value mean, Value inverse, Value gamma,
                       Value beta) {
  unsigned last = rows.getRank() - 1;
  SmallVector<LoopInput> inputs = {{rows.value, rows.getAllLoops()},
                                   {inverse, rows.getRowLoops()}};
  if (mean)
    inputs.push_back({mean, rows.getRowLoops()});
  if (gamma)
    inputs.push_back({gamma, {last}});
  if (beta)
    inputs.push_back({beta, {last}});
  Type type = cast<RankedTensorType>(rows.value.getType()).getElementType();
  return rows.builder.map(rows.sizes, type, inputs, [&](LoopBody &loop) {
    unsigned next = 2;
    Scalar x = mean ? loop[0] - loop[next++] : loop[0];
    x = x * loop[1];
    if (gamma)
      x = x * loop[next++];
    return beta ? x + loop[next++] : x;
  });
}

// The variance is that of centred numbers: the difference of two means loses
// all digits where the mean is large.
FailureOr<SmallVector<Value>> LayerNormOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Rows rows(builder, getInput());
  Value sum = rows.fold(
      0, Value(), [](LoopBody &loop, Scalar sum) { return sum + loop[0]; });
  Value mean =
      rows.mapRows(sum, [&](Scalar x) { return x / rows.getLength(x); });
  Value squares = rows.fold(0, mean, [](LoopBody &loop, Scalar sum) {
    Scalar centred = loop[0] - loop[1];
    return sum + centred * centred;
  });
  Value inverse = rows.mapRows(squares, [&](Scalar x) {
    return x.constant(1) /
           sqrt(x / rows.getLength(x) + getEps().convertToDouble());
  });
  return SmallVector<Value>{
      normalize(rows, mean, inverse, getGamma(), getBeta())};
}

static Value sumSquares(const Rows &rows) {
  return rows.fold(0, Value(), [](LoopBody &loop, Scalar sum) {
    return sum + loop[0] * loop[0];
  });
}

FailureOr<SmallVector<Value>> RMSNormOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Rows rows(builder, getInput());
  Value inverse = rows.mapRows(sumSquares(rows), [&](Scalar x) {
    return x.constant(1) /
           sqrt(x / rows.getLength(x) + getEps().convertToDouble());
  });
  return SmallVector<Value>{
      normalize(rows, Value(), inverse, getGamma(), Value())};
}

FailureOr<SmallVector<Value>> L2NormalizeOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Rows rows(builder, getInput());
  Value inverse = rows.mapRows(sumSquares(rows), [&](Scalar x) {
    return x.constant(1) / max(sqrt(x), x.constant(getEps().convertToDouble()));
  });
  return SmallVector<Value>{
      normalize(rows, Value(), inverse, Value(), Value())};
}
