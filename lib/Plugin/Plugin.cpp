//===- Plugin.cpp - Plugins in hosts other than Quench --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Plugin/Plugin.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"

using namespace quench;

void PluginInfo::registerPasses() const {
  PluginRegistrar registrar;
  registerPlugin(registrar);
  for (const mlir::PassAllocatorFunction &allocator : registrar.passes)
    mlir::registerPass(allocator);
  for (const PluginRegistrar::Pipeline &pipeline : registrar.pipelines)
    pipeline.registerIt();
}

void PluginInfo::registerDialects(mlir::DialectRegistry &registry) const {
  registry.insert<QuenchDialect>();
  PluginRegistrar registrar;
  registerPlugin(registrar);
  for (const auto &callback : registrar.dialects)
    callback(registry);
}
