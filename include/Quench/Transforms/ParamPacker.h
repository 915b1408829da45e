//===- ParamPacker.h - A new archive from weight programs -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TRANSFORMS_PARAMPACKER_H
#define QUENCH_TRANSFORMS_PARAMPACKER_H

#include "Quench/Support/SafeTensorsWriter.h"
#include "Quench/Transforms/WeightEvaluator.h"

#include <functional>

namespace quench {

/// How much of an archive is packed, or will be.
struct PackProgress {
  int64_t tensors = 0, bytes = 0;
};

/// What packing takes.
struct PackEstimate {
  /// All of the archive, and what an interrupted run has left to do.
  PackProgress total, left;
  /// Resident bytes of the process at the peak.
  int64_t peakBytes = 0;
  /// A rough guess: programs are counted by their ops, the disk is not.
  double seconds = 0;
};

/// Reads a size of memory: GiB, as `1` and `0.5`, or with a suffix, as `512MiB`
/// and `2GiB`.
llvm::Error parseMemory(llvm::StringRef text, int64_t &bytes);

/// Reads the type that programs compute in, `f64` or `f32`.
llvm::Error parseAccumulate(llvm::StringRef text, bool &isF32);

struct PackOptions {
  /// The archive, a safetensors file.
  std::string path;
  /// What the IR calls it; empty: the same.
  std::string reference;
  /// Replace an archive that exists.
  bool force = false;
  /// Compute in f32 where programs say f64.
  bool computeInF32 = false;
  /// Resident bytes of the process at most.
  int64_t maxMemory = int64_t(2) << 30;
  /// Threads at most; 0: those of the context.
  unsigned threads = 0;
  /// Told before the first tensor is evaluated.
  std::function<void(const PackEstimate &)> onStart;
  /// Told now and then how much is done, by one thread at a time.
  std::function<void(const PackProgress &done)> onProgress;
};

/// Evaluates the weight programs of a module into a new archive.
///
/// While it works there are `.NAME.partial` with the tensors and
/// `.NAME.journal` beside the archive. The journal has a line for each tensor
/// that is complete, with a hash of its program and of the archives that it
/// reads, so that the same work goes on where it was interrupted, however it
/// was.
class ParamPacker {
public:
  /// Looks at the programs below `op`, names their roots, and checks that the
  /// archive can be made within the memory. Fails with a diagnostic. The
  /// archives must be those of the module and outlive the packer.
  static mlir::FailureOr<std::unique_ptr<ParamPacker>>
  create(mlir::Operation *op, const ArchiveSet &archives, PackOptions options);
  ~ParamPacker();

  /// Whether packing the archive `path` was interrupted, or is going on.
  static bool isInterrupted(llvm::StringRef path);

  /// Whether a run was interrupted after the archive had got its name.
  bool isComplete() const { return isNamed; }

  /// Evaluates what is missing and gives the archive its name.
  mlir::LogicalResult pack();

  /// Replaces the programs, which must not have changed since create(), by
  /// parameters of the archive in `scope`.
  void replacePrograms(llvm::StringRef scope);

  /// Forgets that there was an interruption to go on after: from now on the
  /// archive is one that exists. Call when everything is written that belongs
  /// to it.
  mlir::LogicalResult finish();

private:
  struct Tensor {
    mlir::Value root;
    /// Of the program and the archives.
    std::string hash;
    int64_t offset = 0, bytes = 0;
    bool isDone = false;
  };

  ParamPacker(mlir::Operation *op, const ArchiveSet &archives,
              PackOptions options);
  mlir::LogicalResult collect();
  mlir::LogicalResult checkMemory();
  mlir::LogicalResult openFiles();
  /// Notes which tensors the journal calls complete, if it begins with `key`.
  void readJournal(llvm::StringRef key);
  bool addLine(llvm::StringRef line);
  bool isAllDone() const;
  /// Bytes of the archive.
  uint64_t countBytes() const;
  /// Whether there is an archive of that size and header already.
  bool isPacked() const;
  PackEstimate estimate() const;
  mlir::InFlightDiagnostic fail() const;

  mlir::Operation *op;
  const ArchiveSet &archives;
  PackOptions options;
  /// Copies of the programs.
  mlir::Block block;
  llvm::SmallVector<ParamUse> uses;
  std::unique_ptr<WeightEvaluator> evaluator;
  llvm::SmallVector<std::string> names; ///< By index of the root.
  llvm::SmallVector<Tensor> tensors;    ///< In the order of the file.
  std::string header;
  std::string partialPath, journalPath;
  int partial = -1, journal = -1;
  int64_t journalEnd = 0;
  bool isNamed = false; ///< The archive is complete under its name.
};

/// Replaces the weight programs of `module` by parameters of the archive that
/// `options` names, in the scope `model`, and packs it. `write` writes the IR
/// where that is a file, over one that exists where `isRepeated`: an earlier
/// run was interrupted there, which this one goes on after. Fails with a
/// diagnostic.
mlir::LogicalResult materializeParams(
    mlir::ModuleOp module, const ArchiveSet &archives, PackOptions options,
    llvm::function_ref<llvm::LogicalResult(bool isRepeated)> write = [](bool) {
      return mlir::success();
    });

} // namespace quench

#endif // QUENCH_TRANSFORMS_PARAMPACKER_H
