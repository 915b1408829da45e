//===- Manifest.cpp - What a compiled model takes and gives ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/Manifest.h"

#include "BatchIndependence.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Support/DType.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/Hash.h"
#include "Quench/Support/Version.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace quench;
namespace json = llvm::json;

namespace {

StringRef stringify(ParamsMode mode) {
  switch (mode) {
  case ParamsMode::Embed:
    return "embed";
  case ParamsMode::External:
    return "external";
  case ParamsMode::Memory:
    return "memory";
  }
  llvm_unreachable("all modes are handled");
}

/// Writes what the entry points of one module take and give.
class Interface {
public:
  Interface(ModuleOp module)
      : symbols(module->getAttrOfType<DictionaryAttr>(attrs::symbols)) {}

  FailureOr<json::Object> getEntry(func::FuncOp func) {
    json::Array inputs, outputs;
    for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i) {
      FailureOr<json::Object> input =
          getTensor(func, "argument", i, func.getArgumentTypes()[i],
                    func.getArgAttrDict(i));
      if (failed(input))
        return failure();
      if (auto role = func.getArgAttrOfType<StringAttr>(i, attrs::role))
        input->try_emplace("role", role.getValue());
      if (Attribute value = func.getArgAttr(i, attrs::defaultValue))
        input->try_emplace("default", getNumber(value));
      if (auto range =
              func.getArgAttrOfType<DenseI64ArrayAttr>(i, attrs::range))
        input->try_emplace("range", json::Array(range.asArrayRef()));
      inputs.push_back(std::move(*input));
    }
    for (unsigned i = 0, e = func.getNumResults(); i < e; ++i) {
      if (func.getResultAttr(i, attrs::state))
        continue;
      FailureOr<json::Object> output =
          getTensor(func, "result", i, func.getResultTypes()[i],
                    func.getResultAttrDict(i));
      if (failed(output))
        return failure();
      outputs.push_back(std::move(*output));
    }
    json::Object entry{{"name", func.getName()},
                       {"inputs", std::move(inputs)},
                       {"outputs", std::move(outputs)}};
    if (StringAttr symbol = getIndependentSymbol(func))
      entry.try_emplace("independent", symbol.getValue());
    return entry;
  }

private:
  static json::Value getNumber(Attribute value) {
    if (auto number = dyn_cast<FloatAttr>(value))
      return number.getValueAsDouble();
    return cast<IntegerAttr>(value).getInt();
  }

  FailureOr<json::Object> getTensor(func::FuncOp func, StringRef kind,
                                    unsigned index, Type type,
                                    DictionaryAttr attributes) {
    auto fail = [&] {
      return func.emitError() << kind << " #" << index << " of entry point '"
                              << func.getName() << "' ";
    };
    auto tensor = dyn_cast<RankedTensorType>(type);
    std::optional<DType> dtype;
    if (tensor)
      dtype = getDType(tensor.getElementType());
    if (!dtype)
      return fail() << "is of type " << type
                    << ", which no tensor of a caller has";
    if (!attributes)
      attributes = DictionaryAttr::get(func.getContext());
    auto name = attributes.getAs<StringAttr>(attrs::name);
    if (!name)
      return fail() << "has no name, expected " << attrs::name;
    auto dims = attributes.getAs<ArrayAttr>(attrs::dims);
    if (tensor.getNumDynamicDims() != (dims ? dims.size() : 0))
      return fail() << "has " << tensor.getNumDynamicDims()
                    << " dynamic dimensions, expected as many names in "
                    << attrs::dims;
    json::Array shape;
    unsigned next = 0;
    for (int64_t size : tensor.getShape()) {
      if (!ShapedType::isDynamic(size)) {
        shape.push_back(size);
        continue;
      }
      auto symbol = cast<StringAttr>(dims[next++]);
      if (!symbols || !symbols.contains(symbol))
        return fail() << "has a dimension '" << symbol.getValue()
                      << "', which is not in " << attrs::symbols;
      shape.push_back(symbol.getValue());
    }
    return json::Object{{"name", name.getValue()},
                        {"dtype", getName(*dtype)},
                        {"shape", std::move(shape)}};
  }

  DictionaryAttr symbols;
};

json::Object getSymbols(DictionaryAttr symbols) {
  json::Object result;
  for (NamedAttribute symbol : symbols) {
    SmallVector<int64_t> bounds;
    if (auto dense = dyn_cast<DenseI64ArrayAttr>(symbol.getValue()))
      llvm::append_range(bounds, dense.asArrayRef());
    else
      for (Attribute bound : cast<ArrayAttr>(symbol.getValue()))
        bounds.push_back(cast<IntegerAttr>(bound).getInt());
    json::Object limits{{"min", bounds.front()}, {"max", nullptr}};
    if (bounds.size() == 2)
      limits["max"] = bounds.back();
    result.try_emplace(symbol.getName().getValue(), std::move(limits));
  }
  return result;
}

