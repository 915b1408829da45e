//===- MaterializeParams.cpp - Weight programs into an archive ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Transforms/ParamPacker.h"
#include "Quench/Transforms/Passes.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHMATERIALIZEPARAMS
#include "Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {
struct MaterializeParams
    : quench::impl::QuenchMaterializeParamsBase<MaterializeParams> {
  using QuenchMaterializeParamsBase::QuenchMaterializeParamsBase;

  LogicalResult initializeOptions(
      llvm::StringRef text,
      llvm::function_ref<LogicalResult(const llvm::Twine &)> fail) override {
    if (failed(QuenchMaterializeParamsBase::initializeOptions(text, fail)))
      return failure();
    if (archive.empty())
      return fail("no archive: name it by the option 'archive'");
    if (llvm::Error error = parse().takeError())
      return fail(llvm::toString(std::move(error)));
    return success();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::Expected<PackOptions> options = parse();
    if (!options) {
      module.emitError() << llvm::toString(options.takeError());
      return signalPassFailure();
    }
    FailureOr<ArchiveSet> archives = ArchiveSet::open(module, {}, baseDir);
    if (failed(archives) ||
        failed(materializeParams(module, *archives, std::move(*options))))
      signalPassFailure();
  }

private:
  /// The options of the packer.
  llvm::Expected<PackOptions> parse() {
    PackOptions options;
    options.path = archive;
    options.force = force;
    options.threads = threads;
    if (llvm::Error error = parseAccumulate(accumulate, options.computeInF32))
      return std::move(error);
    if (llvm::Error error = parseMemory(maxMemory, options.maxMemory))
      return std::move(error);
    return options;
  }
};
} // namespace
