//===- Model.cpp - Models in files and in memory --------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Model.h"

#include "Quench/Support/OutputFile.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Builders.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

#include <filesystem>

using namespace mlir;
using namespace quench;

OwningOpRef<ModuleOp> quench::loadModel(MLIRContext &context, StringRef path,
                                        const ImportOptions &options,
                                        const ImporterRegistry &importers) {
  if (llvm::sys::fs::is_directory(path))
    return importCheckpoint(&context, path, options, importers);
  if (!options.config.empty()) {
    emitError(UnknownLoc::get(&context))
        << "--config: '" << path
        << "' has no config.json, expected a checkpoint "
        << "folder";
    return nullptr;
  }
  if (!llvm::sys::fs::exists(path)) {
    emitError(UnknownLoc::get(&context))
        << "no model at '" << path
        << "': expected a checkpoint folder or an IR file";
    return nullptr;
  }
  return parseSourceFile<ModuleOp>(path, ParserConfig(&context));
}

std::string quench::modelDirectory(StringRef path) {
  if (llvm::sys::fs::is_directory(path))
    return path.str();
  StringRef parent = llvm::sys::path::parent_path(path);
  return parent.empty() ? "." : parent.str();
}

std::string quench::rebasePath(StringRef path, StringRef from, StringRef to) {
  std::filesystem::path old(path.str());
  if (old.is_absolute())
    return path.str();
  std::error_code ec;
  std::filesystem::path target = std::filesystem::weakly_canonical(
      std::filesystem::path(from.str()) / old, ec);
  std::filesystem::path base = std::filesystem::weakly_canonical(to.str(), ec);
  std::filesystem::path relative = target.lexically_relative(base);
  return relative.empty() ? target.string() : relative.string();
}

void quench::rebasePaths(ModuleOp module, StringRef from, StringRef to) {
  auto rebaseIn = [&](StringRef attrName, auto isPath) {
    auto dict = module->getAttrOfType<DictionaryAttr>(attrName);
    if (!dict)
      return;
    SmallVector<NamedAttribute> entries;
    for (NamedAttribute entry : dict) {
      auto path = dyn_cast<StringAttr>(entry.getValue());
      if (path && isPath(entry.getName()))
        entry.setValue(StringAttr::get(module.getContext(),
                                       rebasePath(path.getValue(), from, to)));
      entries.push_back(entry);
    }
    module->setAttr(attrName,
                    DictionaryAttr::get(module.getContext(), entries));
  };
  rebaseIn("quench.archives", [](StringAttr) { return true; });
  rebaseIn("quench.tokenizer",
           [](StringAttr name) { return name.getValue() == "vocab"; });
}

LogicalResult quench::writeModel(ModuleOp module, StringRef path, bool force) {
  auto write = [&](llvm::raw_ostream &os) {
    if (path.ends_with(".mlirbc"))
      return writeBytecodeToFile(module, os);
    module.print(os, OpPrintingFlags().enableDebugInfo());
    return success();
  };
  if (path == "-")
    return write(llvm::outs());
  auto file = OutputFile::create(path, force);
  if (!file)
    return emitError(UnknownLoc::get(module.getContext()))
           << llvm::toString(file.takeError());
  if (failed(write((*file)->os())))
    return failure();
  if (llvm::Error error = (*file)->commit())
    return emitError(UnknownLoc::get(module.getContext()))
           << llvm::toString(std::move(error));
  return success();
}

/// Where a location points to in words: `file:line:column`, or the name of a
/// value; empty where it points nowhere.
static std::string describeLocation(Location location) {
  std::string text;
  llvm::raw_string_ostream os(text);
  location->walk([&](Location loc) {
    if (auto file = dyn_cast<FileLineColRange>(loc)) {
      os << file.getFilename().getValue();
      if (file.getStartLine())
        os << ':' << file.getStartLine() << ':' << file.getStartColumn();
      return WalkResult::interrupt();
    }
    if (auto name = dyn_cast<NameLoc>(loc)) {
      os << name.getName().getValue();
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return text;
}

static StringRef severityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  llvm_unreachable("unknown severity");
}

void quench::printDiagnostic(const Diagnostic &diagnostic, StringRef prefix,
                             llvm::raw_ostream &os) {
  std::string place = describeLocation(diagnostic.getLocation());
  os << (place.empty() ? prefix : StringRef(place)) << ": "
     << severityName(diagnostic.getSeverity()) << ": " << diagnostic << '\n';
  for (const Diagnostic &note : diagnostic.getNotes())
    printDiagnostic(note, prefix, os);
}
