//===- quench-opt.cpp - Runs passes on IR files -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../EquivalenceFlags.h"
#include "Quench/InitAll.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Plugin/PluginLoader.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

static mlir::LogicalResult fail(const llvm::Twine &message) {
  llvm::WithColor::error(llvm::errs(), "quench-opt") << message << "\n";
  return mlir::failure();
}

/// MlirOptMain() with passes that claim equivalence checked.
static mlir::LogicalResult runVerified(llvm::StringRef input,
                                       llvm::StringRef output,
                                       mlir::DialectRegistry &registry,
                                       const EquivalenceFlags &flags,
                                       quench::EquivalenceOptions options) {
  quench::EquivalenceVerifier verifier(std::move(options),
                                       quench::modelDirectory(input));
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  auto verified = config;
  verified.setPassPipelineSetupFn([&](mlir::PassManager &pm) {
    verifier.attach(pm);
    return config.setupPassPipeline(pm);
  });
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> source =
      mlir::openInputFile(input, &message);
  if (!source)
    return fail(message);
  std::unique_ptr<llvm::ToolOutputFile> result =
      mlir::openOutputFile(output, &message);
  if (!result)
    return fail(message);
  mlir::LogicalResult done =
      mlir::MlirOptMain(result->os(), std::move(source), registry, verified);
  if (succeeded(done))
    result->keep();
  // Failures are what a reader looks for.
  if (llvm::Error error = flags.write(verifier))
    return fail(llvm::toString(std::move(error)));
  return done;
}

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  quench::registerAllDialects(registry);
  quench::registerAllPasses();

  // Before the other options, so that passes of plugins are flags too.
  llvm::SmallVector<const char *> arguments(argv, argv + argc);
  quench::PluginSet plugins;
  if (llvm::Error error = plugins.loadFromArguments(arguments)) {
    llvm::WithColor::error(llvm::errs(), "quench-opt")
        << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  plugins.registerDialects(registry);
  // For --help alone: its uses are gone by now.
  llvm::cl::list<std::string> loadPlugin(
      "load-plugin", llvm::cl::value_desc("file"),
      llvm::cl::desc("Load passes and dialects from a plugin of Quench"));

  int count = arguments.size();
  arguments.push_back(nullptr);
  char **begin = const_cast<char **>(arguments.data());
  llvm::InitLLVM init(count, begin);
  EquivalenceFlags flags;
  auto [input, output] = mlir::registerAndParseCLIOptions(
      count, begin, "Quench optimizer driver\n", registry);
  quench::EquivalenceOptions options;
  llvm::Expected<bool> isVerified = flags.get(options);
  if (!isVerified) {
    (void)fail(llvm::toString(isVerified.takeError()));
    return 2;
  }
  return mlir::asMainReturnCode(
      *isVerified
          ? runVerified(input, output, registry, flags, std::move(options))
          : mlir::MlirOptMain(count, begin, input, output, registry));
}
