//===- Session.h - A model that is ready to run -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_SESSION_H
#define QUENCH_RUNTIME_CPU_SESSION_H

#include "Arguments.h"
#include "Context.h"
#include "Manifest.h"
#include "Outputs.h"
#include "Params.h"
#include "WordPiece.h"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

/// A model with its parameters, buffers and threads.
struct qrt_session {
  /// Checks the ABI, the CPU and the parameters. The model outlives the
  /// session.
  static quench::rt::StatusOr<std::unique_ptr<qrt_session>>
  create(const qrt_model &model, const qrt_options &options);

  /// Runs `entry`. See qrt_run().
  quench::rt::StatusOr<quench::rt::OutputsPtr>
  run(const quench::rt::Entry &entry, absl::Span<const qrt_tensor> inputs);

  /// Bytes of the buffers that a run of `entry` needs at most at once, beside
  /// its inputs and outputs, where the symbols of its inputs have the values
  /// `sizes`; states are taken for full. Takes a fraction of the time of a run.
  quench::rt::StatusOr<uint64_t>
  planMemory(const quench::rt::Entry &entry,
             const std::map<std::string, int64_t> &sizes);

  int numThreads() const { return poolSize; }

  /// Bytes that the buffers of runs took so far, beside inputs and outputs. Not
  /// for while one is under way.
  uint64_t arenaBytes();

  const qrt_model &model;
  const std::string manifestText;
  const quench::rt::Manifest manifest;
  const quench::rt::Params params;
  /// Of a model that takes text.
  std::optional<quench::rt::WordPiece> tokenizer;

private:
  /// What one call at a time works with.
  struct Execution {
    Execution(const quench::rt::Manifest &manifest, int numThreads)
        : arguments(manifest), context(numThreads) {}
    quench::rt::Arguments arguments;
    qrt_context context;
  };
  /// An execution for as long as a call takes.
  class Lease;

  qrt_session(const qrt_model &model, quench::rt::Manifest manifest,
              quench::rt::Params params, int numThreads);

  qrt_entry_fn codeOf(const quench::rt::Entry &entry) const {
    return model.entries[&entry - manifest.entries.data()];
  }

  std::mutex mutex;
  std::condition_variable returned;
  /// Callers that compute with their own thread alone do not wait for each
  /// other, so there are as many as came at once. Otherwise there is one.
  std::vector<std::unique_ptr<Execution>> executions;
  std::vector<Execution *> idle;
  /// By entry point.
  std::vector<std::shared_ptr<quench::rt::OutputShelf>> shelves;
  int poolSize; ///< Threads of an execution.
};

#endif // QUENCH_RUNTIME_CPU_SESSION_H
