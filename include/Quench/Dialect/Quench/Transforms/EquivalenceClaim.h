//===- EquivalenceClaim.h - Passes that keep what models compute *- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_EQUIVALENCECLAIM_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_EQUIVALENCECLAIM_H

#include "mlir/IR/Operation.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"

#include <mutex>
#include <string>
#include <vector>

namespace quench {

/// Mixin of passes on modules that claim to keep what a model computes, but for
/// the rounding of its arithmetic. What looks at a pipeline finds it by
/// `dynamic_cast<EquivalenceClaim *>(pass)`, compares the model before and
/// after, and reads here what the pass says that it did.
///
/// ```cpp
/// struct FoldAffine : impl::FoldAffineBase<FoldAffine>, EquivalenceClaim {
///   void runOnOperation() override {
///     beginClaims(*this);
///     ...
///     if (blocker)
///       refuse(site, "its gain has another user", blocker);
///     else
///       recordSite(site, "gain and bias into 3 linears", norm);
///   }
/// };
/// ```
///
/// All members may be called by several threads at once.
class EquivalenceClaim {
public:
  /// A place that the pass rewrote.
  struct Site {
    std::string name; ///< stable under rewriting, such as a checkpoint path
    std::string note; ///< what was done there
  };
  /// A place that the pass knows and left as it was.
  struct Refusal {
    std::string name;   ///< as of a Site
    std::string reason; ///< why, to be read after "NAME: "
    std::string op;     ///< name of the op that blocks it
  };

  virtual ~EquivalenceClaim();

  /// What the last run recorded, in the order of recording.
  std::vector<Site> getSites() const;
  std::vector<Refusal> getRefusals() const;

protected:
  EquivalenceClaim() = default;
  /// A copy of a pass has run nothing yet.
  EquivalenceClaim(const EquivalenceClaim &) {}
  EquivalenceClaim &operator=(const EquivalenceClaim &) = delete;

  /// Forgets what an earlier run recorded. Every run of `pass`, the derived
  /// class, begins with it; remarks are filed under the argument of `pass`.
  void beginClaims(const mlir::Pass &pass);

  /// Says that the site `name` was rewritten: `note` tells what was done. With
  /// `op`, the op that now stands there, that is a remark too. A site counts
  /// only when the IR did change.
  void recordSite(llvm::StringRef name, const llvm::Twine &note,
                  mlir::Operation *op = nullptr);

  /// Says that the site `name` stays as it is for `reason`, and emits a remark
  /// at `blocker` that names it.
  void refuse(llvm::StringRef name, const llvm::Twine &reason,
              mlir::Operation *blocker);

private:
  mutable std::mutex mutex;
  std::string category;
  std::vector<Site> sites;
  std::vector<Refusal> refusals;
};

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_EQUIVALENCECLAIM_H
