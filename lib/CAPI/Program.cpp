//===- Program.cpp - Building and running models in the C API -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Context.h"

#include "Quench/Pipelines/Build.h"
#include "Quench/Pipelines/Model.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Object/ELFObjectFile.h"

#include <dlfcn.h>

using namespace mlir;
using namespace quench;

namespace {
/// The caller side of a runtime: that of this library, or the one that a shared
/// library brings, whose code works with no other.
struct Runtime {
  decltype(&qrt_session_create) sessionCreate = qrt_session_create;
  decltype(&qrt_session_destroy) sessionDestroy = qrt_session_destroy;
  decltype(&qrt_session_manifest) sessionManifest = qrt_session_manifest;
  decltype(&qrt_run) run = qrt_run;
  decltype(&qrt_tensors_free) tensorsFree = qrt_tensors_free;
  decltype(&qrt_tokenize) tokenize = qrt_tokenize;
  decltype(&qrt_last_error) lastError = qrt_last_error;

  /// Takes the functions of an open library. Returns false where one lacks.
  bool load(void *library) {
    auto find = [&](auto &function, const char *name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(
          dlsym(library, name));
      return function != nullptr;
    };
    return find(sessionCreate, "qrt_session_create") &&
           find(sessionDestroy, "qrt_session_destroy") &&
           find(sessionManifest, "qrt_session_manifest") &&
           find(run, "qrt_run") && find(tensorsFree, "qrt_tensors_free") &&
           find(tokenize, "qrt_tokenize") && find(lastError, "qrt_last_error");
  }
};

/// An open shared library.
struct CloseLibrary {
  void operator()(void *library) const { dlclose(library); }
};
using Library = std::unique_ptr<void, CloseLibrary>;
} // namespace

struct quench_program {
  explicit quench_program(quench_context &owner) : owner(owner) {}
  ~quench_program() {
    if (session)
      runtime.sessionDestroy(session);
  }

  /// Starts a session of `model`. Fails with a message.
  bool start(const qrt_model *model, const qrt_options *options) {
    return check(runtime.sessionCreate(model, options, &session)) == QUENCH_OK;
  }

  /// Reports what the runtime says about a failure.
  quench_status check(qrt_status status) {
    if (status == QRT_OK)
      return QUENCH_OK;
    return owner.fail(status == QRT_INVALID_ARGUMENT ? QUENCH_INVALID_ARGUMENT
                                                     : QUENCH_FAILED,
                      runtime.lastError());
  }

  quench_context &owner;
  std::unique_ptr<JitModel> jit;
  Library library;
  Runtime runtime;
  qrt_session *session = nullptr;
};

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

/// Fills `options` from what a caller gave. Fails on a value that is unknown.
static llvm::Error convertOptions(const quench_build_options &given,
                                  BuildOptions &options) {
  auto copy = [](const char *text, std::string &to) {
    if (text)
      to = text;
  };
  copy(given.dtype, options.phases.import.dtype);
  copy(given.cpu, options.cpu);
  copy(given.linker, options.linker);
  copy(given.runtime, options.runtime);
  if (given.target && StringRef(given.target) != "cpu")
    options.triple = given.target;
  if (given.emit) {
    auto emit = llvm::StringSwitch<std::optional<EmitKind>>(given.emit)
                    .Case("exe", EmitKind::Executable)
                    .Case("shared", EmitKind::Shared)
                    .Case("object", EmitKind::Object)
                    .Case("mlir", EmitKind::MLIR)
                    .Case("llvm", EmitKind::LLVMIR)
                    .Default(std::nullopt);
    if (!emit)
      return llvm::createStringError(
          "emit: found '" + llvm::Twine(given.emit) +
          "', expected exe, shared, object, mlir or llvm");
    options.emit = *emit;
  }
  if (given.weights) {
    auto weights = llvm::StringSwitch<std::optional<WeightsMode>>(given.weights)
                       .Case("embed", WeightsMode::Embed)
                       .Case("external", WeightsMode::External)
                       .Default(std::nullopt);
    if (!weights)
      return llvm::createStringError("weights: found '" +
                                     llvm::Twine(given.weights) +
                                     "', expected embed or external");
    options.weights = *weights;
  }
  for (const char *text : llvm::ArrayRef(given.params, given.num_params)) {
    auto [scope, path] = StringRef(text).split('=');
    if (scope.empty() || path.empty())
      return llvm::createStringError("params: found '" + llvm::Twine(text) +
                                     "', expected scope=path");
    options.params[scope] = path.str();
  }
  options.force = given.force;
  return llvm::Error::success();
}

