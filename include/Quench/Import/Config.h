//===- Config.h - Typed access to config.json -------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_IMPORT_CONFIG_H
#define QUENCH_IMPORT_CONFIG_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quench {

/// A JSON object of a checkpoint, `config.json` most of all, that names key,
/// found and expected value when something is wrong. The getters emit the
/// error at the line of the key, note the failure and return a value to go on
/// with, so that a reader asks for all it needs and checks `failed()` once. A
/// key that is null counts as absent.
class Config {
public:
  /// Sizes in a configuration are below this, so that products of two fit.
  static constexpr int64_t maxSize = std::numeric_limits<int32_t>::max();
  /// More layers than any model has.
  static constexpr int64_t maxLayers = 1024;

  /// Reads a file that holds an object or an array of objects. Emits an error
  /// when it is missing or is something else.
  static mlir::FailureOr<Config> load(mlir::MLIRContext *context,
                                      llvm::StringRef path);

  /// Sets the value under a key, dots of which enter objects, by `KEY=VALUE`:
  /// JSON, or a string where it is none. Called on the whole file before it is
  /// read. Errors about the key then name the assignment.
  mlir::LogicalResult assign(llvm::StringRef assignment);

  /// Emits an error for each assigned key that nobody asked for.
  mlir::LogicalResult checkAssigned() const;

  /// Whether an error was emitted about this file.
  bool failed() const { return state->failed; }

  bool has(llvm::StringRef key) const { return find(key) != nullptr; }

  /// An integer in [`low`, `high`].
  int64_t getInt(llvm::StringRef key, std::optional<int64_t> fallback = {},
                 int64_t low = 1, int64_t high = maxSize) const;
  /// A finite number, above zero unless `anySign`.
  double getNumber(llvm::StringRef key, std::optional<double> fallback = {},
                   bool anySign = false) const;
  bool getBool(llvm::StringRef key, std::optional<bool> fallback = {}) const;
  llvm::StringRef getString(llvm::StringRef key,
                            std::optional<llvm::StringRef> fallback = {}) const;
  /// An array of strings; absent, it is empty.
  llvm::SmallVector<llvm::StringRef> getStrings(llvm::StringRef key) const;
  /// An array of `count` integers above zero.
  llvm::SmallVector<int64_t> getInts(llvm::StringRef key, size_t count) const;
  /// Height and width: an array of two integers or one for both.
  std::pair<int64_t, int64_t> getSize(llvm::StringRef key,
                                      int64_t fallback) const;
  /// The object under `key`; absent, an empty one.
  Config getObject(llvm::StringRef key) const;
  /// The objects of a file that is an array, else none.
  std::vector<Config> getElements() const;
  /// All members.
  const llvm::json::Object &object() const { return *node; }

  /// Emits an error when `key` is there with a value other than `expected`,
  /// the only one that the importer handles.
  void require(llvm::StringRef key, const llvm::json::Value &expected) const;

  /// An error at the line of `key`, or of the file when it has none, or about
  /// the assignment that set it.
  mlir::InFlightDiagnostic emitError(llvm::StringRef key) const;

  /// Line and column of `key`, of the file when it has none.
  mlir::Location getLoc(llvm::StringRef key) const;

private:
  struct State {
    mlir::MLIRContext *context;
    std::string path, text;
    llvm::json::Value root = nullptr;
    llvm::json::Object empty;
    /// Keys with their objects: those that were set, and those asked for.
    llvm::StringSet<> assigned, asked;
    bool failed = false;
  };

  Config(std::shared_ptr<State> state, const llvm::json::Object *node,
         size_t begin, std::string prefix)
      : state(std::move(state)), node(node), begin(begin),
        prefix(std::move(prefix)) {}

  const llvm::json::Value *find(llvm::StringRef key) const;
  /// Emits "'key' is VALUE, expected ...", or that it is missing.
  void emitUnexpected(llvm::StringRef key, const llvm::Twine &expected) const;
  /// Where in the text `key` stands, or npos.
  size_t locate(llvm::StringRef key) const;

  std::shared_ptr<State> state;
  const llvm::json::Object *node;
  size_t begin;
  std::string prefix;
};

} // namespace quench

#endif // QUENCH_IMPORT_CONFIG_H
