//===- Arguments.h - The arguments of one call of an entry point *- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_ARGUMENTS_H
#define QUENCH_RUNTIME_CPU_ARGUMENTS_H

#include "Arena.h"
#include "Manifest.h"
#include "Status.h"
#include "Tensor.h"

#include "absl/types/span.h"

namespace quench::rt {

/// Turns the tensors that a caller gives into what generated code takes:
/// resolves the symbols from the shapes, checks every limit, converts, fills
/// in what was left out and makes room for the outputs. All errors name the
/// input, what was found and what was expected. Used again for the next call,
/// it needs no memory that it does not have.
class Arguments {
public:
  explicit Arguments(const Manifest &manifest) : manifest(manifest) {}

  /// Prepares a call of `entry`; `outputs` get their shapes. What it takes
  /// lives until the next call is prepared.
  Status prepare(const Entry &entry, absl::Span<const qrt_tensor> given,
                 absl::string_view params, absl::Span<Tensor> outputs);

  /// The calls of generated code that compute all: parts of the independent
  /// dimension, if there is one, that are as small as is worth the while, so
  /// that what is between the layers stays in the cache. Each is an array of
  /// memref descriptors, in the order of the manifest.
  absl::Span<void *const *const> calls() const { return parts; }

private:
  /// A symbol of this call.
  struct Binding {
    absl::string_view symbol;
    int64_t value;
    const Port *source; ///< What gave the value; null: the position.
  };

  Status matchInputs(absl::Span<const qrt_tensor> given);
  Status checkType(const Port &port, const qrt_tensor &tensor) const;
  Status bindShape(const Port &port, const qrt_tensor &tensor);
  Status bind(absl::string_view symbol, int64_t value, const Port *source);
  const Binding *findBinding(absl::string_view symbol) const;
  Status checkPosition();
  /// Makes the shape of `port` the current one.
  Status resolve(const Port &port);
  Status addInput(const Port &port, const qrt_tensor *tensor);
  Status addOutput(const Port &port, Tensor &output);
  /// Adds a dense tensor of the current shape to the descriptors.
  void addDescriptor(void *data);
  /// The extent of the independent dimension in one call.
  int64_t partSize(int64_t whole) const;
  /// Makes the calls out of the descriptors of the whole.
  void divide();

  const Manifest &manifest;
  const Entry *entry = nullptr;

  std::vector<const qrt_tensor *> inputs; ///< By port; null: left out.
  std::vector<Binding> symbols;
  std::vector<int64_t> shape; ///< The current one.
  Arena temporaries;
  /// The descriptors of the whole, or of all parts, and where each of those of
  /// one part begins.
  std::vector<int64_t> words;
  std::vector<size_t> offsets;
  std::vector<void *> pointers;
  std::vector<void *const *> parts;
};

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_ARGUMENTS_H