quench_status quench_build(quench_context *context, const char *input,
                           const char *output,
                           const quench_build_options *options) {
  context->begin();
  BuildOptions build;
  build.phases.importers = &context->importers;
  if (options) {
    if (options->struct_size != sizeof(quench_build_options))
      return context->fail(
          QUENCH_INVALID_ARGUMENT,
          "struct_size: found " + llvm::Twine(options->struct_size) +
              ", expected " + llvm::Twine(sizeof(quench_build_options)));
    if (llvm::Error error = convertOptions(*options, build))
      return context->fail(QUENCH_INVALID_ARGUMENT,
                           llvm::toString(std::move(error)));
  }
  return succeeded(buildModel(context->context, input, output, build))
             ? QUENCH_OK
             : QUENCH_FAILED;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

quench_program *quench_compile(quench_module *module, const char *cpu,
                               const qrt_options *options) {
  quench_context &context = module->owner;
  context.begin();
  llvm::Expected<CPUTarget> target = CPUTarget::parse(cpu ? cpu : "native");
  if (!target) {
    context.fail(QUENCH_INVALID_ARGUMENT, llvm::toString(target.takeError()));
    return nullptr;
  }
  FailureOr<std::unique_ptr<JitModel>> jit =
      compileInProcess(*module->module, module->directory, *target, {});
  if (failed(jit))
    return nullptr;
  auto program = std::make_unique<quench_program>(context);
  program->jit = std::move(*jit);
  return program->start(program->jit->model(), options) ? program.release()
                                                        : nullptr;
}

/// The name under which the shared library at `path` exports its model; empty
/// where it does not.
static std::string findModelSymbol(StringRef path) {
  auto file = llvm::object::ObjectFile::createObjectFile(path);
  if (!file) {
    llvm::consumeError(file.takeError());
    return "";
  }
  auto *elf = dyn_cast<llvm::object::ELFObjectFileBase>(file->getBinary());
  if (!elf)
    return "";
  for (llvm::object::SymbolRef symbol : elf->getDynamicSymbolIterators()) {
    llvm::Expected<StringRef> name = symbol.getName();
    if (!name)
      llvm::consumeError(name.takeError());
    else if (name->starts_with("quench_model_"))
      return name->str();
  }
  return "";
}

quench_program *quench_open(quench_context *context, const char *path,
                            const qrt_options *options) {
  context->begin();
  std::string symbol = findModelSymbol(path);
  if (symbol.empty()) {
    context->fail(QUENCH_FAILED, "'" + llvm::Twine(path) +
                                     "' is no shared library of a model: "
                                     "build one with --emit shared");
    return nullptr;
  }
  // A path without a slash would be searched for elsewhere.
  std::string file =
      StringRef(path).contains('/') ? path : "./" + std::string(path);
  auto program = std::make_unique<quench_program>(*context);
  program->library.reset(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL));
  if (!program->library) {
    context->fail(QUENCH_FAILED, dlerror());
    return nullptr;
  }
  auto *model = static_cast<const qrt_model *>(
      dlsym(program->library.get(), symbol.c_str()));
  if (!model || !program->runtime.load(program->library.get())) {
    context->fail(QUENCH_FAILED,
                  "'" + llvm::Twine(path) + "' lacks the runtime");
    return nullptr;
  }
  return program->start(model, options) ? program.release() : nullptr;
}

void quench_program_destroy(quench_program *program) { delete program; }

const char *quench_program_manifest(const quench_program *program) {
  return program->runtime.sessionManifest(program->session);
}

quench_status quench_program_run(quench_program *program, const char *entry,
                                 const qrt_tensor *inputs, size_t num_inputs,
                                 qrt_tensor **outputs, size_t *num_outputs) {
  program->owner.begin();
  return program->check(program->runtime.run(program->session, entry, inputs,
                                             num_inputs, outputs, num_outputs));
}

void quench_program_free(quench_program *program, qrt_tensor *tensors,
                         size_t count) {
  program->runtime.tensorsFree(tensors, count);
}

quench_status quench_program_tokenize(quench_program *program,
                                      const char *const *texts,
                                      const size_t *sizes, size_t count,
                                      int truncate, qrt_tensor **tensors,
                                      size_t *num_tensors) {
  program->owner.begin();
  return program->check(program->runtime.tokenize(
      program->session, texts, sizes, count, truncate, tensors, num_tensors));
}
