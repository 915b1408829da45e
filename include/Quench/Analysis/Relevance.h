//===- Relevance.h - Which branch a prediction is owed to -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Layer-wise relevance propagation: what a model predicts is relevance 1, which
// goes backwards through the ops, each of which splits among its operands what
// its results got (RelevanceOpInterface). At a residual join it goes into the
// branch and past it; the share of the branch is what a join says about the
// layers in it.
//
// Rules (Support/RelevanceRules.h) are those of Chefer et al. for linears,
// sums, products and values with several readers; norms, activations, softmax,
// scales and reshapes pass relevance on as it is, and a slice gives it to what
// it took. Attention is its two products with a softmax between. Ours, since
// nobody published them: the two factors of a gated product get one half each,
// rotary embeddings pass relevance on, and biases of scores get none. LRP-QViT
// scores layers by relevance too, by a formula that we could not read; the
// shares are a stand-in for it.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_ANALYSIS_RELEVANCE_H
#define QUENCH_ANALYSIS_RELEVANCE_H

#include "Quench/Interfaces/RelevanceOpInterface.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace quench {

/// Registers how ops of quench and tensor pass relevance on.
void registerRelevanceModels(mlir::DialectRegistry &registry);

/// The ops that an operand of a residual join depends on and the other operand
/// does not.
struct RelevanceBranch {
  mlir::OpOperand *operand;
  llvm::SmallVector<mlir::Operation *> ops;
};

/// How relevance goes from one value of a function to its residual joins.
class RelevanceAnalysis {
public:
  /// Looks at what `output`, of the entry block of a function, is made of.
  /// Fails with a diagnostic where relevance meets an op that has no rule for
  /// it, or no residual join. The function must stay as it is.
  static mlir::FailureOr<RelevanceAnalysis> create(mlir::Value output);

  /// The branches that are not empty, the last join first.
  llvm::ArrayRef<RelevanceBranch> getBranches() const { return branches; }

  /// The values that rules look at, parameters among them, from the last op to
  /// the first.
  llvm::ArrayRef<mlir::Value> getOperands() const { return operands; }

  using Reader =
      llvm::function_ref<mlir::FailureOr<HostTensor>(mlir::Value value)>;

  /// Adds to `shares`, one for each branch, the part of the relevance at its
  /// join that goes into it, from 0 to 1, if `relevance` is that of the output.
  /// `read` gives the numbers of operands, of one example; it is asked for one
  /// op at a time. Fails where it does, and where a rule does.
  mlir::LogicalResult addShares(HostTensor relevance, Reader read,
                                llvm::MutableArrayRef<double> shares) const;

  /// For each name of ops (getSiteName()) of the function the part of relevance
  /// that reaches them if branches have `shares`: the product of those that an
  /// op lies in, 1 where that is none; the mean over ops of one name.
  llvm::StringMap<double> getRelevance(llvm::ArrayRef<double> shares) const;

private:
  /// Finds the ops that relevance goes through.
  mlir::LogicalResult findOps();
  void findBranches(mlir::Operation *join);

  mlir::Value output;
  /// Ops that split relevance, the last first.
  llvm::SmallVector<RelevanceOpInterface> ops;
  /// Values that depend on joins, so that relevance goes on from them.
  llvm::DenseSet<mlir::Value> carriers;
  llvm::SmallVector<mlir::Value> operands;
  llvm::SmallVector<RelevanceBranch> branches;
};

} // namespace quench

#endif // QUENCH_ANALYSIS_RELEVANCE_H
