//===- quench-lsp-server.cpp - Language server for IR files -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/InitAll.h"
#include "Quench/Plugin/PluginLoader.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/WithColor.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  quench::registerAllDialects(registry);

  llvm::SmallVector<const char *> arguments(argv, argv + argc);
  quench::PluginSet plugins;
  if (llvm::Error error = plugins.loadFromArguments(arguments)) {
    llvm::WithColor::error(llvm::errs(), "quench-lsp-server")
        << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  plugins.registerDialects(registry);
  // For --help alone: its uses are gone by now.
  llvm::cl::list<std::string> loadPlugin(
      "load-plugin", llvm::cl::value_desc("file"),
      llvm::cl::desc("Load dialects from a plugin of Quench"));

  int count = arguments.size();
  arguments.push_back(nullptr);
  return mlir::failed(mlir::MlirLspServerMain(
      count, const_cast<char **>(arguments.data()), registry));
}
