//===- Inspect.cpp - What a model is made of ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Inspect.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Support/TextTable.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace quench;

/// Text of a type as the IR writes it.
static std::string typeName(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// Name, element type and shape of an argument or result of an entry point,
/// whose attributes are `attrs`.
static ModelSummary::Tensor describeTensor(Type type, DictionaryAttr attrs) {
  ModelSummary::Tensor tensor;
  if (attrs) {
    if (auto name = attrs.getAs<StringAttr>("quench.name"))
      tensor.name = name.str();
    if (auto role = attrs.getAs<StringAttr>("quench.role"))
      tensor.role = role.str();
  }
  auto shaped = dyn_cast<RankedTensorType>(type);
  if (!shaped) {
    tensor.dtype = typeName(type);
    return tensor;
  }
  tensor.dtype = typeName(shaped.getElementType());
  auto dims = attrs ? attrs.getAs<ArrayAttr>("quench.dims") : ArrayAttr();
  size_t next = 0;
  for (int64_t size : shaped.getShape()) {
    if (!ShapedType::isDynamic(size)) {
      tensor.shape.push_back(std::to_string(size));
      continue;
    }
    auto dim = dims && next < dims.size() ? dyn_cast<StringAttr>(dims[next])
                                          : StringAttr();
    tensor.shape.push_back(dim ? dim.str() : "?");
    ++next;
  }
  return tensor;
}

/// Names of the ops that take `value` once the weight programs over it are
/// through.
static void collectUsers(Value value, llvm::SmallPtrSetImpl<Operation *> &seen,
                         std::vector<std::string> &names) {
  for (Operation *user : value.getUsers()) {
    if (!seen.insert(user).second)
      continue;
    if (isa<WeightProgramOpInterface>(user)) {
      collectUsers(user->getResult(0), seen, names);
      continue;
    }
    std::string name = user->getName().stripDialect().str();
    if (!llvm::is_contained(names, name))
      names.push_back(std::move(name));
  }
}

ModelSummary quench::summarizeModel(ModuleOp module) {
  ModelSummary summary;
  summary.name = module.getSymName().value_or("").str();
  if (auto type = module->getAttrOfType<StringAttr>("quench.model_type"))
    summary.modelType = type.str();
  if (auto archives = module->getAttrOfType<DictionaryAttr>("quench.archives"))
    for (NamedAttribute archive : archives)
      if (auto path = dyn_cast<StringAttr>(archive.getValue()))
        summary.archives.emplace_back(archive.getName().str(), path.str());

  for (auto func : module.getOps<func::FuncOp>()) {
    if (!func->hasAttr("quench.entry"))
      continue;
    ModelSummary::Entry &entry = summary.entries.emplace_back();
    entry.name = func.getSymName().str();
    for (auto [i, type] : llvm::enumerate(func.getArgumentTypes()))
      entry.inputs.push_back(describeTensor(type, func.getArgAttrDict(i)));
    for (auto [i, type] : llvm::enumerate(func.getResultTypes()))
      entry.outputs.push_back(describeTensor(type, func.getResultAttrDict(i)));
  }

  // A layer is what the checkpoint writes before the last dot.
  llvm::MapVector<StringRef, ModelSummary::Layer> layers;
  llvm::StringSet<> counted;
  module.walk([&](ParamOp param) {
    StringRef scope = param.getRef().getScope();
    StringRef key = param.getRef().getKey();
    auto [path, leaf] = key.rsplit('.');
    if (leaf.empty())
      std::swap(path, leaf);
    ModelSummary::Layer &layer = layers[path];
    layer.name = path.str();
    llvm::SmallPtrSet<Operation *, 8> seen;
    collectUsers(param.getResult(), seen, layer.ops);
    if (!counted.insert((scope + "::" + key).str()).second)
      return;
    auto type = cast<RankedTensorType>(param.getType());
    int64_t elements = type.getNumElements();
    int64_t bits = type.getElementTypeBitWidth();
    layer.parameters.push_back({scope.str(), leaf.str(),
                                typeName(type.getElementType()),
                                llvm::to_vector(type.getShape()), elements,
                                (elements * bits + 7) / 8});
  });
  for (auto &[path, layer] : layers)
    summary.layers.push_back(std::move(layer));
  return summary;
}

int64_t ModelSummary::numParameters() const {
  int64_t count = 0;
  for (const Layer &layer : layers)
    count += layer.parameters.size();
  return count;
}

int64_t ModelSummary::numElements() const {
  int64_t count = 0;
  for (const Layer &layer : layers)
    for (const Parameter &parameter : layer.parameters)
      count += parameter.elements;
  return count;
}

int64_t ModelSummary::numBytes() const {
  int64_t count = 0;
  for (const Layer &layer : layers)
    for (const Parameter &parameter : layer.parameters)
      count += parameter.bytes;
  return count;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static std::string formatShape(const ModelSummary::Tensor &tensor) {
  return "[" + llvm::join(tensor.shape, ", ") + "]";
}

static void printEntry(const ModelSummary::Entry &entry, raw_ostream &os) {
  os << "\nentry point " << entry.name << "\n";
  TextTable table({false, false, false, false, false});
  for (const ModelSummary::Tensor &input : entry.inputs)
    table.addRow({"  in", input.name, input.dtype, formatShape(input),
                  input.role == "data" ? "" : input.role});
  for (const ModelSummary::Tensor &output : entry.outputs)
    table.addRow({"  out", output.name, output.dtype, formatShape(output), ""});
  table.print(os);
}

void quench::printSummary(const ModelSummary &summary, raw_ostream &os) {
  os << "model " << summary.name;
  if (!summary.modelType.empty())
    os << " (" << summary.modelType << ")";
  os << "\n";
  for (const auto &[scope, path] : summary.archives)
    os << "archive " << scope << ": " << path << "\n";
  for (const ModelSummary::Entry &entry : summary.entries)
    printEntry(entry, os);

  os << "\n";
  TextTable table({false, false, false, false, false, true, true});
  table.addRow(
      {"layer", "op", "parameter", "dtype", "shape", "elements", "bytes"});
  for (const ModelSummary::Layer &layer : summary.layers) {
    bool first = true;
    for (const ModelSummary::Parameter &parameter : layer.parameters) {
      table.addRow(
          {first ? layer.name : "", first ? llvm::join(layer.ops, ",") : "",
           parameter.name, parameter.dtype,
           "[" +
               llvm::join(llvm::map_range(parameter.shape,
                                          [](int64_t size) {
                                            return std::to_string(size);
                                          }),
                          ", ") +
               "]",
           std::to_string(parameter.elements), formatBytes(parameter.bytes)});
      first = false;
    }
  }
  table.addRow({"total", "", std::to_string(summary.numParameters()), "", "",
                std::to_string(summary.numElements()),
                formatBytes(summary.numBytes())});
  table.print(os);
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static llvm::json::Value tensorsToJSON(ArrayRef<ModelSummary::Tensor> tensors) {
  llvm::json::Array array;
  for (const ModelSummary::Tensor &tensor : tensors) {
    llvm::json::Array shape;
    for (StringRef dim : tensor.shape) {
      int64_t size;
      if (dim.getAsInteger(10, size))
        shape.push_back(dim);
      else
        shape.push_back(size);
    }
    llvm::json::Object object{{"name", tensor.name},
                              {"dtype", tensor.dtype},
                              {"shape", std::move(shape)}};
    if (!tensor.role.empty())
      object["role"] = tensor.role;
    array.push_back(std::move(object));
  }
  return array;
}

llvm::json::Value quench::summaryToJSON(const ModelSummary &summary) {
  llvm::json::Object archives;
  for (const auto &[scope, path] : summary.archives)
    archives[scope] = path;
  llvm::json::Array entries;
  for (const ModelSummary::Entry &entry : summary.entries)
    entries.push_back(
        llvm::json::Object{{"name", entry.name},
                           {"inputs", tensorsToJSON(entry.inputs)},
                           {"outputs", tensorsToJSON(entry.outputs)}});
  llvm::json::Array layers;
  for (const ModelSummary::Layer &layer : summary.layers) {
    llvm::json::Array parameters;
    for (const ModelSummary::Parameter &parameter : layer.parameters)
      parameters.push_back(
          llvm::json::Object{{"scope", parameter.scope},
                             {"name", parameter.name},
                             {"dtype", parameter.dtype},
                             {"shape", llvm::json::Array(parameter.shape)},
                             {"elements", parameter.elements},
                             {"bytes", parameter.bytes}});
    layers.push_back(llvm::json::Object{{"name", layer.name},
                                        {"ops", llvm::json::Array(layer.ops)},
                                        {"parameters", std::move(parameters)}});
  }
  return llvm::json::Object{{"name", summary.name},
                            {"model_type", summary.modelType},
                            {"archives", std::move(archives)},
                            {"entries", std::move(entries)},
                            {"layers", std::move(layers)},
                            {"parameters", summary.numParameters()},
                            {"elements", summary.numElements()},
                            {"bytes", summary.numBytes()}};
}
