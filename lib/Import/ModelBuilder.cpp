//===- ModelBuilder.cpp - What the importers build models with ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Import/ModelBuilder.h"
#include "Quench/Dialect/Quench/IR/QuenchGateOps.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace quench;
using llvm::ArrayRef;
using llvm::StringRef;

ModelBuilder::ModelBuilder(ModuleOp module, const Config &config,
                           const Archive &archive, StringRef directory,
                           FloatType elementType)
    : moduleOp(module), configuration(config), archive(archive),
      folder(directory.str()), floatType(elementType),
      opBuilder(module.getContext()) {}

Location ModelBuilder::getArchiveLoc() const {
  return FileLineColLoc::get(floatType.getContext(), archive.path(), 0, 0);
}

InFlightDiagnostic ModelBuilder::emitError() {
  hasFailed = true;
  return mlir::emitError(getArchiveLoc());
}

StringRef ModelBuilder::getArchitecture(ArrayRef<StringRef> supported) {
  llvm::SmallVector<StringRef> names =
      configuration.getStrings("architectures");
  if (names.empty() || llvm::is_contained(supported, names.front()))
    return names.empty() ? supported.front() : names.front();
  InFlightDiagnostic diagnostic = configuration.emitError("architectures");
  diagnostic << "architecture '" << names.front()
             << "' is not supported, expected ";
  llvm::interleaveComma(supported, diagnostic);
  return supported.front();
}

