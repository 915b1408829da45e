//===- PolicyRegistry.h - Policies by name, and their options ---*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Analyses find where a transform may go; a policy says which it is. Passes
// look policies up by name, so that dialects of plugins can bring their own.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_POLICYREGISTRY_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_POLICYREGISTRY_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

#include <functional>
#include <map>
#include <string>

namespace quench {

/// Options of a policy, words `key=value`. Each is asked for once; an error is
/// emitted for values that do not fit and by `finish` for keys that nobody
/// asked for.
class PolicyOptions {
public:
  PolicyOptions(llvm::StringRef policy, llvm::ArrayRef<std::string> words,
                llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

  /// The number that `key` has, from `low` to `high`.
  double getNumber(llvm::StringRef key, double fallback, double low,
                   double high);
  int64_t getInteger(llvm::StringRef key, int64_t fallback, int64_t low,
                     int64_t high);
  /// The word that `key` has; one of `choices` unless there are none.
  std::string getWord(llvm::StringRef key, llvm::StringRef fallback,
                      llvm::ArrayRef<llvm::StringRef> choices = {});
  /// Fails when an error was emitted or a key is left.
  mlir::LogicalResult finish();

private:
  std::string policy;
  std::map<std::string, std::string> values;
  llvm::SetVector<llvm::StringRef> known;
  llvm::function_ref<mlir::InFlightDiagnostic()> emitError;
  bool failed = false;
};

/// Policies of type `Policy` by name. A factory makes one of its options.
template <typename Policy>
class PolicyRegistry {
public:
  using Factory = std::function<Policy(PolicyOptions &)>;

  /// Adds a policy, or replaces that of the same name.
  void add(llvm::StringRef name, Factory factory) {
    factories[name] = std::move(factory);
  }

  /// The policy `name` with `options`; fails after it emitted an error.
  mlir::FailureOr<Policy>
  create(llvm::StringRef name, llvm::ArrayRef<std::string> options,
         llvm::function_ref<mlir::InFlightDiagnostic()> emitError) const {
    auto it = factories.find(name);
    if (it == factories.end()) {
      llvm::SmallVector<llvm::StringRef> names =
          llvm::to_vector(factories.keys());
      llvm::sort(names);
      return emitError() << "no policy '" << name << "'; there are "
                         << llvm::join(names, ", ");
    }
    PolicyOptions parsed(name, options, emitError);
    Policy policy = it->getValue()(parsed);
    if (mlir::failed(parsed.finish()))
      return mlir::failure();
    return policy;
  }

private:
  llvm::StringMap<Factory> factories;
};

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_POLICYREGISTRY_H
