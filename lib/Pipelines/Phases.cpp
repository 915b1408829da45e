//===- Phases.cpp - The named phases of a compilation ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Phases.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace quench;

ArrayRef<Phase> quench::allPhases() {
  static constexpr Phase phases[] = {
      Phase::Import,    Phase::Canonical, Phase::Transform, Phase::Assign,
      Phase::Calibrate, Phase::Quantize,  Phase::Codegen,   Phase::Link};
  return phases;
}

StringRef quench::stringifyPhase(Phase phase) {
  switch (phase) {
  case Phase::Import:
    return "import";
  case Phase::Canonical:
    return "canonical";
  case Phase::Transform:
    return "transform";
  case Phase::Assign:
    return "assign";
  case Phase::Calibrate:
    return "calibrate";
  case Phase::Quantize:
    return "quantize";
  case Phase::Codegen:
    return "codegen";
  case Phase::Link:
    return "link";
  }
  llvm_unreachable("unknown phase");
}

std::optional<Phase> quench::symbolizePhase(StringRef name) {
  const auto *phase = llvm::find_if(
      allPhases(), [&](Phase p) { return stringifyPhase(p) == name; });
  if (phase == allPhases().end())
    return std::nullopt;
  return *phase;
}

std::string quench::listPhases(Phase first, Phase last) {
  std::string text;
  for (Phase phase : allPhases()) {
    if (phase < first || phase > last)
      continue;
    text += phase == first ? "" : phase == last ? " or " : ", ";
    text += stringifyPhase(phase);
  }
  return text;
}

void quench::buildCanonicalPipeline(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createSymbolDCEPass());
}

llvm::Error quench::parseModulePipeline(StringRef text, OpPassManager &pm) {
  StringRef passes = text.trim();
  if (passes.consume_front("builtin.module(") && !passes.consume_back(")"))
    return llvm::createStringError("pipeline '" + text +
                                   "' lacks its closing parenthesis");
  pm.setNesting(OpPassManager::Nesting::Implicit);
  std::string message;
  llvm::raw_string_ostream os(message);
  if (succeeded(parsePassPipeline(passes, pm, os)))
    return llvm::Error::success();
  // The parser prints where in a file of its own it stands, and a caret line;
  // mistakes in options come without.
  StringRef reason = StringRef(message).ltrim();
  if (!reason.consume_front("<Pass-Options-Parser>: "))
    reason = reason.split("error: ").second;
  return llvm::createStringError("pipeline '" + text +
                                 "': " + reason.split('\n').first);
}

llvm::Error PhaseExtensions::add(Position position, Phase phase,
                                 Builder builder) {
  if (phase == Phase::Link ||
      (phase == Phase::Import && position == Position::Before) ||
      (phase == Phase::Codegen && position == Position::After))
    return llvm::createStringError(
        "there is no IR " +
        StringRef(position == Position::Before ? "before" : "after") +
        " phase '" + stringifyPhase(phase) +
        "': passes run after import, around the phases up to quantize, and "
        "before codegen");
  extensions.push_back({position, phase, std::move(builder)});
  return llvm::Error::success();
}

llvm::Error PhaseExtensions::addTextual(Position position, StringRef text) {
  auto [name, pipeline] = text.split('=');
  std::optional<Phase> phase = symbolizePhase(name);
  if (!phase || pipeline.empty())
    return llvm::createStringError(
        "found '" + text + "', expected PHASE=PIPELINE, where PHASE is " +
        listPhases(Phase::Import, Phase::Codegen));
  // Parsed once here, so that a typing error shows before any work is done.
  OpPassManager parsed(ModuleOp::getOperationName());
  if (llvm::Error error = parseModulePipeline(pipeline, parsed))
    return error;
  return add(position, *phase, [text = pipeline.str()](OpPassManager &pm) {
    llvm::cantFail(parseModulePipeline(text, pm));
  });
}

void PhaseExtensions::populate(Position position, Phase phase,
                               OpPassManager &pm) const {
  for (const Extension &extension : extensions)
    if (extension.position == position && extension.phase == phase)
      extension.builder(pm);
}
