//===- Phases.h - The named phases of a compilation -------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_PHASES_H
#define QUENCH_PIPELINES_PHASES_H

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace quench {

/// What happens to a model on its way to a program, in order. A compilation
/// stops after any of them, and starts from any but the last.
enum class Phase {
  Import,    ///< checkpoint folder or IR file -> IR in memory
  Canonical, ///< folds and common subexpressions
  Transform, ///< the recipes that users ask for
  Assign,    ///< formats of weights and activations, as attributes
  Calibrate, ///< statistics that these formats need, from data
  Quantize,  ///< quantizers in the place of formats
  Codegen,   ///< machine code and the bytes of the parameters
  Link       ///< the file that users run
};

/// All phases in order.
llvm::ArrayRef<Phase> allPhases();

/// The name that users write.
llvm::StringRef stringifyPhase(Phase phase);

/// The phase of that name, or nothing.
std::optional<Phase> symbolizePhase(llvm::StringRef name);

/// The names from the phase `first` to `last` for messages: `A, B or C`.
std::string listPhases(Phase first, Phase last);

/// The passes of a phase that is made of passes only: canonical.
void buildCanonicalPipeline(mlir::OpPassManager &pm);

/// Parses a textual pipeline on modules into `pm`, with or without
/// `builtin.module(...)` around it; passes on functions nest by themselves.
/// Fails with the text of the parser.
llvm::Error parseModulePipeline(llvm::StringRef text, mlir::OpPassManager &pm);

/// Passes that users and plugins put before or after a phase. They run on the
/// module, in the order in which they were added.
class PhaseExtensions {
public:
  enum class Position { Before, After };
  using Builder = std::function<void(mlir::OpPassManager &)>;

  /// Fails where there is no IR to run on: before import, after codegen and
  /// around link.
  llvm::Error add(Position position, Phase phase, Builder builder);

  /// Adds what a user wrote as `PHASE=PIPELINE`.
  llvm::Error addTextual(Position position, llvm::StringRef text);

  /// Appends to `pm` what was added there.
  void populate(Position position, Phase phase, mlir::OpPassManager &pm) const;

private:
  struct Extension {
    Position position;
    Phase phase;
    Builder builder;
  };
  std::vector<Extension> extensions;
};

} // namespace quench

#endif // QUENCH_PIPELINES_PHASES_H
