//===- IR.cpp - Contexts and IR in the C API ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Context.h"

#include "Quench/InitAll.h"
#include "Quench/Pipelines/Inspect.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Pipelines/Phases.h"
#include "Quench/Support/Version.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cstdlib>
#include <cstring>
#include <mutex>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Context
//===----------------------------------------------------------------------===//

static quench_severity convertSeverity(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return QUENCH_NOTE;
  case DiagnosticSeverity::Remark:
    return QUENCH_REMARK;
  case DiagnosticSeverity::Warning:
    return QUENCH_WARNING;
  case DiagnosticSeverity::Error:
    return QUENCH_ERROR;
  }
  llvm_unreachable("unknown severity");
}

quench_context::quench_context() {
  static std::once_flag passesAreRegistered;
  std::call_once(passesAreRegistered, registerAllPasses);
  DialectRegistry registry;
  registerAllDialects(registry);
  context.appendDialectRegistry(registry);
  context.printOpOnDiagnostic(false);
  registerAllImporters(importers);
  context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    std::string text;
    llvm::raw_string_ostream os(text);
    printDiagnostic(diagnostic, "quench", os);
    report(convertSeverity(diagnostic.getSeverity()), StringRef(text).rtrim());
    return success();
  });
}

void quench_context::report(quench_severity severity, StringRef text) {
  if (severity == QUENCH_ERROR)
    error += (error.empty() ? "" : "\n") + text.str();
  if (callback)
    callback(user, severity, text.str().c_str());
}

quench_status quench_context::fail(quench_status status,
                                   const llvm::Twine &message) {
  report(QUENCH_ERROR, ("quench: error: " + message).str());
  return status;
}

uint32_t quench_abi_version(void) { return QUENCH_C_ABI_VERSION; }

const char *quench_version(void) { return getVersion().data(); }

quench_context *quench_context_create(void) { return new quench_context; }

void quench_context_destroy(quench_context *context) { delete context; }

const char *quench_last_error(const quench_context *context) {
  return context->error.c_str();
}

void quench_set_message_callback(quench_context *context,
                                 quench_message_fn callback, void *user) {
  context->callback = callback;
  context->user = user;
}

//===----------------------------------------------------------------------===//
// IR
//===----------------------------------------------------------------------===//

/// A copy that the caller frees.
static char *copyString(StringRef text) {
  char *copy = static_cast<char *>(std::malloc(text.size() + 1));
  if (!copy)
    return nullptr;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

quench_module *quench_load(quench_context *context, const char *path,
                           const char *dtype) {
  context->begin();
  ImportOptions options;
  if (dtype)
    options.dtype = dtype;
  OwningOpRef<ModuleOp> module =
      loadModel(context->context, path, options, context->importers);
  if (!module)
    return nullptr;
  return new quench_module{*context, std::move(module), modelDirectory(path)};
}

quench_module *quench_parse(quench_context *context, const char *text,
                            size_t size) {
  context->begin();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
      StringRef(text, size), ParserConfig(&context->context), "ir");
  if (!module)
    return nullptr;
  return new quench_module{*context, std::move(module), "."};
}

void quench_module_destroy(quench_module *module) { delete module; }

quench_status quench_run_pipeline(quench_module *module, const char *pipeline) {
  quench_context &context = module->owner;
  context.begin();
  PassManager pm(&context.context, ModuleOp::getOperationName());
  if (llvm::Error error = parseModulePipeline(pipeline, pm))
    return context.fail(QUENCH_INVALID_ARGUMENT,
                        llvm::toString(std::move(error)));
  return succeeded(pm.run(*module->module)) ? QUENCH_OK : QUENCH_FAILED;
}

char *quench_print(quench_module *module) {
  module->owner.begin();
  std::string text;
  llvm::raw_string_ostream os(text);
  module->module->print(os);
  return copyString(text);
}

void quench_string_free(char *string) { std::free(string); }

char *quench_inspect(quench_module *module) {
  module->owner.begin();
  return copyString(
      llvm::formatv("{0:2}\n", summaryToJSON(summarizeModel(*module->module)))
          .str());
}

quench_status quench_write(quench_module *module, const char *path, int force) {
  module->owner.begin();
  OwningOpRef<ModuleOp> copy(module->module->clone());
  rebasePaths(*copy, module->directory, modelDirectory(path));
  return succeeded(writeModel(*copy, path, force)) ? QUENCH_OK : QUENCH_FAILED;
}
