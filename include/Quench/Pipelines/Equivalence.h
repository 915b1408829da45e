//===- Equivalence.h - Whether two models compute the same ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_EQUIVALENCE_H
#define QUENCH_PIPELINES_EQUIVALENCE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace quench {

/// Where the parameters of models that are compared come from.
enum class EquivalenceWeights {
  /// Seeded random numbers in place of the checkpoint, so that no bias is zero
  /// and no gain is one. The scopes `stats` and `learned` keep their archives
  /// where they are bound to one.
  Random,
  /// The archives; random numbers for scopes that have none.
  Archive
};

struct EquivalenceOptions {
  /// Largest relative error of an output that still counts as equal.
  double tolerance = 1e-10;
  /// Of inputs and random parameters.
  uint64_t seed = 0;
  EquivalenceWeights weights = EquivalenceWeights::Random;
  /// Compare the functions of real numbers that quantized models approximate:
  /// `quench.fake_quant` ops give their input.
  bool dropQuantizers = true;
  /// Bytes of parameters, as f64, that are held at once. A larger model runs in
  /// pieces, cut after residual joins and ops that read parameters, or within
  /// the latter.
  int64_t maxBytes = int64_t(1) << 30;
  /// Keep what residual joins compute, so that a comparison can name the block
  /// that differs.
  bool keepsBlocks = false;
  /// Archives by scope, in place of those that the IR names.
  llvm::StringMap<std::string> params;
};

/// How far apart one output of the two models is.
struct OutputComparison {
  std::string entry, output;
  /// The largest difference of an element, relative to the largest magnitude
  /// in its row (the last dimension), or to 1/1000 of the largest magnitude in
  /// the tensor where the row is smaller. Over all inputs.
  double error = 0;
  /// The inputs that gave `error`: sizes of dynamic dimensions, position.
  std::string inputs;
};

/// What comparing two models found.
struct EquivalenceReport {
  std::vector<OutputComparison> outputs;
  /// Why the models do not count as equal; empty: they do.
  std::string failure;
  /// The path of the first block, which ends in a residual join, at whose end
  /// the models differ by more than a change of basis: a scale and a shift of
  /// each channel, or a rotation, with or without the mean. Empty where that is
  /// not known, since models were not made with `keepsBlocks` or have no such
  /// block.
  std::string block;

  bool isEqual() const { return failure.empty(); }
  /// Of all outputs.
  double getLargestError() const;
};

/// What a model computes, in f64 with the functions of libm, its weights as
/// they are before they are rounded to storage, from random inputs.
///
/// Several sizes are tried, with token ids over their whole range, padded
/// masks, a row of zeros, rows and channels far larger than the others. Entry
/// points with states run one after the other, prefill and then decode, on the
/// states of the model.
class EquivalenceModel {
public:
  /// Compiles `module`, which stays as it is and whose relative paths start
  /// from `directory`, into this process and runs it. Fails with a diagnostic.
  static mlir::FailureOr<std::unique_ptr<EquivalenceModel>>
  create(mlir::ModuleOp module, llvm::StringRef directory,
         const EquivalenceOptions &options);
  ~EquivalenceModel();

  /// The archives whose values are used, by scope; the empty path stands for
  /// random numbers.
  const std::map<std::string, std::string> &getArchives() const;

  /// In how many pieces it ran.
  unsigned getNumPieces() const;

  struct Impl;
  Impl &getImpl() const { return *impl; }

private:
  explicit EquivalenceModel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

/// Compares the data results of two models that were made with the same
/// options. States may be in different bases.
///
/// The models do not count as equal either when an output is not finite or is
/// the same number everywhere, since a comparison of those says nothing, nor
/// when one of them cannot run.
EquivalenceReport compareModels(const EquivalenceModel &before,
                                const EquivalenceModel &after,
                                const EquivalenceOptions &options);

/// Loads the dialects that compiling a model creates ops of, so that models can
/// be compared while a pass manager runs.
void loadCodegenDialects(mlir::MLIRContext &context);

} // namespace quench

#endif // QUENCH_PIPELINES_EQUIVALENCE_H