/// The words of the file `path`, one a line.
FailureOr<json::Array> readVocabulary(ModuleOp module, StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return module.emitError() << "cannot read the vocabulary '" << path
                              << "': " << describe(buffer.getError());
  json::Array words;
  StringRef rest = (*buffer)->getBuffer();
  while (!rest.empty()) {
    StringRef line;
    std::tie(line, rest) = rest.split('\n');
    line.consume_back("\r");
    if (!json::isUTF8(line))
      return module.emitError()
             << "the vocabulary '" << path << "' has in line "
             << words.size() + 1 << " no UTF-8";
    words.push_back(line.str());
  }
  return words;
}

/// The tokenizer as JSON, its vocabulary read if it is a file.
FailureOr<json::Object> getTokenizer(ModuleOp module, DictionaryAttr tokenizer,
                                     StringRef baseDir) {
  json::Object result;
  for (NamedAttribute field : tokenizer) {
    StringRef key = field.getName().getValue();
    if (auto path = dyn_cast<StringAttr>(field.getValue());
        path && key == "vocab") {
      SmallString<128> full(path.getValue());
      if (llvm::sys::path::is_relative(full)) {
        full = baseDir;
        llvm::sys::path::append(full, path.getValue());
      }
      FailureOr<json::Array> words = readVocabulary(module, full);
      if (failed(words))
        return failure();
      result.try_emplace(key, std::move(*words));
      continue;
    }
    bool known = llvm::TypeSwitch<Attribute, bool>(field.getValue())
                     .Case([&](StringAttr attr) {
                       return result.try_emplace(key, attr.getValue()).second;
                     })
                     .Case([&](BoolAttr attr) {
                       return result.try_emplace(key, attr.getValue()).second;
                     })
                     .Case([&](IntegerAttr attr) {
                       return result.try_emplace(key, attr.getInt()).second;
                     })
                     .Case([&](ArrayAttr attr) {
                       json::Array words;
                       for (Attribute word : attr) {
                         if (!isa<StringAttr>(word))
                           return false;
                         words.push_back(cast<StringAttr>(word).getValue());
                       }
                       return result.try_emplace(key, std::move(words)).second;
                     })
                     .Default(false);
    if (!known)
      return module.emitError() << attrs::tokenizer << " has in '" << key
                                << "' " << field.getValue()
                                << ", expected a string, a bool, an integer or "
                                   "an array of strings";
  }
  return result;
}

} // namespace

FailureOr<json::Object> quench::buildManifest(ModuleOp module,
                                              const ManifestInfo &info) {
  Interface interface(module);
  json::Array entries;
  for (auto func : module.getOps<func::FuncOp>()) {
    if (!func->hasAttr(attrs::entry))
      continue;
    FailureOr<json::Object> entry = interface.getEntry(func);
    if (failed(entry))
      return failure();
    entries.push_back(std::move(*entry));
  }
  if (entries.empty())
    return module.emitError() << "there is no entry point, expected a function "
                                 "with the attribute "
                              << attrs::entry;

  std::string name = info.name;
  if (name.empty())
    name = module.getName().value_or("model").str();
  json::Object manifest{{"quench", getVersion()},
                        {"name", name},
                        {"target", info.target},
                        {"cpu", info.cpu},
                        {"features", json::Array(info.features)},
                        {"recipe", info.recipe},
                        {"hash", info.hash},
                        {"entries", std::move(entries)}};
  if (auto type = module->getAttrOfType<StringAttr>(attrs::modelType))
    manifest.try_emplace("model_type", type.getValue());
  json::Object symbols;
  if (auto attr = module->getAttrOfType<DictionaryAttr>(attrs::symbols))
    symbols = getSymbols(attr);
  manifest.try_emplace("symbols", std::move(symbols));
  json::Value tokenizer = nullptr;
  if (auto attr = module->getAttrOfType<DictionaryAttr>(attrs::tokenizer)) {
    FailureOr<json::Object> object = getTokenizer(module, attr, info.baseDir);
    if (failed(object))
      return failure();
    tokenizer = std::move(*object);
  }
  manifest.try_emplace("tokenizer", std::move(tokenizer));

  return manifest;
}

void quench::addParams(json::Object &manifest, ParamsMode mode, StringRef file,
                       ArrayRef<char> payload) {
  json::Object params{{"mode", stringify(mode)},
                      {"bytes", payload.size()},
                      {"xxh3", hashBytes(payload)}};
  if (mode == ParamsMode::External)
    params.try_emplace("file", file);
  manifest["params"] = std::move(params);
}