void ModelBuilder::requireMultiple(StringRef key, int64_t value,
                                   StringRef divisorKey, int64_t divisor) {
  if (value % divisor)
    configuration.emitError(key)
        << "'" << key << "' is " << value << ", expected a multiple of '"
        << divisorKey << "', " << divisor;
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

Path ModelBuilder::findPrefix(ArrayRef<StringRef> prefixes,
                              StringRef name) const {
  for (StringRef prefix : prefixes)
    if (has(Path(prefix) / name))
      return prefix;
  return prefixes.front();
}

int64_t ModelBuilder::getRows(const Path &name) {
  const Archive::Tensor *tensor = archive.find(name.str());
  if (tensor && !tensor->shape.empty() && tensor->shape.front() > 0)
    return tensor->shape.front();
  emitError() << "tensor '" << name.str() << "' is "
              << (tensor ? "empty" : "missing");
  return 1;
}

Value ModelBuilder::readParam(const Path &path, ArrayRef<int64_t> shape) {
  StringRef name = path.str();
  Type storedType = floatType;
  if (const Archive::Tensor *tensor = archive.find(name)) {
    used.insert(name);
    Type type = getElementType(tensor->dtype, opBuilder.getContext());
    if (tensor->shape != shape)
      emitError() << "tensor '" << name << "' has shape [" << tensor->shape
                  << "], expected [" << shape << "]";
    else if (!isa_and_nonnull<Float16Type, BFloat16Type, Float32Type,
                              Float64Type>(type))
      emitError() << "tensor '" << name << "' has type "
                  << getName(tensor->dtype)
                  << ", expected F16, BF16, F32 or F64";
    else
      storedType = type;
  } else {
    InFlightDiagnostic diagnostic = emitError();
    diagnostic << "tensor '" << name << "' is missing, expected shape ["
               << shape << "]";
    llvm::SmallVector<StringRef> similar = archive.findSimilar(name);
    if (!similar.empty()) {
      diagnostic << "; found names like ";
      llvm::interleaveComma(similar, diagnostic, [&](StringRef s) {
        diagnostic << "'" << s << "'";
      });
    }
  }

  return ParamOp::create(opBuilder, at(path),
                         RankedTensorType::get(shape, storedType),
                         RefAttr::get(opBuilder.getContext(), "model", name));
}

Value ModelBuilder::convert(Value param, Type element) {
  auto type = cast<RankedTensorType>(param.getType());
  if (type.getElementType() == element)
    return param;
  return CastOp::create(opBuilder, param.getLoc(), type.clone(element), param);
}

Value ModelBuilder::reparameterize(const Path &layer, Value weight) {
  Path norm = layer / "spectral_normed_weight";
  if (!has(norm / "u"))
    return weight;
  for (const Path &copy : {norm / "weight", norm / "spectral_norm",
                           layer / "effective_spectral_norm"})
    ignore(copy.str());
  auto type = cast<RankedTensorType>(weight.getType());
  int64_t inputs = type.getRank() ? type.getNumElements() /
                                        std::max<int64_t>(type.getDimSize(0), 1)
                                  : 1;
  Type wide = opBuilder.getF64Type();
  Location loc = weight.getLoc();
  weight = convert(weight, wide);
  Value sigma = SpectralNormOp::create(opBuilder, loc, weight,
                                       wideParam(norm / "u", {inputs}));
  weight = ChannelScaleOp::create(opBuilder, loc, weight, sigma, /*axis=*/0,
                                  /*inverse=*/true);
  Value gain = wideParam(layer / "sigma", {1});
  gain = ReshapeOp::create(opBuilder, gain.getLoc(),
                           RankedTensorType::get({}, wide), gain);
  return ChannelScaleOp::create(opBuilder, loc, weight, gain, /*axis=*/0,
                                /*inverse=*/false);
}

Value ModelBuilder::param(const Path &path, ArrayRef<int64_t> shape) {
  StringRef name = path.str();
  if (Value known = params.lookup(name);
      known && cast<RankedTensorType>(known.getType()).getShape() == shape)
    return known;

  Value value = readParam(path, shape);
  StringRef layer = name;
  if (layer.consume_back(".weight"))
    value = reparameterize(layer, value);
  return params[name] = convert(value, floatType);
}

Value ModelBuilder::wideParam(const Path &path, ArrayRef<int64_t> shape) {
  return convert(readParam(path, shape), opBuilder.getF64Type());
}

Value ModelBuilder::narrow(Value param) { return convert(param, floatType); }

Value ModelBuilder::slice(Value param, int64_t axis, int64_t begin,
                          int64_t end) {
  return SliceOp::create(opBuilder, param.getLoc(), param, axis, begin, end);
}

Value ModelBuilder::transpose(Value matrix) {
  return TransposeOp::create(opBuilder, matrix.getLoc(), matrix,
                             ArrayRef<int64_t>{1, 0});
}

Value ModelBuilder::reshape(Value param, ArrayRef<int64_t> shape) {
  return ReshapeOp::create(opBuilder, param.getLoc(), getType(shape), param);
}

Value ModelBuilder::concat(ValueRange params, int64_t axis) {
  return ConcatOp::create(opBuilder, params.front().getLoc(), params, axis);
}

Value ModelBuilder::blockDiagonal(ValueRange blocks) {
  int64_t width = 0;
  for (Value block : blocks)
    width += cast<RankedTensorType>(block.getType()).getDimSize(1);
  llvm::SmallVector<Value> rows;
  int64_t begin = 0;
  for (Value block : blocks) {
    auto type = cast<RankedTensorType>(block.getType());
    int64_t end = begin + type.getDimSize(1);
    llvm::SmallVector<Value, 3> row;
    auto addZeros = [&](int64_t columns) {
      if (columns > 0)
        row.push_back(FillOp::create(opBuilder, block.getLoc(),
                                     getType({type.getDimSize(0), columns}),
                                     opBuilder.getF64FloatAttr(0)));
    };
    addZeros(begin);
    row.push_back(block);
    addZeros(width - end);
    rows.push_back(row.size() == 1 ? block : concat(row, 1));
    begin = end;
  }
  return rows.size() == 1 ? rows.front() : concat(rows, 0);
}

void ModelBuilder::ignore(StringRef pattern) {
  ignored.push_back(pattern.str());
}

void ModelBuilder::rejectUnused(const Path &prefix, const llvm::Twine &reason) {
  StringRef first;
  for (const Archive::Tensor &tensor : archive.tensors()) {
    StringRef rest = tensor.name;
    if (rest.consume_front(prefix.str()) &&
        (rest.empty() || rest.front() == '.') && !used.contains(tensor.name) &&
        (first.empty() || tensor.name < first))
      first = tensor.name;
  }
  if (!first.empty())
    emitError() << "tensor '" << first << "' " << reason;
}

void ModelBuilder::warnUnused() {
  llvm::SmallVector<StringRef> unused;
  for (const Archive::Tensor &tensor : archive.tensors()) {
    auto isEnd = [&](StringRef end) { return tensor.name.ends_with(end); };
    if (!used.contains(tensor.name) && llvm::none_of(ignored, isEnd))
      unused.push_back(tensor.name);
  }
  if (unused.empty())
    return;
  llvm::sort(unused);
  constexpr size_t shown = 8;
  InFlightDiagnostic warning = mlir::emitWarning(getArchiveLoc());
  warning << unused.size()
          << (unused.size() == 1 ? " tensor is" : " tensors are")
          << " not used: ";
  llvm::interleaveComma(ArrayRef(unused).take_front(shown), warning,
                        [&](StringRef name) { warning << "'" << name << "'"; });
  if (unused.size() > shown)
    warning << " and " << unused.size() - shown << " more";
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

/// Sets `name` of the dictionary attribute `dictionary` of the module.
static void setMember(ModuleOp module, StringRef dictionary, StringRef name,
                      Attribute value) {
  NamedAttrList members(module->getAttrOfType<DictionaryAttr>(dictionary));
  members.set(name, value);
  module->setAttr(dictionary, members.getDictionary(module.getContext()));
}

void ModelBuilder::setSymbol(StringRef name, int64_t low,
                             std::optional<int64_t> high) {
  llvm::SmallVector<int64_t> limits{low};
  if (high)
    limits.push_back(*high);
  setMember(moduleOp, attrs::symbols, name, opBuilder.getI64ArrayAttr(limits));
}

void ModelBuilder::beginEntry(StringRef name) {
  opBuilder.setInsertionPointToEnd(moduleOp.getBody());
  entry = func::FuncOp::create(opBuilder, at(name), name,
                               opBuilder.getFunctionType({}, {}));
  entry->setAttr(attrs::entry, opBuilder.getUnitAttr());
  opBuilder.setInsertionPointToEnd(entry.addEntryBlock());
}

Value ModelBuilder::addArgument(RankedTensorType type,
                                const ArgumentInfo &info) {
  NamedAttrList attributes;
  attributes.set(attrs::name, opBuilder.getStringAttr(info.name));
  if (!info.dims.empty())
    attributes.set(attrs::dims, opBuilder.getStrArrayAttr(info.dims));
  if (info.role != "data")
    attributes.set(attrs::role, opBuilder.getStringAttr(info.role));
  if (info.defaultValue)
    attributes.set(attrs::defaultValue,
                   opBuilder.getI64IntegerAttr(*info.defaultValue));
  if (info.limit)
    attributes.set(attrs::range,
                   opBuilder.getDenseI64ArrayAttr({0, *info.limit}));
  unsigned index = entry.getNumArguments();
  LogicalResult inserted = entry.insertArgument(
      index, type, attributes.getDictionary(opBuilder.getContext()),
      at(info.name));
  assert(succeeded(inserted) && "any argument can follow");
  (void)inserted;
  return entry.getArgument(index);
}

void ModelBuilder::addResult(StringRef name, Value value,
                             ArrayRef<StringRef> dims, StringRef state) {
  NamedAttrList attributes;
  attributes.set(attrs::name, opBuilder.getStringAttr(name));
  if (!dims.empty())
    attributes.set(attrs::dims, opBuilder.getStrArrayAttr(dims));
  if (!state.empty())
    attributes.set(attrs::state, opBuilder.getStringAttr(state));
  LogicalResult inserted =
      entry.insertResult(entry.getNumResults(), value.getType(),
                         attributes.getDictionary(opBuilder.getContext()));
  assert(succeeded(inserted) && "any result can follow");
  (void)inserted;
  results.push_back(value);
}

void ModelBuilder::setTokens(Value tokens) {
  tokenSizes = tensor::getMixedSizes(opBuilder, tokens.getLoc(), tokens);
  tokenSizes.truncate(2);
}

void ModelBuilder::endEntry() {
  func::ReturnOp::create(opBuilder, entry.getLoc(), results);
  results.clear();
  params.clear();
}

RankedTensorType ModelBuilder::getType(ArrayRef<int64_t> shape) const {
  return RankedTensorType::get(shape, floatType);
}

RankedTensorType ModelBuilder::getIndexType(ArrayRef<int64_t> shape) const {
  return RankedTensorType::get(shape,
                               IntegerType::get(floatType.getContext(), 64));
}

Location ModelBuilder::at(const Path &path) {
  return NameLoc::get(opBuilder.getStringAttr(path.str()));
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

static int64_t getWidth(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape().back();
}

Value ModelBuilder::linear(const Path &name, Value input, int64_t out,
                           bool bias) {
  Value weight = param(name / "weight", {out, getWidth(input)});
  Value offset = bias ? param(name / "bias", {out}) : Value();
  return LinearOp::create(opBuilder, at(name), input, weight, offset);
}

Value ModelBuilder::layerNorm(const Path &name, Value input, double eps,
                              bool affine) {
  Value gamma, beta;
  if (affine) {
    bool old = !has(name / "weight") && has(name / "gamma");
    gamma = param(name / (old ? "gamma" : "weight"), {getWidth(input)});
    beta = param(name / (old ? "beta" : "bias"), {getWidth(input)});
  }
  return LayerNormOp::create(opBuilder, at(name), input, gamma, beta,
                             opBuilder.getF64FloatAttr(eps));
}

Value ModelBuilder::rmsNorm(const Path &name, Value input, double eps) {
  Value gamma = param(name / "weight", {getWidth(input)});
  return RMSNormOp::create(opBuilder, at(name), input, gamma,
                           opBuilder.getF64FloatAttr(eps));
}

Value ModelBuilder::embedding(const Path &name, Value ids, int64_t count,
                              int64_t width) {
  Value table = param(name / "weight", {count, width});
  return EmbeddingOp::create(opBuilder, at(name), ids, table);
}

Value ModelBuilder::classifier(const Path &name, Value input) {
  return linear(name, input, getRows(name / "bias"));
}

Value ModelBuilder::languageHead(const Path &name, const Path &table,
                                 Value input, int64_t vocab) {
  Value weight = param(table / "weight", {vocab, getWidth(input)});
  return LinearOp::create(opBuilder, at(name), input, weight,
                          /*bias=*/Value());
}

Value ModelBuilder::positions(Value ids, Value start, int64_t offset) {
  return PositionsOp::create(opBuilder, ids.getLoc(), ids, start, /*dim=*/1,
                             offset);
}

Value ModelBuilder::activation(const Path &name, Value input,
                               Activation activation) {
  Location loc = at(name);
  switch (activation) {
  case Activation::GeluErf:
    return GeluOp::create(opBuilder, loc, input, GeluKind::Erf);
  case Activation::GeluTanh:
    return GeluOp::create(opBuilder, loc, input, GeluKind::Tanh);
  case Activation::GeluSigmoid:
    return GeluOp::create(opBuilder, loc, input, GeluKind::Sigmoid);
  case Activation::Silu:
    return SiluOp::create(opBuilder, loc, input, /*scale=*/Value());
  case Activation::Relu:
    return ReluOp::create(opBuilder, loc, input);
  case Activation::Tanh:
    return TanhOp::create(opBuilder, loc, input);
  }
  llvm_unreachable("all activations are covered");
}

Value ModelBuilder::residual(const Path &name, Value stream, Value branch) {
  return AddOp::create(opBuilder, at(name), stream, branch,
                       /*residual=*/true);
}

Value ModelBuilder::add(const Path &name, Value lhs, Value rhs) {
  return AddOp::create(opBuilder, at(name), lhs, rhs, /*residual=*/false);
}

Value ModelBuilder::attention(const Path &name, Value query, Value key,
                              Value value, const AttentionInfo &info) {
  Location loc = at(name);
  FloatAttr zeta, gamma;
  if (info.stretch) {
    zeta = opBuilder.getF64FloatAttr(info.stretch->zeta);
    gamma = opBuilder.getF64FloatAttr(info.stretch->gamma);
  }
  Value heads = AttentionOp::create(
      opBuilder, loc, query, key, value, info.mask, /*bias=*/Value(),
      opBuilder.getF64FloatAttr(info.scale),
      MaskKindAttr::get(opBuilder.getContext(), info.maskKind),
      info.window ? opBuilder.getI64IntegerAttr(*info.window) : IntegerAttr(),
      /*head_groups=*/DenseI64ArrayAttr(), zeta, gamma);
  if (info.gate)
    heads = HeadGateOp::create(opBuilder, loc, heads, info.gate,
                               opBuilder.getF64FloatAttr(info.gateFactor));
  return mergeHeads(heads);
}

Value ModelBuilder::token(const Path &name, Value input, int64_t index) {
  Location loc = at(name);
  auto type = cast<RankedTensorType>(input.getType());
  llvm::SmallVector<OpFoldResult> offsets{opBuilder.getIndexAttr(0),
                                          opBuilder.getIndexAttr(index),
                                          opBuilder.getIndexAttr(0)};
  llvm::SmallVector<OpFoldResult> sizes{
      tokenSizes[0], opBuilder.getIndexAttr(1),
      opBuilder.getIndexAttr(type.getDimSize(2))};
  llvm::SmallVector<OpFoldResult> strides(3, opBuilder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(
      opBuilder, loc, getType({type.getDimSize(0), type.getDimSize(2)}), input,
      offsets, sizes, strides);
}

/// Dimensions of `[B, T, C]` and of its heads.
static const ReassociationIndices headGroups[] = {{0}, {1}, {2, 3}};

Value ModelBuilder::splitHeads(Value input, int64_t heads) {
  auto type = cast<RankedTensorType>(input.getType());
  int64_t width = type.getDimSize(2) / heads;
  llvm::SmallVector<OpFoldResult> sizes(tokenSizes);
  sizes.push_back(opBuilder.getIndexAttr(heads));
  sizes.push_back(opBuilder.getIndexAttr(width));
  RankedTensorType split =
      getType({type.getDimSize(0), type.getDimSize(1), heads, width});
  return tensor::ExpandShapeOp::create(opBuilder, input.getLoc(), split, input,
                                       headGroups, sizes);
}

Value ModelBuilder::mergeHeads(Value input) {
  return tensor::CollapseShapeOp::create(opBuilder, input.getLoc(), input,
                                         headGroups);
}

Activation ModelBuilder::getActivation(StringRef key, StringRef fallback) {
  StringRef name = configuration.getString(key, fallback);
  auto activation = llvm::StringSwitch<std::optional<Activation>>(name)
                        .Case("gelu", Activation::GeluErf)
                        .Cases({"gelu_new", "gelu_fast", "gelu_pytorch_tanh"},
                               Activation::GeluTanh)
                        .Case("quick_gelu", Activation::GeluSigmoid)
                        .Cases({"silu", "swish"}, Activation::Silu)
                        .Case("relu", Activation::Relu)
                        .Case("tanh", Activation::Tanh)
                        .Default(std::nullopt);
  if (!activation && !configuration.failed())
    configuration.emitError(key)
        << "activation '" << name << "' of '" << key
        << "' is not supported, expected gelu, gelu_new, gelu_fast, "
           "gelu_pytorch_tanh, quick_gelu, silu, swish, relu or tanh";
  return activation.value_or(Activation::GeluErf);
}

GateKind ModelBuilder::getGateKind(StringRef key, Activation activation) {
  switch (activation) {
  case Activation::Silu:
    return GateKind::Silu;
  case Activation::GeluErf:
    return GateKind::GeluErf;
  case Activation::GeluTanh:
    return GateKind::GeluTanh;
  case Activation::Relu:
    return GateKind::Relu;
  case Activation::GeluSigmoid:
  case Activation::Tanh:
    configuration.emitError(key)
        << "activation '" << configuration.getString(key) << "' of '" << key
        << "' is not supported in a gate, expected silu, swish, gelu, "
           "gelu_new, gelu_fast, gelu_pytorch_tanh or relu";
    return GateKind::Silu;
  }
  llvm_unreachable("all activations are covered");
}
