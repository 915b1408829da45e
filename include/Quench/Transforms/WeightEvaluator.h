//===- WeightEvaluator.h - Bytes of weight programs -------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TRANSFORMS_WEIGHTEVALUATOR_H
#define QUENCH_TRANSFORMS_WEIGHTEVALUATOR_H

#include "Quench/Interfaces/WeightProgramOpInterface.h"
#include "Quench/Transforms/WeightPrograms.h"

#include <list>
#include <memory>

namespace quench {

class PageBuffer;

/// Evaluates weight programs with many threads and little memory.
///
/// The result is cut into slabs: ranges of rows where the ops work on rows,
/// else panels, which are ranges of another axis that the ops treat apart. A
/// slab is computed by one thread, from what it needs alone of the operands.
/// Operands that every slab needs as a whole are computed before, the same way,
/// and held. The bytes do not depend on slabs and threads.
class WeightEvaluator {
public:
  struct Options {
    /// Threads at most; 0: those of the context.
    unsigned threads = 0;
    /// Bytes of intermediate tensors, slabs and resident pages of archives at
    /// most; 0: what a root needs, and at least 1 GiB.
    int64_t maxBytes = 0;
  };

  /// Takes `bytes` of a result, which begin `offset` bytes after its begin.
  /// Called by several threads at once, for disjoint pieces in any order.
  using Sink = llvm::function_ref<llvm::LogicalResult(
      int64_t offset, llvm::ArrayRef<char> bytes)>;

  /// For programs of `context`.
  WeightEvaluator(mlir::MLIRContext *context, const ArchiveSet &archives,
                  Options options);
  ~WeightEvaluator();

  /// The least `maxBytes` that suffices for `root`. Fails with a diagnostic
  /// when `root` is not computed by a weight program.
  mlir::FailureOr<int64_t> getLeastBytes(mlir::Value root);

  /// The bytes of memory that evaluating `root` is going to take, for which
  /// getLeastBytes() succeeded.
  int64_t countBytes(mlir::Value root) const;

  /// Threads at most.
  unsigned getThreads() const { return threads; }

  /// Evaluates `root` into `sink`. Fails with a diagnostic, also when
  /// `maxBytes` does not suffice. Programs must stay as they are while this
  /// evaluator lives.
  mlir::LogicalResult evaluate(mlir::Value root, Sink sink);

  /// Evaluates `root` into `result`, which has as many bytes as its type.
  mlir::LogicalResult evaluate(mlir::Value root,
                               llvm::MutableArrayRef<char> result);

private:
  class Plan;
  struct Target;
  struct Worker;
  using Held = llvm::SmallVector<std::shared_ptr<PageBuffer>>;

  struct Cut;

  mlir::LogicalResult plan(mlir::Value root);
  int64_t getRoom(mlir::Value root) const;
  int64_t countBytes(const Plan &plan, int64_t room, bool isHandedOn) const;
  int64_t countAssembled(const Plan &plan, int64_t room, bool isHandedOn) const;
  Cut chooseCut(const Plan &plan, int64_t room, bool isHandedOn) const;
  mlir::LogicalResult evaluateRoot(mlir::Value root, const Target &target);
  mlir::LogicalResult evaluate(mlir::Value root, const Target &target,
                               int64_t room);
  /// Evaluates what all slabs of `plan` need and takes its bytes from `room`.
  mlir::LogicalResult evaluateHeld(const Plan &plan, int64_t &room, Held &held);
  mlir::LogicalResult loadParam(mlir::Value param,
                                std::list<PageBuffer> &buffers,
                                Target &target) const;
  mlir::LogicalResult evaluateSlabs(const Plan &plan, const Held &held,
                                    const Target &target, int64_t room);
  mlir::LogicalResult evaluateSlab(const Plan &plan, const Held &held,
                                   const Target &target, RowRange range,
                                   Worker &worker);

  const ArchiveSet &archives;
  Options options;
  unsigned threads = 1;
  llvm::DenseMap<mlir::Value, std::unique_ptr<Plan>> plans;
  /// Small values that were held and may be needed again, oldest first.
  std::list<std::pair<mlir::Value, std::shared_ptr<PageBuffer>>> kept;
  int64_t bytesKept = 0;
  /// For a result of panels.
  std::unique_ptr<PageBuffer> assembled;
};

} // namespace quench

#endif // QUENCH_TRANSFORMS_WEIGHTEVALUATOR_H
