//===- VerifyEquivalence.h - Checks passes as they run ----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_VERIFYEQUIVALENCE_H
#define QUENCH_PIPELINES_VERIFYEQUIVALENCE_H

#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"
#include "Quench/Pipelines/Equivalence.h"
#include "Quench/Pipelines/Remarks.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace quench {

/// What was found about one run of a pass that claims equivalence.
struct EquivalenceCertificate {
  enum class Result {
    Equal,     ///< the models before and after agree
    Unchanged, ///< the pass did nothing and says so
    Different  ///< they disagree, or the claim is empty: see `report`
  };

  /// The pass with its options, as in a textual pipeline.
  std::string pass;
  Result result = Result::Unchanged;
  std::vector<EquivalenceClaim::Site> sites;
  std::vector<EquivalenceClaim::Refusal> refusals;
  EquivalenceReport report;
  /// XXH3-128 of the text of the IR, without locations.
  std::string hashBefore, hashAfter;

  /// As docs/equivalence.md describes a pass.
  llvm::json::Object toJSON() const;
};

/// The word for it in certificates.
llvm::StringRef stringify(EquivalenceCertificate::Result result);

/// Compares the model before and after every pass that derives from
/// EquivalenceClaim in the pass managers that it is attached to. A pass whose
/// model computes something else, or that claims sites and changes nothing,
/// fails with a diagnostic. Lives longer than those pass managers.
class EquivalenceVerifier {
public:
  /// Relative paths in the IR start from `directory`.
  EquivalenceVerifier(EquivalenceOptions options, std::string directory);
  ~EquivalenceVerifier();

  /// Checks the passes of `pm` from now on.
  void attach(mlir::PassManager &pm);

  /// Mutes `collector`, which outlives the verifier's pass managers, while
  /// models run to be compared: what is said about their code in f64 says
  /// nothing about the model.
  void mute(RemarkCollector &collector) { muted = &collector; }

  /// Of all passes so far, in their order.
  llvm::ArrayRef<EquivalenceCertificate> getCertificates() const {
    return certificates;
  }

  /// The certificates as docs/equivalence.md describes them. Reads archives to
  /// hash them where their values were used.
  llvm::Expected<llvm::json::Value> toJSON() const;

  /// Writes them to `path`; a file that exists is replaced.
  llvm::Error writeCertificates(llvm::StringRef path) const;

private:
  class Instrumentation;
  /// Runs and compares the models; see check().
  mlir::LogicalResult compare(mlir::ModuleOp before, mlir::ModuleOp after,
                              EquivalenceCertificate &certificate);
  /// Compares, fills `certificate`, and says whether the pass may go on.
  mlir::LogicalResult check(mlir::ModuleOp before, mlir::ModuleOp after,
                            EquivalenceCertificate &certificate);

  EquivalenceOptions options;
  std::string directory;
  std::vector<EquivalenceCertificate> certificates;
  /// The archives whose values were used, by scope; empty: random numbers.
  std::map<std::string, std::string> archives;
  /// The model after the last pass, which the next one often starts from.
  std::unique_ptr<EquivalenceModel> last;
  RemarkCollector *muted = nullptr;
  std::string lastHash;
};

} // namespace quench

#endif // QUENCH_PIPELINES_VERIFYEQUIVALENCE_H
