//===- CPUTarget.h - The processor code is made for -------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CODEGEN_CPU_CPUTARGET_H
#define QUENCH_CODEGEN_CPU_CPUTARGET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class TargetMachine;
} // namespace llvm

namespace quench {

/// A processor that code is generated for: what `--cpu` says, resolved.
struct CPUTarget {
  /// LLVM triple, for example `x86_64-pc-linux-gnu`.
  std::string triple;
  /// The option as it was given, for people.
  std::string name;
  /// LLVM name of the processor, for example `x86-64-v3`.
  std::string cpu;
  /// Features beyond those of `cpu`, in LLVM's notation `+a,-b`.
  std::string features;

  /// Resolves `option`: `native`, one of the levels `x86-64`, `x86-64-v3`,
  /// `x86-64-v3+avxvnni`, `x86-64-v4`, `x86-64-v4+vnni` and `x86-64-v4+amx`, or
  /// an LLVM CPU name; each may be followed by `,+feature` and `,-feature`. An
  /// empty `triple` is that of this machine. Fails when the triple, the name or
  /// a feature is unknown.
  static llvm::Expected<CPUTarget> parse(llvm::StringRef option,
                                         llvm::StringRef triple = "");

  /// The levels that parse() takes, each with more instructions than those
  /// before it that it extends.
  static llvm::ArrayRef<llvm::StringLiteral> getLevels();

  /// The last level all of whose instructions are there.
  llvm::StringRef getLevel() const;

  /// Bytes of the widest vector register that code should use: 16, 32 or 64.
  int vectorBytes() const;

  /// Whether `feature`, an LLVM name, is there.
  bool hasFeature(llvm::StringRef feature) const;

  /// Every feature that code for this target may use, by LLVM name, sorted.
  std::vector<std::string> enabledFeatures() const;

  /// A code generator for this target: position independent, optimizing.
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
  createTargetMachine() const;
};

} // namespace quench

#endif // QUENCH_CODEGEN_CPU_CPUTARGET_H
