//===- Remarks.cpp - Why passes did what they did -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Remarks.h"

#include "Quench/Support/OutputFile.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Remark/RemarkStreamer.h"

using namespace mlir;

LogicalResult quench::enableRemarks(MLIRContext &context, StringRef path) {
  // Each kind has a filter of its own; `all` alone would filter all of them
  // out.
  remark::RemarkCategories categories;
  for (std::optional<std::string> *filter :
       {&categories.passed, &categories.missed, &categories.analysis,
        &categories.failed})
    *filter = ".*";
  auto policy = std::make_unique<remark::RemarkEmittingPolicyAll>();
  if (path == "-")
    return remark::enableOptimizationRemarks(context, /*streamer=*/nullptr,
                                             std::move(policy), categories,
                                             /*printAsEmitRemarks=*/true);
  auto fail = [&]() { return emitError(UnknownLoc::get(&context)); };
  if (llvm::Error error = checkOutput(path, /*force=*/true))
    return fail() << llvm::toString(std::move(error));
  if (failed(remark::enableOptimizationRemarksWithLLVMStreamer(
          context, path, llvm::remarks::Format::YAML, std::move(policy),
          categories)))
    return fail() << "cannot write remarks to '" << path << "'";
  return success();
}
