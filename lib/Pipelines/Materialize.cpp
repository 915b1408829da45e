//===- Materialize.cpp - Models with parameters of their own --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Materialize.h"

#include "Quench/Pipelines/Model.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/OutputFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace quench;

LogicalResult
quench::materializeModel(MLIRContext &context, StringRef input,
                         StringRef output, const PhaseOptions &phases,
                         const llvm::StringMap<std::string> &params,
                         PackOptions pack) {
  auto fail = [&](llvm::Error error) -> LogicalResult {
    return emitError(UnknownLoc::get(&context))
           << llvm::toString(std::move(error));
  };
  SmallString<128> model(output), archive(output);
  if (!output.ends_with(".mlir") && !output.ends_with(".mlirbc")) {
    if (std::error_code code = llvm::sys::fs::create_directories(output))
      return fail(
          makeError("cannot make folder '", output, "': ", describe(code)));
    llvm::sys::path::append(model, "model.mlir");
    llvm::sys::path::append(archive, "model.safetensors");
  }
  llvm::sys::path::replace_extension(archive, ".safetensors");
  pack.path = std::string(archive);
  pack.reference = llvm::sys::path::filename(archive).str();
  // What is known to fail fails before the work. Where both exist, the packer
  // can say what they are.
  bool isResumed = ParamPacker::isInterrupted(pack.path) ||
                   (llvm::sys::fs::is_regular_file(model) &&
                    llvm::sys::fs::is_regular_file(archive));
  for (StringRef path : {model, archive})
    if (llvm::Error error = checkOutput(path, pack.force || isResumed))
      return fail(std::move(error));

  OwningOpRef<ModuleOp> module = prepareModel(context, input, phases);
  if (!module)
    return failure();
  std::string directory = modelDirectory(input);
  FailureOr<ArchiveSet> archives = ArchiveSet::open(*module, params, directory);
  if (failed(archives))
    return failure();
  bool force = pack.force;
  rebasePaths(*module, directory, modelDirectory(model));
  return materializeParams(
      *module, *archives, std::move(pack), [&](bool isRepeated) {
        return writeModel(*module, model, force || isRepeated);
      });
}
