//===- AttentionLoops.h - Loops of all forms of attention ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_IR_ATTENTIONLOOPS_H
#define QUENCH_LIB_DIALECT_QUENCH_IR_ATTENTIONLOOPS_H

#include "QuantParameters.h"
#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

namespace quench {

/// The heads of `value`, of which dimension `dim` counts them, that `groups`
/// names, one after another. Runs of adjacent heads are copied at once.
inline mlir::Value gatherHeads(TensorBuilder &builder, mlir::Value value,
                               llvm::ArrayRef<int64_t> groups,
                               int64_t dim = 2) {
  llvm::SmallVector<mlir::OpFoldResult> sizes = builder.getSizes(value);
  sizes[dim] = builder.getIndexAttr(groups.size());
  mlir::Value gathered = builder.empty(
      sizes,
      mlir::cast<mlir::RankedTensorType>(value.getType()).getElementType());
  for (size_t begin = 0, end; begin < groups.size(); begin = end) {
    end = begin + 1;
    while (end < groups.size() && groups[end] == groups[end - 1] + 1)
      ++end;
    mlir::Value run =
        builder.slice(value, dim, builder.getIndexAttr(groups[begin]),
                      builder.getIndexAttr(end - begin));
    gathered = builder.insert(run, gathered, dim, builder.getIndexAttr(begin));
  }
  return gathered;
}

/// The loops over scores: heads are split in groups and heads of a group, so
/// that every operand is indexed by loops alone.
namespace score_loops {
enum : unsigned { B, G, R, T, L, D };
} // namespace score_loops

/// The sizes of the scores of `op` in these loops. `key` has the heads that are
/// meant.
template <typename Op>
llvm::SmallVector<mlir::OpFoldResult> getScoreSizes(TensorBuilder &builder,
                                                    Op op, mlir::Value key) {
  llvm::SmallVector<mlir::OpFoldResult> query = builder.getSizes(op.getQuery());
  mlir::OpFoldResult groups = builder.getSize(key, 2);
  mlir::OpFoldResult repeats =
      builder.getIndexAttr(*mlir::getConstantIntValue(query[2]) /
                           *mlir::getConstantIntValue(groups));
  return {query[0], groups, repeats, query[1], builder.getSize(key, 1)};
}

/// The sums of products of `query` and `key` over channels, of type `type`.
inline mlir::Value buildProducts(TensorBuilder &builder, mlir::Value query,
                                 mlir::Value key,
                                 llvm::ArrayRef<mlir::OpFoldResult> sizes,
                                 mlir::Type type, TensorBuilder::FoldBody add) {
  using namespace score_loops;
  query = builder.expand(
      query, {{0}, {1}, {2, 3}, {4}},
      {sizes[B], sizes[T], sizes[G], sizes[R], builder.getSize(key, 3)});
  return builder.fold(builder.fill(sizes, type, 0), {B, G, R, T, L}, 6,
                      {{query, {B, T, G, R, D}}, {key, {B, L, G, D}}}, add);
}

/// sum + lhs * rhs of integers of type i32.
inline Scalar addProduct(LoopBody &loop, Scalar sum, mlir::Value lhs,
                         mlir::Value rhs) {
  mlir::ImplicitLocOpBuilder &body = loop.getBuilder();
  mlir::Value product = mlir::arith::MulIOp::create(body, lhs, rhs);
  return Scalar(body,
                mlir::arith::AddIOp::create(body, mlir::Value(sum), product));
}

/// The sums of products of integers `query` and `key`, i32.
inline mlir::Value
buildIntegerProducts(TensorBuilder &builder, mlir::Value query, mlir::Value key,
                     llvm::ArrayRef<mlir::OpFoldResult> sizes) {
  return buildProducts(builder, query, key, sizes, builder.getI32Type(),
                       [](LoopBody &loop, Scalar sum) {
                         return addProduct(loop, sum, loop[0], loop[1]);
                       });
}

/// The scores of `op`: what `getScore` makes of `inputs`, plus the bias times
/// `biasFactor`; -infinity where the mask hides a key.
template <typename Op>
mlir::Value buildScores(TensorBuilder &builder, Op op,
                        llvm::ArrayRef<mlir::OpFoldResult> sizes,
                        mlir::Type type, llvm::SmallVector<LoopInput> inputs,
                        double biasFactor, TensorBuilder::MapBody getScore) {
  using namespace score_loops;
  unsigned biasInput = inputs.size();
  if (mlir::Value bias = op.getBias()) {
    llvm::SmallVector<unsigned> loops = {B, G, R, T, L};
    int64_t rank = op.getBias().getType().getRank();
    if (rank >= 3) {
      llvm::SmallVector<mlir::ReassociationIndices> split =
          rank == 3
              ? llvm::SmallVector<mlir::ReassociationIndices>{{0, 1}, {2}, {3}}
              : llvm::SmallVector<mlir::ReassociationIndices>{
                    {0}, {1, 2}, {3}, {4}};
      bias = builder.expand(bias, split, sizes.take_back(rank + 1));
    }
    int64_t used = rank >= 3 ? rank + 1 : rank;
    inputs.push_back(
        {bias,
         llvm::to_vector(llvm::ArrayRef<unsigned>(loops).take_back(used))});
  }
  unsigned maskInput = inputs.size();
  if (op.getMask())
    inputs.push_back({op.getMask(), {B, L}});

  // The first query stands at position L - T.
  mlir::Value first;
  if (op.getMaskKind() != MaskKind::Full)
    first = mlir::arith::SubIOp::create(builder, builder.getIndex(sizes[L]),
                                        builder.getIndex(sizes[T]));
  return builder.map(sizes, type, inputs, [&](LoopBody &loop) {
    mlir::ImplicitLocOpBuilder &inner = loop.getBuilder();
    Scalar score = getScore(loop);
    if (op.getBias())
      score = score + (biasFactor == 1 ? loop[biasInput]
                                       : loop[biasInput] * biasFactor);
    Scalar hidden = score.constant(-std::numeric_limits<double>::infinity());
    if (op.getMask())
      score = select(loop.isSet(maskInput), score, hidden);
    if (op.getMaskKind() == MaskKind::Full)
      return score;
    mlir::Value position =
        mlir::arith::AddIOp::create(inner, first, loop.getIndex(T));
    mlir::Value visible = mlir::arith::CmpIOp::create(
        inner, mlir::arith::CmpIPredicate::sle, loop.getIndex(L), position);
    score = select(visible, score, hidden);
    if (op.getMaskKind() == MaskKind::Causal)
      return score;
    mlir::Value distance =
        mlir::arith::SubIOp::create(inner, position, loop.getIndex(L));
    mlir::Value window =
        mlir::arith::ConstantIndexOp::create(inner, *op.getWindow());
    mlir::Value near = mlir::arith::CmpIOp::create(
        inner, mlir::arith::CmpIPredicate::slt, distance, window);
    return select(near, score, hidden);
  });
}

/// `scale`, the parameters of a tensor `[B, L, G, ...]` of `quantizer`, with
/// the heads that `groups` names.
inline mlir::Value gatherScales(TensorBuilder &builder, mlir::Value scale,
                                QuantizerAttrInterface quantizer,
                                llvm::ArrayRef<int64_t> groups) {
  for (auto [dim, axis] : llvm::enumerate(getQuantAxes(quantizer, 4)))
    if (axis.dim == 2)
      return gatherHeads(builder, scale, groups, dim);
  return scale;
}

/// `codes` less their zero points, where `zero` is not null, as i32.
inline mlir::Value buildIntegers(TensorBuilder &builder, mlir::Value codes,
                                 mlir::Value scale, mlir::Value zero,
                                 QuantizerAttrInterface quantizer) {
  mlir::IntegerType type = builder.getI32Type();
  return mapByParameters(builder, codes, scale, zero, quantizer, type,
                         [&](mlir::OpBuilder &body, mlir::Value code,
                             mlir::Value, mlir::Value zero) {
                           return emitIntegers(body, builder.getLoc(),
                                               quantizer, code, zero, type);
                         });
}

/// What attention to integers reads of keys and values.
struct KeysAndValues {
  mlir::Value key, value, keyScale, valueScale;
};

/// What attention to integers `op` reads of keys and values: integers, and a
/// group for each head where it says which.
template <typename Op>
KeysAndValues buildKeysAndValues(TensorBuilder &builder, Op op) {
  KeysAndValues read = {buildIntegers(builder, op.getKey(), op.getKeyScale(),
                                      op.getKeyZero(), op.getKeyQuantizer()),
                        buildIntegers(builder, op.getValue(),
                                      op.getValueScale(), op.getValueZero(),
                                      op.getValueQuantizer()),
                        op.getKeyScale(), op.getValueScale()};
  std::optional<llvm::ArrayRef<int64_t>> groups = op.getHeadGroups();
  if (!groups)
    return read;
  return {
      gatherHeads(builder, read.key, *groups),
      gatherHeads(builder, read.value, *groups),
      gatherScales(builder, read.keyScale, op.getKeyQuantizer(), *groups),
      gatherScales(builder, read.valueScale, op.getValueQuantizer(), *groups)};
}

/// The scales of a tensor of four dimensions as an input of loops, `loops[i]`
/// those over dimension `i`: two where heads are split in `groups` and
/// `repeats`.
inline LoopInput
getScaleInput(TensorBuilder &builder, mlir::Value scale,
              QuantizerAttrInterface quantizer,
              llvm::ArrayRef<llvm::SmallVector<unsigned>> loops,
              mlir::OpFoldResult groups, mlir::OpFoldResult repeats) {
  llvm::SmallVector<mlir::OpFoldResult> sizes = builder.getSizes(scale),
                                        splitSizes;
  llvm::SmallVector<mlir::ReassociationIndices> indices;
  LoopInput input = {scale, {}};
  bool isSplit = false;
  for (auto [dim, axis] : llvm::enumerate(getQuantAxes(quantizer, 4))) {
    llvm::append_range(input.loops, loops[axis.dim]);
    int64_t next = splitSizes.size();
    if (loops[axis.dim].size() == 1) {
      indices.push_back({next});
      splitSizes.push_back(sizes[dim]);
      continue;
    }
    isSplit = true;
    indices.push_back({next, next + 1});
    splitSizes.append({groups, repeats});
  }
  if (isSplit)
    input.value = builder.expand(scale, indices, splitSizes);
  return input;
}

/// The scores of `op`, of floats, as elements of type `compute`. `key` has the
/// heads that are meant.
template <typename Op>
mlir::Value buildFloatScores(TensorBuilder &builder, Op op, mlir::Value key,
                             llvm::ArrayRef<mlir::OpFoldResult> sizes,
                             mlir::Type compute) {
  using namespace score_loops;
  mlir::Value sums = buildProducts(
      builder, op.getQuery(), key, sizes, compute,
      [](LoopBody &loop, Scalar sum) { return sum + loop[0] * loop[1]; });
  return buildScores(builder, op, sizes, compute, {{sums, {B, G, R, T, L}}},
                     /*biasFactor=*/1, [&](LoopBody &loop) {
                       return loop[0] * op.getScale().convertToDouble();
                     });
}

/// The scores of `op`, of codes, times `factor`, as f32: `sums` are those of
/// products of codes, `keyScale` belongs to the heads that are meant.
template <typename Op>
mlir::Value buildIntegerScores(TensorBuilder &builder, Op op, mlir::Value sums,
                               mlir::Value keyScale,
                               llvm::ArrayRef<mlir::OpFoldResult> sizes,
                               double factor) {
  using namespace score_loops;
  LoopInput queryScales =
      getScaleInput(builder, op.getQueryScale(), op.getQueryQuantizer(),
                    {{B}, {T}, {G, R}, {}}, sizes[G], sizes[R]);
  LoopInput keyScales = getScaleInput(builder, keyScale, op.getKeyQuantizer(),
                                      {{B}, {L}, {G}, {}}, sizes[G], sizes[R]);
  mlir::Type compute = builder.getF32Type();
  double scale = op.getScale().convertToDouble() * factor;
  return buildScores(builder, op, sizes, compute,
                     {{sums, {B, G, R, T, L}}, queryScales, keyScales}, factor,
                     [&](LoopBody &loop) {
                       mlir::ImplicitLocOpBuilder &body = loop.getBuilder();
                       Scalar sum(body,
                                  mlir::arith::SIToFPOp::create(
                                      body, compute, mlir::Value(loop[0])));
                       return sum * (loop[1] * scale * loop[2]);
                     });
}

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_IR_ATTENTIONLOOPS_H
