//===- RelevanceModels.cpp - How ops pass relevance on --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// External models, so that one file has the method and no op needs to be built
// again for it.
//
//===----------------------------------------------------------------------===//

#include "Quench/Analysis/Relevance.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Interfaces/WeightProgramOpInterface.h"
#include "Quench/Support/MatrixProduct.h"
#include "Quench/Support/RelevanceRules.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/DialectRegistry.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace quench;

namespace {
using Tensors = ArrayRef<HostTensor>;
using Shares = MutableArrayRef<std::vector<double>>;

//===----------------------------------------------------------------------===//
// Ops on each number or vector
//===----------------------------------------------------------------------===//

/// Operand 0 has the shape of the result, or its numbers in the same order.
template <typename OpTy>
struct IdentityModel
    : RelevanceOpInterface::ExternalModel<IdentityModel<OpTy>, OpTy> {
  LogicalResult propagateRelevance(Operation *, Tensors, Tensors relevance,
                                   Shares shares) const {
    shares[0] = relevance[0].numbers;
    return success();
  }
};

struct AddModel : RelevanceOpInterface::ExternalModel<AddModel, AddOp> {
  LogicalResult propagateRelevance(Operation *, Tensors operands,
                                   Tensors relevance, Shares shares) const {
    std::tie(shares[0], shares[1]) = getSumRelevance(
        operands[0].numbers, operands[1].numbers, relevance[0].numbers);
    return success();
  }
};

/// A product of two activations gives one half to each; one with a parameter is
/// a scale.
template <typename OpTy>
struct ProductModel
    : RelevanceOpInterface::ExternalModel<ProductModel<OpTy>, OpTy> {
  LogicalResult propagateRelevance(Operation *op, Tensors operands,
                                   Tensors relevance, Shares shares) const {
    shares[0] = relevance[0].numbers;
    if (isa_and_nonnull<WeightProgramOpInterface>(
            op->getOperand(1).getDefiningOp()))
      return success();
    size_t size = operands[1].numbers.size();
    shares[1].resize(size);
    for (auto [i, number] : llvm::enumerate(shares[0])) {
      number /= 2;
      shares[1][i % size] += number;
    }
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

struct LinearModel
    : RelevanceOpInterface::ExternalModel<LinearModel, LinearOp> {
  LogicalResult propagateRelevance(Operation *, Tensors operands,
                                   Tensors relevance, Shares shares) const {
    const HostTensor &input = operands[0];
    int64_t rows = input.numbers.size() / input.shape.back();
    shares[0] = getLinearRelevance(rows, input.numbers, operands[1].numbers,
                                   relevance[0].numbers);
    return success();
  }
};

/// The matrix `[rows, columns]` at `numbers`, `[columns, rows]` there where
/// `isTransposed`.
static std::vector<double> getMatrix(const double *numbers, int64_t rows,
                                     int64_t columns, bool isTransposed) {
  std::vector<double> matrix(rows * columns);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      matrix[row * columns + column] =
          numbers[isTransposed ? column * rows + row : row * columns + column];
  return matrix;
}

struct MatmulModel
    : RelevanceOpInterface::ExternalModel<MatmulModel, MatmulOp> {
  LogicalResult propagateRelevance(Operation *operation, Tensors operands,
                                   Tensors relevance, Shares shares) const {
    auto op = cast<MatmulOp>(operation);
    bool isLhsTransposed = op.getTransposeA();
    bool isRhsTransposed = op.getTransposeB();
    ArrayRef<int64_t> left = operands[0].shape, right = operands[1].shape;
    int64_t depth = left[left.size() - (isLhsTransposed ? 2 : 1)];
    int64_t rows = left[left.size() - (isLhsTransposed ? 1 : 2)];
    int64_t columns = right[right.size() - (isRhsTransposed ? 2 : 1)];
    int64_t batch = operands[0].numbers.size() / (rows * depth);
    for (int64_t b = 0; b < batch; ++b) {
      auto [lhs, rhs] = getProductRelevance(
          rows, depth, columns,
          getMatrix(&operands[0].numbers[b * rows * depth], rows, depth,
                    isLhsTransposed),
          getMatrix(&operands[1].numbers[b * depth * columns], depth, columns,
                    isRhsTransposed),
          ArrayRef(relevance[0].numbers)
              .slice(b * rows * columns, rows * columns));
      // What was transposed is transposed back.
      llvm::append_range(
          shares[0],
          isLhsTransposed ? getMatrix(lhs.data(), depth, rows, true) : lhs);
      llvm::append_range(
          shares[1],
          isRhsTransposed ? getMatrix(rhs.data(), columns, depth, true) : rhs);
    }
    return success();
  }
};

/// One head of `[B, T, H, D]`.
class Head {
public:
  Head(ArrayRef<int64_t> shape, int64_t sequence, int64_t head)
      : tokens(shape[1]), channels(shape[3]), step(shape[2] * channels),
        begin(sequence * tokens * step + head * channels) {}

  /// It as a matrix `[T, D]`.
  std::vector<double> read(ArrayRef<double> numbers) const {
    std::vector<double> matrix;
    matrix.reserve(tokens * channels);
    for (int64_t token = 0; token < tokens; ++token)
      llvm::append_range(matrix, numbers.slice(begin + token * step, channels));
    return matrix;
  }
  /// Adds such a matrix to it.
  void add(ArrayRef<double> matrix, MutableArrayRef<double> numbers) const {
    for (auto [i, number] : llvm::enumerate(matrix))
      numbers[begin + i / channels * step + i % channels] += number;
  }

  const int64_t tokens, channels;

private:
  int64_t step, begin;
};

struct AttentionModel
    : RelevanceOpInterface::ExternalModel<AttentionModel, AttentionOp> {
  LogicalResult propagateRelevance(Operation *op, Tensors operands,
                                   Tensors relevance, Shares shares) const;
};
} // namespace

/// Makes of the products `[T, L]` of one head its probabilities. `mask` `[L]`
/// and `bias` `[T, L]` are those of the head, or empty.
static void makeProbabilities(AttentionOp op, ArrayRef<double> mask,
                              ArrayRef<double> bias, int64_t keys,
                              MutableArrayRef<double> numbers) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  int64_t queries = numbers.size() / keys;
  double scale = op.getScale().convertToDouble();
  double zeta = op.getZeta() ? op.getZeta()->convertToDouble() : 1;
  double gamma = op.getGamma() ? op.getGamma()->convertToDouble() : 0;
  for (int64_t query = 0; query < queries; ++query) {
    MutableArrayRef<double> row = numbers.slice(query * keys, keys);
    double most = -infinity, sum = 0;
    for (int64_t key = 0; key < keys; ++key) {
      int64_t distance = keys - queries + query - key;
      bool isHidden = !mask.empty() && mask[key] == 0;
      if (op.getMaskKind() != MaskKind::Full)
        isHidden |= distance < 0;
      if (op.getMaskKind() == MaskKind::Sliding)
        isHidden |= distance >= static_cast<int64_t>(*op.getWindow());
      row[key] *= scale;
      if (!bias.empty())
        row[key] += bias[query * keys + key];
      if (isHidden)
        row[key] = -infinity;
      most = std::max(most, row[key]);
    }
    if (most == -infinity) {
      llvm::fill(row, 0.0);
      continue;
    }
    for (double &score : row) {
      score = std::exp(score - most);
      sum += score;
    }
    for (double &score : row)
      score = std::clamp((zeta - gamma) * score / sum + gamma, 0.0, 1.0);
  }
}

LogicalResult AttentionModel::propagateRelevance(Operation *operation,
                                                 Tensors operands,
                                                 Tensors relevance,
                                                 Shares shares) const {
  auto op = cast<AttentionOp>(operation);
  int64_t heads = operands[0].shape[2], groups = operands[1].shape[2];
  // Optional operands follow the three.
  ArrayRef<double> masks, biases;
  if (op.getMask())
    masks = operands[3].numbers;
  if (op.getBias())
    biases = operands.back().numbers;
  for (unsigned operand = 0; operand < 3; ++operand)
    shares[operand].resize(operands[operand].numbers.size());
  for (int64_t b = 0; b < operands[0].shape[0]; ++b)
    for (int64_t h = 0; h < heads; ++h) {
      int64_t group =
          op.getHeadGroups() ? (*op.getHeadGroups())[h] : h / (heads / groups);
      Head query(operands[0].shape, b, h), key(operands[1].shape, b, group),
          value(operands[2].shape, b, group), result(relevance[0].shape, b, h);
      int64_t scores = query.tokens * key.tokens;
      std::vector<double> queries = query.read(operands[0].numbers);
      std::vector<double> keys =
          getMatrix(key.read(operands[1].numbers).data(), key.channels,
                    key.tokens, /*isTransposed=*/true);
      std::vector<double> probabilities(scores);
      addProduct(query.tokens, key.tokens, key.channels, queries.data(),
                 key.channels, keys.data(), key.tokens, probabilities.data(),
                 key.tokens);
      // A bias is a suffix of all scores.
      int64_t place = (b * heads + h) * scores;
      std::vector<double> bias;
      for (int64_t i = 0; !biases.empty() && i < scores; ++i)
        bias.push_back(biases[(place + i) % biases.size()]);
      ArrayRef<double> mask;
      if (!masks.empty())
        mask = masks.slice(b * key.tokens, key.tokens);
      makeProbabilities(op, mask, bias, key.tokens, probabilities);

      auto [forScores, forValues] = getProductRelevance(
          query.tokens, key.tokens, value.channels, probabilities,
          value.read(operands[2].numbers), result.read(relevance[0].numbers));
      auto [forQueries, forKeys] = getProductRelevance(
          query.tokens, key.channels, key.tokens, queries, keys, forScores);
      query.add(forQueries, shares[0]);
      key.add(getMatrix(forKeys.data(), key.tokens, key.channels,
                        /*isTransposed=*/true),
              shares[1]);
      value.add(forValues, shares[2]);
    }
  return success();
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

namespace {
struct ExtractSliceModel
    : RelevanceOpInterface::ExternalModel<ExtractSliceModel,
                                          tensor::ExtractSliceOp> {
  LogicalResult propagateRelevance(Operation *operation, Tensors operands,
                                   Tensors relevance, Shares shares) const {
    auto op = cast<tensor::ExtractSliceOp>(operation);
    if (llvm::any_of(op.getStaticOffsets(), ShapedType::isDynamic) ||
        llvm::any_of(op.getStaticStrides(), ShapedType::isDynamic))
      return op.emitOpError("has offsets or strides that only a run knows, "
                            "expected constants to pass relevance on");
    // The sizes of the slice, with the dimensions that the result dropped.
    llvm::SmallBitVector dropped = op.getDroppedDims();
    ArrayRef<int64_t> kept = relevance[0].shape;
    SmallVector<int64_t> sizes;
    for (unsigned dim = 0; dim < dropped.size(); ++dim) {
      sizes.push_back(dropped[dim] ? 1 : kept.front());
      kept = kept.drop_front(dropped[dim] ? 0 : 1);
    }
    SmallVector<int64_t> basis = computeStrides(sizes);
    SmallVector<int64_t> sourceBasis = computeStrides(operands[0].shape);
    shares[0].resize(operands[0].numbers.size());
    for (auto [i, number] : llvm::enumerate(relevance[0].numbers)) {
      SmallVector<int64_t> place = delinearize(i, basis);
      for (auto [index, offset, stride] :
           llvm::zip_equal(place, op.getStaticOffsets(), op.getStaticStrides()))
        index = offset + index * stride;
      shares[0][linearize(place, sourceBasis)] = number;
    }
    return success();
  }
};
} // namespace

void quench::registerRelevanceModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, QuenchDialect *) {
    AddOp::attachInterface<AddModel>(*context);
    AttentionOp::attachInterface<AttentionModel>(*context);
    GatedOp::attachInterface<ProductModel<GatedOp>>(*context);
    GeluOp::attachInterface<IdentityModel<GeluOp>>(*context);
    LayerNormOp::attachInterface<IdentityModel<LayerNormOp>>(*context);
    LinearOp::attachInterface<LinearModel>(*context);
    MatmulOp::attachInterface<MatmulModel>(*context);
    MulOp::attachInterface<ProductModel<MulOp>>(*context);
    RMSNormOp::attachInterface<IdentityModel<RMSNormOp>>(*context);
    ReluOp::attachInterface<IdentityModel<ReluOp>>(*context);
    RopeOp::attachInterface<IdentityModel<RopeOp>>(*context);
    SiluOp::attachInterface<IdentityModel<SiluOp>>(*context);
    SoftmaxOp::attachInterface<IdentityModel<SoftmaxOp>>(*context);
    TanhOp::attachInterface<IdentityModel<TanhOp>>(*context);
  });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    using tensor::CollapseShapeOp, tensor::ExpandShapeOp;
    CollapseShapeOp::attachInterface<IdentityModel<CollapseShapeOp>>(*context);
    ExpandShapeOp::attachInterface<IdentityModel<ExpandShapeOp>>(*context);
    tensor::ExtractSliceOp::attachInterface<ExtractSliceModel>(*context);
  });
}
