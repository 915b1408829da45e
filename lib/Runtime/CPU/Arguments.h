//===- Arguments.h - The arguments of one call of an entry point *- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_ARGUMENTS_H
#define QUENCH_RUNTIME_CPU_ARGUMENTS_H

#include "Manifest.h"
#include "Status.h"
#include "Tensor.h"

#include "absl/types/span.h"

#include <map>

namespace quench::rt {

/// Turns the tensors that a caller gives into what generated code takes:
/// resolves the symbols from the shapes, checks every limit, converts, fills
/// in what was left out and makes room for the outputs. All errors name the
/// input, what was found and what was expected.
class Arguments {
public:
  Arguments(const Manifest &manifest, const Entry &entry,
            absl::Span<const qrt_tensor> given)
      : manifest(manifest), entry(entry), given(given) {}

  Status prepare(absl::string_view params);

  /// What one call of the generated code takes: one memref descriptor each, in
  /// the order of the manifest.
  class Call {
  public:
    explicit Call(std::vector<std::vector<int64_t>> descriptors);
    void *const *pointers() const { return descriptorPointers.data(); }

  private:
    std::vector<std::vector<int64_t>> descriptors;
    std::vector<void *> descriptorPointers;
  };

  /// The calls that compute all: parts of the independent dimension, if there
  /// is one, that are as small as is worth the while, so that what is between
  /// the layers stays in the cache.
  std::vector<Call> calls() const;

  std::vector<Tensor> takeOutputs() { return std::move(outputs); }

private:
  /// A symbol of this call.
  struct Binding {
    int64_t value;
    std::string source; ///< What gave the value.
  };

  Status matchInputs();
  Status checkType(const Port &port, const qrt_tensor &tensor) const;
  Status bindShape(const Port &port, const qrt_tensor &tensor);
  Status bind(const std::string &symbol, int64_t value, std::string source);
  Status checkPosition();
  StatusOr<std::vector<int64_t>> resolve(const Port &port) const;
  Status addInput(const Port &port, const qrt_tensor *tensor);
  Status addOutput(const Port &port);
  void addDescriptor(void *data, absl::Span<const int64_t> shape);
  /// The extent of the independent dimension in one call.
  int64_t partSize(int64_t whole) const;

  const Manifest &manifest;
  const Entry &entry;
  absl::Span<const qrt_tensor> given;

  std::vector<const qrt_tensor *> inputs; ///< By port; null: left out.
  std::map<std::string, Binding> symbols;
  std::vector<Tensor> temporaries, outputs;
  std::vector<std::vector<int64_t>> descriptors;
};

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_ARGUMENTS_H
