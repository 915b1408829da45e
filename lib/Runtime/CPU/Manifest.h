//===- Manifest.h - What a compiled model takes and gives -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_MANIFEST_H
#define QUENCH_RUNTIME_CPU_MANIFEST_H

#include "Status.h"

#include "absl/strings/string_view.h"
#include "quench-rt/quench_rt.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace quench::rt {

/// The symbols that the runtime gives a meaning: tokens of a call, and tokens
/// that states have room for.
inline constexpr char kSequence[] = "sequence";
inline constexpr char kContext[] = "context";

/// A number, or the name of a symbol.
struct Dim {
  int64_t size = 0;
  std::string symbol;

  std::string str() const;
};

enum class Role { Data, State, Position };

/// An input or an output of an entry point.
struct Port {
  std::string name;
  qrt_dtype dtype;
  std::vector<Dim> shape;
  Role role = Role::Data;
  std::optional<double> defaultValue;
  std::optional<std::pair<double, double>> range; ///< [low, high)

  /// "I64 [batch, sequence]"
  std::string typeStr() const;
};

struct Entry {
  /// Fails with the names of all inputs when there is none of that name.
  StatusOr<const Port *> findInput(absl::string_view name) const;

  /// "input_ids, attention_mask"
  std::string inputNames() const;

  /// Whether the first dimension of `port` is what may be computed in parts.
  bool isDivisible(const Port &port) const {
    return !independent.empty() && !port.shape.empty() &&
           port.shape[0].symbol == independent;
  }

  std::string name;
  std::vector<Port> inputs, outputs;
  /// A symbol, the first dimension of all outputs: results for a range of it
  /// need that range of the inputs alone. Empty: there is none.
  std::string independent;
};

/// The limits of a named dimension.
struct Symbol {
  int64_t min = 0;
  std::optional<int64_t> max;
};

struct ParamsInfo {
  enum class Mode { Embed, External, Memory };
  Mode mode = Mode::Memory;
  std::string file;
  uint64_t bytes = 0;
  std::string xxh3;
};

struct TokenizerInfo {
  std::vector<std::string> vocab;
  bool lowercase = true;
  bool stripAccents = true;
  bool chineseChars = true;
  std::string unk, cls, sep, pad;
  int64_t maxLength = 0;
  int64_t maxCharsPerWord = 100;
};

/// The manifest of docs/dev/manifest.md.
struct Manifest {
  static StatusOr<Manifest> parse(absl::string_view text);

  /// The entry of that name, the first when it is empty. Fails with the names
  /// of all entries.
  StatusOr<const Entry *> findEntry(absl::string_view name) const;

  /// "prefill, decode"
  std::string entryNames() const;

  std::string version, name, modelType, target, cpu, recipe, hash;
  std::vector<std::string> features;
  ParamsInfo params;
  std::map<std::string, Symbol, std::less<>> symbols;
  std::vector<Entry> entries;
  std::optional<TokenizerInfo> tokenizer;
};

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_MANIFEST_H
