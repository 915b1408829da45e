//===- QuenchDialect.cpp - The quench dialect and its attributes ---------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchDynamicOps.h"
#include "Quench/Dialect/Quench/IR/QuenchGateOps.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h"
#include "Quench/Dialect/Quench/IR/QuenchKernelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchLogIntOps.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchObserveOps.h"
#include "Quench/Dialect/Quench/IR/QuenchOutputRangeOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchPolicyOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/IR/QuenchRangeOps.h"
#include "Quench/Dialect/Quench/IR/QuenchScaleOps.h"
#include "Quench/Dialect/Quench/IR/QuenchVisionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchWeightQuantOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quench;

#include "Quench/Dialect/Quench/IR/QuenchDialect.cpp.inc"
#include "Quench/Dialect/Quench/IR/QuenchEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchAttrs.cpp.inc"

void QuenchDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "Quench/Dialect/Quench/IR/QuenchAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchAttentionOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchDynamicOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchGateOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchKernelOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchLogIntOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchModelOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchObserveOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchOutputRangeOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchParamOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchPolicyOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchRangeOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchScaleOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchVisionOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Quench/Dialect/Quench/IR/QuenchWeightQuantOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// RefAttr
//===----------------------------------------------------------------------===//

Attribute RefAttr::parse(AsmParser &parser, Type type) {
  std::string scope, key;
  if (parser.parseLess() || parser.parseString(&scope) || parser.parseColon() ||
      parser.parseColon() || parser.parseString(&key) || parser.parseGreater())
    return {};
  return get(parser.getContext(), scope, key);
}

void RefAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printer.printString(getScope());
  printer << "::";
  printer.printString(getKey());
  printer << '>';
}

//===----------------------------------------------------------------------===//
// Attributes of modules and entry points
//===----------------------------------------------------------------------===//

/// The integers of `attr`, an array of i64 in either of its two forms; nullopt
/// for anything else.
static std::optional<SmallVector<int64_t>> getIntegers(Attribute attr) {
  if (auto dense = dyn_cast<DenseI64ArrayAttr>(attr))
    return llvm::to_vector(dense.asArrayRef());
  auto array = dyn_cast<ArrayAttr>(attr);
  if (!array)
    return std::nullopt;
  SmallVector<int64_t> integers;
  for (Attribute element : array) {
    auto integer = dyn_cast<IntegerAttr>(element);
    if (!integer || !integer.getType().isSignlessInteger(64))
      return std::nullopt;
    integers.push_back(integer.getInt());
  }
  return integers;
}

static LogicalResult verifySymbols(Operation *op, Attribute attr) {
  auto symbols = dyn_cast<DictionaryAttr>(attr);
  if (!symbols)
    return op->emitError("expected ")
           << attrs::symbols << " to be a dictionary, found " << attr;
  for (NamedAttribute symbol : symbols) {
    auto bounds = getIntegers(symbol.getValue());
    if (!bounds || bounds->empty() || bounds->size() > 2)
      return op->emitError("expected bounds [min] or [min, max] of symbol '")
             << symbol.getName().getValue() << "', found " << symbol.getValue();
    if (bounds->front() < 0 || bounds->back() < bounds->front())
      return op->emitError("expected 0 <= min <= max for symbol '")
             << symbol.getName().getValue() << "', found " << symbol.getValue();
  }
  if (op->getNumRegions() == 0)
    return success();
  for (auto function : op->getRegion(0).getOps<FunctionOpInterface>()) {
    auto verifyDims = [&](DictionaryAttr attributes, StringRef kind,
                          unsigned index) -> LogicalResult {
      auto dims =
          attributes ? attributes.getAs<ArrayAttr>(attrs::dims) : ArrayAttr();
      for (Attribute dim : dims ? dims.getValue() : ArrayRef<Attribute>())
        if (auto name = dyn_cast<StringAttr>(dim);
            name && !symbols.contains(name))
          return function.emitError("dimension '")
                 << name.getValue() << "' of " << kind << ' ' << index
                 << " is not in " << attrs::symbols;
      return success();
    };
    for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
      if (failed(verifyDims(function.getArgAttrDict(i), "argument", i)))
        return failure();
    for (unsigned i = 0, e = function.getNumResults(); i < e; ++i)
      if (failed(verifyDims(function.getResultAttrDict(i), "result", i)))
        return failure();
  }
  return success();
}

static LogicalResult verifyArchives(Operation *op, Attribute attr) {
  auto archives = dyn_cast<DictionaryAttr>(attr);
  if (!archives)
    return op->emitError("expected ")
           << attrs::archives << " to be a dictionary, found " << attr;
  for (NamedAttribute archive : archives)
    if (!isa<StringAttr>(archive.getValue()))
      return op->emitError("expected the path of archive '")
             << archive.getName().getValue() << "' as a string, found "
             << archive.getValue();
  return success();
}

