//===- quench-reduce.cpp - Makes a failing IR file smaller --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/InitAll.h"
#include "Quench/Plugin/PluginLoader.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/WithColor.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  quench::registerAllDialects(registry);
  quench::registerAllPasses();

  llvm::SmallVector<const char *> arguments(argv, argv + argc);
  quench::PluginSet plugins;
  if (llvm::Error error = plugins.loadFromArguments(arguments)) {
    llvm::WithColor::error(llvm::errs(), "quench-reduce")
        << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  plugins.registerDialects(registry);
  // For --help alone: its uses are gone by now.
  llvm::cl::list<std::string> loadPlugin(
      "load-plugin", llvm::cl::value_desc("file"),
      llvm::cl::desc("Load passes and dialects from a plugin of Quench"));

  mlir::MLIRContext context(registry);
  int count = arguments.size();
  arguments.push_back(nullptr);
  return mlir::failed(mlir::mlirReduceMain(
      count, const_cast<char **>(arguments.data()), context));
}
