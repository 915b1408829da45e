//===- Importer.cpp - Checkpoints to modules ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Import/Importer.h"

#include "Families.h"

#include "Quench/Import/ModelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace quench;
using llvm::StringRef;

const ImportFunction *ImporterRegistry::find(StringRef modelType) const {
  auto found = importers.find(modelType);
  return found == importers.end() ? nullptr : &found->second;
}

llvm::SmallVector<StringRef> ImporterRegistry::modelTypes() const {
  llvm::SmallVector<StringRef> names(importers.keys());
  llvm::sort(names);
  return names;
}

/// The float type that users call `name`, or null.
static FloatType parseFloatType(MLIRContext *context, StringRef name) {
  return llvm::StringSwitch<FloatType>(name)
      .Case("f16", Float16Type::get(context))
      .Case("bf16", BFloat16Type::get(context))
      .Case("f32", Float32Type::get(context))
      .Case("f64", Float64Type::get(context))
      .Default(nullptr);
}

OwningOpRef<ModuleOp>
quench::importCheckpoint(MLIRContext *context, StringRef directory,
                         const ImportOptions &options,
                         const ImporterRegistry &importers) {
  Location unknown = UnknownLoc::get(context);
  FloatType elementType = parseFloatType(context, options.dtype);
  if (!elementType) {
    mlir::emitError(unknown) << "data type '" << options.dtype
                             << "', expected f32, f64, f16 or bf16";
    return nullptr;
  }

  llvm::SmallString<128> folder(directory);
  llvm::sys::fs::make_absolute(folder);
  llvm::sys::path::remove_dots(folder, /*remove_dot_dot=*/true);
  if (!llvm::sys::fs::is_directory(folder)) {
    mlir::emitError(unknown)
        << directory << ": found "
        << (llvm::sys::fs::exists(folder) ? "a file" : "nothing")
        << ", expected the folder of a checkpoint";
    return nullptr;
  }
  llvm::SmallString<128> configPath(folder);
  llvm::sys::path::append(configPath, "config.json");
  FailureOr<Config> config = Config::load(context, configPath);
  if (failed(config))
    return nullptr;
  for (StringRef assignment : options.config)
    if (failed(config->assign(assignment)))
      return nullptr;

  StringRef modelType = config->getString("model_type");
  if (config->failed())
    return nullptr;
  const ImportFunction *importer = importers.find(modelType);
  if (!importer) {
    InFlightDiagnostic diagnostic = config->emitError("model_type");
    diagnostic << "model type '" << modelType
               << "' is not supported, expected ";
    llvm::interleaveComma(importers.modelTypes(), diagnostic);
    return nullptr;
  }
  if (config->has("quantization_config")) {
    Config quantization = config->getObject("quantization_config");
    config->emitError("quantization_config")
        << "the checkpoint is quantized by '"
        << quantization.getString("quant_method", "an unnamed method")
        << "', expected float weights";
    return nullptr;
  }

  llvm::Expected<std::unique_ptr<Archive>> archive = Archive::open(folder);
  if (!archive) {
    mlir::emitError(unknown) << llvm::toString(archive.takeError());
    return nullptr;
  }

  context->loadDialect<QuenchDialect, func::FuncDialect, tensor::TensorDialect,
                       arith::ArithDialect>();
  OwningOpRef<ModuleOp> module =
      ModuleOp::create(unknown, llvm::sys::path::filename(folder));
  Builder builder(context);
  module.get()->setAttr(attrs::modelType, builder.getStringAttr(modelType));
  module.get()->setAttr(
      attrs::archives,
      builder.getDictionaryAttr(builder.getNamedAttr(
          "model", builder.getStringAttr(
                       llvm::sys::path::filename((*archive)->path())))));

  ModelBuilder modelBuilder(*module, *config, **archive, folder, elementType);
  if (failed((*importer)(modelBuilder)) || modelBuilder.failed() ||
      failed(config->checkAssigned()) || failed(verify(*module)))
    return nullptr;
  modelBuilder.warnUnused();
  return module;
}

void quench::registerAllImporters(ImporterRegistry &registry) {
  registry.add("bert", importBert);
  registry.add("deit", importDeiT);
  registry.add("gpt2", importGPT2);
  registry.add("llama", importLlama);
  registry.add("mamba", importMamba);
  registry.add("mistral", importMistral);
  registry.add("mobilevit", importMobileViT);
  registry.add("opt", importOPT);
  registry.add("qwen2", importQwen2);
  registry.add("qwen3", importQwen3);
  registry.add("vit", importViT);
}