/// Names within the arguments or the results of one function are unique, and
/// states that results carry on are arguments.
static LogicalResult verifyEntry(FunctionOpInterface function) {
  if (!function.isPublic())
    return function.emitError("expected an entry point to be public");
  llvm::StringMap<unsigned> arguments;
  for (unsigned index = 0, end = function.getNumArguments(); index < end;
       ++index) {
    auto name = function.getArgAttrOfType<StringAttr>(index, attrs::name);
    if (name && !arguments.try_emplace(name.getValue(), index).second)
      return function.emitError("name '")
             << name.getValue() << "' of argument " << index
             << " is that of argument " << arguments.lookup(name.getValue());
  }
  llvm::StringMap<unsigned> results;
  for (unsigned index = 0, end = function.getNumResults(); index < end;
       ++index) {
    auto name = function.getResultAttrOfType<StringAttr>(index, attrs::name);
    if (name && !results.try_emplace(name.getValue(), index).second)
      return function.emitError("name '")
             << name.getValue() << "' of result " << index
             << " is that of result " << results.lookup(name.getValue());
    auto state = function.getResultAttrOfType<StringAttr>(index, attrs::state);
    if (!state)
      continue;
    auto argument = arguments.find(state.getValue());
    auto role = argument == arguments.end()
                    ? StringAttr()
                    : function.getArgAttrOfType<StringAttr>(argument->second,
                                                            attrs::role);
    if (!role || role.getValue() != "state")
      return function.emitError("result ")
             << index << " updates '" << state.getValue()
             << "', which is no argument of role state";
    Type type = function.getArgumentTypes()[argument->second];
    if (type != function.getResultTypes()[index])
      return function.emitError("result ")
             << index << " of type " << function.getResultTypes()[index]
             << " updates state '" << state.getValue() << "' of type " << type;
  }
  return success();
}

LogicalResult QuenchDialect::verifyOperationAttribute(Operation *op,
                                                      NamedAttribute attr) {
  StringRef name = attr.getName();
  Attribute value = attr.getValue();
  if (name == attrs::entry) {
    auto function = dyn_cast<FunctionOpInterface>(op);
    if (!function)
      return op->emitError("expected ") << name << " on a function";
    if (!isa<UnitAttr>(value))
      return op->emitError("expected ")
             << name << " to be a unit attribute, found " << value;
    return verifyEntry(function);
  }
  if (name == attrs::symbols)
    return verifySymbols(op, value);
  if (name == attrs::archives)
    return verifyArchives(op, value);
  if (name == attrs::modelType && !isa<StringAttr>(value))
    return op->emitError("expected ")
           << name << " to be a string, found " << value;
  if (name == attrs::tokenizer && !isa<DictionaryAttr>(value))
    return op->emitError("expected ")
           << name << " to be a dictionary, found " << value;
  return success();
}

/// Checks what arguments and results have in common: a name and names of
/// dynamic dimensions. `place` says in diagnostics which of them.
static LogicalResult verifyInterfaceAttribute(Operation *op, StringRef place,
                                              Type type, NamedAttribute attr) {
  StringRef name = attr.getName();
  Attribute value = attr.getValue();
  if (name == attrs::name) {
    auto string = dyn_cast<StringAttr>(value);
    if (!string || string.empty())
      return op->emitError("expected ")
             << name << " of " << place << " to be a non-empty string, found "
             << value;
    return success();
  }
  if (name == attrs::dims) {
    auto dims = dyn_cast<ArrayAttr>(value);
    if (!dims || !llvm::all_of(dims, llvm::IsaPred<StringAttr>))
      return op->emitError("expected ")
             << name << " of " << place << " to be an array of strings, found "
             << value;
    // A function that became machine code has no shapes any more.
    auto shaped = dyn_cast<ShapedType>(type);
    if (shaped &&
        dims.size() != static_cast<size_t>(shaped.getNumDynamicDims()))
      return op->emitError("expected ")
             << shaped.getNumDynamicDims() << " names of dynamic dimensions of "
             << place << " of type " << type << ", found " << value;
    return success();
  }
  return op->emitError("unknown attribute ") << name << " of " << place;
}

LogicalResult QuenchDialect::verifyRegionArgAttribute(Operation *op,
                                                      unsigned regionIndex,
                                                      unsigned argIndex,
                                                      NamedAttribute attr) {
  StringRef name = attr.getName();
  Attribute value = attr.getValue();
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return op->emitError("expected ") << name << " on a function";
  Type type = function.getArgumentTypes()[argIndex];
  auto shaped = dyn_cast<ShapedType>(type);
  if (name == attrs::role) {
    auto role = dyn_cast<StringAttr>(value);
    if (!role ||
        !llvm::is_contained({"data", "state", "position"}, role.getValue()))
      return op->emitError("expected ")
             << name << " of argument " << argIndex
             << " to be \"data\", \"state\" or \"position\", found " << value;
    return success();
  }
  if (name == attrs::defaultValue) {
    bool fits =
        !shaped ||
        (isa<IntegerAttr>(value) && shaped.getElementType().isInteger()) ||
        (isa<FloatAttr>(value) && isa<FloatType>(shaped.getElementType()));
    if (!isa<IntegerAttr, FloatAttr>(value) || !fits)
      return op->emitError("expected ")
             << name << " of argument " << argIndex
             << " to be a number for type " << type << ", found " << value;
    return success();
  }
  if (name == attrs::range) {
    auto range = getIntegers(value);
    if (!range || range->size() != 2 || range->front() >= range->back())
      return op->emitError("expected ")
             << name << " of argument " << argIndex
             << " to be two integers, low < high, found " << value;
    if (shaped && !shaped.getElementType().isInteger())
      return op->emitError("expected ")
             << name << " on an integer argument, found argument " << argIndex
             << " of type " << type;
    return success();
  }
  return verifyInterfaceAttribute(
      op, ("argument " + llvm::Twine(argIndex)).str(), type, attr);
}

LogicalResult QuenchDialect::verifyRegionResultAttribute(Operation *op,
                                                         unsigned regionIndex,
                                                         unsigned resultIndex,
                                                         NamedAttribute attr) {
  StringRef name = attr.getName();
  Attribute value = attr.getValue();
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return op->emitError("expected ") << name << " on a function";
  if (name == attrs::state) {
    if (!isa<StringAttr>(value))
      return op->emitError("expected ") << name << " of result " << resultIndex
                                        << " to be a string, found " << value;
    return success();
  }
  return verifyInterfaceAttribute(op,
                                  ("result " + llvm::Twine(resultIndex)).str(),
                                  function.getResultTypes()[resultIndex], attr);
}
