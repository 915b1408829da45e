//===- Session.h - A model that is ready to run -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_SESSION_H
#define QUENCH_RUNTIME_CPU_SESSION_H

#include "Context.h"
#include "Manifest.h"
#include "Params.h"
#include "Tensor.h"
#include "WordPiece.h"

#include <memory>
#include <mutex>

/// A model with its parameters, buffers and threads.
struct qrt_session {
  /// Checks the ABI, the CPU and the parameters. The model outlives the
  /// session.
  static quench::rt::StatusOr<std::unique_ptr<qrt_session>>
  create(const qrt_model &model, const qrt_options &options);

  /// Runs `entry`, one call at a time. See qrt_run().
  quench::rt::StatusOr<std::vector<quench::rt::Tensor>>
  run(const quench::rt::Entry &entry, absl::Span<const qrt_tensor> inputs);

  int numThreads() const { return poolSize; }

  const qrt_model &model;
  const std::string manifestText;
  const quench::rt::Manifest manifest;
  const quench::rt::Params params;
  /// Of a model that takes text.
  std::optional<quench::rt::WordPiece> tokenizer;

private:
  qrt_session(const qrt_model &model, quench::rt::Manifest manifest,
              quench::rt::Params params, int numThreads);

  std::mutex mutex;
  qrt_context context;
  const int poolSize;
};

#endif // QUENCH_RUNTIME_CPU_SESSION_H
