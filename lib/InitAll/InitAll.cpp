//===- InitAll.cpp - Registers everything of Quench ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/InitAll.h"

#include "Quench/Analysis/Relevance.h"
#include "Quench/Codegen/CPU/Kernels.h"
#include "Quench/Codegen/CPU/Passes.h"
#include "Quench/Codegen/CPU/Pipeline.h"
#include "Quench/Conversion/Passes.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Pipelines/Recipe.h"
#include "Quench/Plugin/Passes.h"
#include "Quench/Transforms/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

void quench::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllToLLVMIRTranslations(registry);
  registry.insert<QuenchDialect>();
  registerKernelBufferization(registry);
  registerRelevanceModels(registry);
}

/// What this library adds to the passes of MLIR.
static void registerOwnPasses() {
  quench::registerQuenchDialectPasses();
  quench::registerQuenchTransformsPasses();
  quench::registerQuenchConversionPasses();
  quench::registerCPUPasses();
  quench::registerCPUPipelines();
  quench::registerQuenchPluginPasses();
  quench::registerRecipePipelines();
}

void quench::registerAllPasses() {
  mlir::registerAllPasses();
  registerOwnPasses();
}

//===----------------------------------------------------------------------===//
// The library as a plugin of the stock mlir-opt
//===----------------------------------------------------------------------===//

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Quench", LLVM_VERSION_STRING,
          [](mlir::DialectRegistry *registry) {
            registry->insert<quench::QuenchDialect>();
            quench::registerKernelBufferization(*registry);
          }};
}

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Quench", LLVM_VERSION_STRING,
          registerOwnPasses};
}
