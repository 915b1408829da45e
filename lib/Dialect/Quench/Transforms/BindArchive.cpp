//===- BindArchive.cpp - What archives say, in the IR ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Support/Archive.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHBINDARCHIVE
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Headers
//===----------------------------------------------------------------------===//

/// The dictionary under `name`, an attribute of `module`, with `value` under
/// `key` in it.
static void setEntry(ModuleOp module, StringRef name, StringRef key,
                     Attribute value) {
  NamedAttrList entries(module->getAttrOfType<DictionaryAttr>(name));
  entries.set(key, value);
  module->setAttr(name, entries.getDictionary(module.getContext()));
}

/// Checks that an archive which says that it holds statistics can be read.
static LogicalResult checkFormat(ModuleOp module, const Archive &archive) {
  auto format = archive.metadata().find("format");
  if (format == archive.metadata().end() ||
      format->getValue() != statistics::format)
    return success();
  std::string version = archive.metadata().lookup("version");
  if (version != statistics::version)
    return module.emitError()
           << "archive '" << archive.path() << "' holds statistics of version '"
           << version << "', expected '" << statistics::version << "'";
  return success();
}

LogicalResult quench::bindArchive(ModuleOp module, StringRef scope,
                                  StringRef file, StringRef writtenPath) {
  llvm::Expected<std::unique_ptr<Archive>> archive = Archive::open(file);
  if (!archive)
    return module.emitError() << "archive of scope '" << scope
                              << "': " << llvm::toString(archive.takeError());
  if (failed(checkFormat(module, **archive)))
    return failure();
  Builder builder(module.getContext());
  NamedAttrList tensors, metadata;
  for (const Archive::Tensor &tensor : (*archive)->tensors()) {
    Type element = getElementType(tensor.dtype, module.getContext());
    if (element)
      tensors.set(tensor.name,
                  TypeAttr::get(RankedTensorType::get(tensor.shape, element)));
  }
  for (const auto &entry : (*archive)->metadata())
    metadata.set(entry.getKey(), builder.getStringAttr(entry.getValue()));
  auto header = builder.getDictionaryAttr(
      {builder.getNamedAttr("metadata",
                            metadata.getDictionary(module.getContext())),
       builder.getNamedAttr("tensors",
                            tensors.getDictionary(module.getContext()))});
  setEntry(module, boundAttrName, scope, header);
  setEntry(module, attrs::archives, scope, builder.getStringAttr(writtenPath));
  return success();
}

/// The dictionary `part` of the header of the archive of `scope`, or null.
static DictionaryAttr getHeader(ModuleOp module, StringRef scope,
                                StringRef part) {
  auto bound = module->getAttrOfType<DictionaryAttr>(boundAttrName);
  auto header = bound ? bound.getAs<DictionaryAttr>(scope) : DictionaryAttr();
  return header ? header.getAs<DictionaryAttr>(part) : DictionaryAttr();
}

bool quench::isBound(ModuleOp module, StringRef scope) {
  return getHeader(module, scope, "tensors") != nullptr;
}

std::optional<StringRef> quench::getBoundText(ModuleOp module, StringRef scope,
                                              StringRef key) {
  DictionaryAttr metadata = getHeader(module, scope, "metadata");
  auto text = metadata ? metadata.getAs<StringAttr>(key) : StringAttr();
  if (!text)
    return std::nullopt;
  return text.getValue();
}

/// The type of the tensor `key` of the archive of `scope`, or null.
static TypeAttr getTensor(ModuleOp module, StringRef scope, StringRef key) {
  DictionaryAttr tensors = getHeader(module, scope, "tensors");
  return tensors ? tensors.getAs<TypeAttr>(key) : TypeAttr();
}

bool quench::hasBoundTensor(ModuleOp module, StringRef scope, StringRef key) {
  return getTensor(module, scope, key) != nullptr;
}

Value quench::createBoundParam(OpBuilder &builder, Location loc,
                               ModuleOp module, StringRef scope,
                               StringRef key) {
  TypeAttr type = getTensor(module, scope, key);
  if (!type)
    return {};
  return ParamOp::create(builder, loc, type.getValue(),
                         RefAttr::get(builder.getContext(), scope, key));
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct BindArchive : quench::impl::QuenchBindArchiveBase<BindArchive> {
  using QuenchBindArchiveBase::QuenchBindArchiveBase;

  void runOnOperation() override {
    if (scope.empty() || file.empty()) {
      getOperation().emitError("expected options scope and file of ")
          << getArgument();
      return signalPassFailure();
    }
    if (failed(bindArchive(getOperation(), scope, file, file)))
      signalPassFailure();
  }
};
} // namespace
