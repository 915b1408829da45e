//===- Outputs.h - Tensors that callers of the C ABI get --------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_OUTPUTS_H
#define QUENCH_RUNTIME_CPU_OUTPUTS_H

#include "Manifest.h"
#include "Tensor.h"

#include "absl/types/span.h"
#include "quench-rt/quench_rt.h"

#include <memory>
#include <mutex>
#include <vector>

namespace quench::rt {

class OutputShelf;

/// Tensors that a run or the tokenizer makes. Callers of the C ABI know them by
/// an array, from handOver() to qrt_tensors_free().
class Outputs {
public:
  explicit Outputs(std::vector<Tensor> tensors) : tensors(std::move(tensors)) {}

  /// Gives tensors back to the shelf that they are from, or else frees them.
  struct GiveBack {
    void operator()(Outputs *outputs) const;
  };

  std::vector<Tensor> tensors;

private:
  friend class OutputShelf;
  friend qrt_tensor *handOver(std::unique_ptr<Outputs, GiveBack> outputs);

  std::shared_ptr<OutputShelf> shelf;
  /// What callers see, behind one element that names this object.
  std::vector<qrt_tensor> views;
};

using OutputsPtr = std::unique_ptr<Outputs, Outputs::GiveBack>;

/// The array that stands for `outputs`, of which the caller frees all by
/// qrt_tensors_free().
qrt_tensor *handOver(OutputsPtr outputs);

/// Outputs of one entry point that callers gave back, for its next runs. The
/// shelf lives as long as any of them is out. Safe to use from several threads.
class OutputShelf : public std::enable_shared_from_this<OutputShelf> {
public:
  OutputShelf();

  /// Outputs of `entry`, with the shapes that they had or none.
  OutputsPtr take(const Entry &entry);

private:
  friend struct Outputs::GiveBack;
  void put(std::unique_ptr<Outputs> outputs);

  std::mutex mutex;
  std::vector<std::unique_ptr<Outputs>> kept;
};

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_OUTPUTS_H
