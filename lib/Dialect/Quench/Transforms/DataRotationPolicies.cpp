//===- DataRotationPolicies.cpp - Rotations from data and weights ---------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/RotationPolicy.h"

#include "ChannelVectors.h"
#include "LearnedParams.h"

#include "Quench/Dialect/Quench/IR/QuenchPolicyOps.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Support/Hadamard.h"

#include "llvm/Support/Regex.h"

#include <limits>

using namespace mlir;
using namespace quench;

static ModuleOp getModule(const ChannelClass &site) {
  return site.weights.front().op->getParentOfType<ModuleOp>();
}

/// The rotation that makes all channels of a class of this covariance vary
/// alike: its eigenvectors, times a random Hadamard matrix.
static std::optional<Rotation> createEqualizing(OpBuilder &builder,
                                                Value covariance, int64_t seed,
                                                std::string &reason) {
  auto type = cast<RankedTensorType>(covariance.getType());
  int64_t order = type.getShape().back();
  if (!HadamardMatrix::isKnown(order)) {
    reason = HadamardMatrix::explainUnknown(order);
    return std::nullopt;
  }
  Value vectors = KLTOp::create(builder, covariance.getLoc(), covariance,
                                /*mean=*/Value());
  return Rotation(rotateWeight(
      builder, vectors,
      Rotation(RandomHadamardAttr::get(builder.getContext(), order, seed)),
      type.getRank() - 1));
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

static RotationPolicy createKLT(PolicyOptions &options) {
  int64_t seed =
      options.getInteger("seed", 0, 0, std::numeric_limits<int64_t>::max());
  return [=](OpBuilder &builder, const ChannelClass &site,
             std::string &reason) -> std::optional<Rotation> {
    ModuleOp module = getModule(site);
    if (!isBound(module, "stats")) {
      reason = "no statistics are bound to the scope 'stats'";
      return std::nullopt;
    }
    if (!hasStatistics(site, {"covariance"}, reason))
      return std::nullopt;
    SmallVector<int64_t> shape = {site.numTransforms, site.size, site.size};
    return createEqualizing(
        builder,
        createStatistic(builder, site, "covariance",
                        ArrayRef(shape).drop_front(site.numTransforms == 1)),
        seed, reason);
  };
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// How many blocks in a row have the same transform, for all transforms in
/// their order; 0 where that is not so.
static int64_t countShared(const ChannelClass &site,
                           ArrayRef<ChannelBlock> blocks) {
  int64_t shared = blocks.size() / site.numTransforms;
  for (auto [index, block] : llvm::enumerate(blocks))
    if (shared == 0 ||
        block.offset != static_cast<int64_t>(index) * site.size ||
        block.transform != static_cast<int64_t>(index) / shared)
      return 0;
  return shared;
}

static RotationPolicy createWOMI(PolicyOptions &options) {
  int64_t seed =
      options.getInteger("seed", 0, 0, std::numeric_limits<int64_t>::max());
  std::string readers = options.getWord("readers", ".*");
  return [=](OpBuilder &builder, const ChannelClass &site,
             std::string &reason) -> std::optional<Rotation> {
    Value total;
    for (const ClassWeight &weight : site.weights) {
      if (!weight.consumer || !weight.operand ||
          !llvm::Regex(readers).match(getSiteName(weight.op)))
        continue;
      Value program = cloneProgram(builder, weight.operand->get());
      auto type = cast<RankedTensorType>(program.getType());
      int64_t shared = countShared(site, weight.blocks);
      if (type.getDimSize(weight.axis) !=
              shared * site.numTransforms * site.size ||
          shared == 0) {
        reason = "a weight that reads it has its channels in another order";
        return std::nullopt;
      }
      IntegerAttr blocks, size;
      if (site.numTransforms > 1 || shared > 1) {
        blocks = builder.getI64IntegerAttr(site.numTransforms);
        size = builder.getI64IntegerAttr(site.size);
      }
      total = MomentsOp::create(builder, program.getLoc(), total, program,
                                builder.getI64IntegerAttr(weight.axis), blocks,
                                size);
    }
    if (!total) {
      reason = "no weight reads it that covariances could be taken of";
      return std::nullopt;
    }
    return createEqualizing(
        builder, CovarianceOp::create(builder, total.getLoc(), total), seed,
        reason);
  };
}

//===----------------------------------------------------------------------===//
// Learned matrices
//===----------------------------------------------------------------------===//

static RotationPolicy createImport(PolicyOptions &options) {
  std::string keys =
      options.getWord("keys", "SITE.R|PARENT.R2|PARENT.R_ov|R1|R_res");
  double tolerance = options.getNumber("tolerance", 0.05, 1e-12, 0.5);
  return [=](OpBuilder &builder, const ChannelClass &site,
             std::string &reason) -> std::optional<Rotation> {
    Value matrix = createLearnedParam(
        builder, site, keys,
        {{site.size, site.size}, {site.numTransforms, site.size, site.size}},
        reason);
    if (!matrix)
      return std::nullopt;
    return Rotation(OrthogonalizeOp::create(
        builder, matrix.getLoc(), matrix, builder.getF64FloatAttr(tolerance)));
  };
}

void quench::registerDataRotationPolicies(RotationPolicyRegistry &registry) {
  registry.add("klt", createKLT);
  registry.add("womi", createWOMI);
  registry.add("import", createImport);
}
