//===- Remarks.h - Why passes did what they did -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_REMARKS_H
#define QUENCH_PIPELINES_REMARKS_H

#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

namespace quench {

/// What a pass said about a place.
struct CollectedRemark {
  enum class Kind {
    Done,    ///< something was done
    Refused, ///< something that a user could expect was not
    Noted    ///< what was found
  };

  Kind kind;
  /// The argument of the pass, and what kind of remark it is there.
  std::string pass, name;
  /// The path of the place in the checkpoint; empty where it has none.
  std::string site;
  std::string text;

  bool operator==(const CollectedRemark &other) const;
};

/// Keeps remarks. Passes may emit them in many threads.
class RemarkCollector {
public:
  void add(CollectedRemark remark);

  /// Those so far, each once: passes in the order of their first remark, and
  /// their remarks by site and text, whatever the threads did.
  std::vector<CollectedRemark> get() const;

  /// Drops what comes while it is true.
  void setMuted(bool muted) { isMuted = muted; }

private:
  mutable std::mutex mutex;
  std::atomic<bool> isMuted = false;
  std::vector<CollectedRemark> remarks;
};

/// Lets the remarks of every category on `context` go to the YAML file `path`,
/// or as diagnostics where `path` is `-`; to nowhere where it is empty. They go
/// to `collector` too unless it is null; it must live as long as passes run.
/// Fails with a diagnostic when the file cannot be written.
mlir::LogicalResult enableRemarks(mlir::MLIRContext &context,
                                  llvm::StringRef path,
                                  RemarkCollector *collector = nullptr);

} // namespace quench

#endif // QUENCH_PIPELINES_REMARKS_H
