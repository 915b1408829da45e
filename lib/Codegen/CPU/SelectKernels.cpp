//===- SelectKernels.cpp - Model ops to calls of kernels ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearSchedule.h"
#include "Quench/Codegen/CPU/Passes.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h"
#include "Quench/Dialect/Quench/IR/QuenchKernelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchObserveOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/IR/QuenchVisionOps.h"
#include "Quench/Support/Hadamard.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/TypeSwitch.h"

namespace quench {
#define GEN_PASS_DEF_SELECTKERNELSPASS
#include "Quench/Codegen/CPU/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

/// What remarks of this pass are filed under.
static remark::RemarkOpts remarkOpts(StringRef name) {
  return remark::RemarkOpts::name(name).category("quench-select-kernels");
}

/// Says of ops with matrix products that no kernel took them.
static void remarkGenericOps(ModuleOp module) {
  auto getSize = [](Value value, int64_t dim) -> int64_t {
    int64_t size = cast<ShapedType>(value.getType()).getDimSize(dim);
    return ShapedType::isDynamic(size) ? 1 : size;
  };
  module.walk([&](CostOpInterface op) {
    if (op.getCost(getSize).macs > 0)
      remark::missed(op.getLoc(), remarkOpts("generic"))
          << ("no kernel takes this form of " + op->getName().getStringRef() +
              "; loops compute it")
                 .str();
  });
}

namespace {

std::optional<Activation> getActivation(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<Activation>>(op)
      .Case([](ReluOp) { return Activation::Relu; })
      .Case([](TanhOp) { return Activation::Tanh; })
      .Case([](SoftplusOp) { return Activation::Softplus; })
      .Case([](SiluOp silu) -> std::optional<Activation> {
        if (silu.getScale())
          return std::nullopt;
        return Activation::Silu;
      })
      .Case([](GeluOp gelu) {
        switch (gelu.getKind()) {
        case GeluKind::Erf:
          return Activation::GeluErf;
        case GeluKind::Tanh:
          return Activation::GeluTanh;
        case GeluKind::Sigmoid:
          return Activation::GeluSigmoid;
        }
        llvm_unreachable("unknown form of gelu");
      })
      .Default([](Operation *) { return std::nullopt; });
}

Activation getActivation(GateKind kind) {
  switch (kind) {
  case GateKind::Silu:
    return Activation::Silu;
  case GateKind::GeluErf:
    return Activation::GeluErf;
  case GateKind::GeluTanh:
    return Activation::GeluTanh;
  case GateKind::Relu:
    return Activation::Relu;
  }
  llvm_unreachable("unknown gate");
}

/// Whether `value` is computed before any code runs, so that it can be packed.
bool isParameter(Value value) {
  return !value || value.getDefiningOp<WeightProgramOpInterface>();
}

/// The one user of the result of `op`, if there is one.
Operation *getOnlyUser(Operation *op) {
  return op->hasOneUse() ? *op->getResult(0).user_begin() : nullptr;
}

/// The activation function that alone reads `value`, if there is one.
Operation *getOnlyActivation(Value value) {
  Operation *user = value.hasOneUse() ? *value.user_begin() : nullptr;
  return user && getActivation(user) ? user : nullptr;
}

/// The most bytes of a row that a kernel keeps on the stack.
constexpr int64_t maxStackRow = 64 << 10;

/// Rows of codes and, where they came with them, their scales.
struct Encoded {
  Value rows, scales;
};

struct Selector {
  KernelLibrary library;
  IRRewriter rewriter;
  /// What became of values that are encoded, for the rows of an instruction.
  DenseMap<std::pair<Operation *, IntegerDot>, Encoded> encoded;

  /// Schedules that are given.
  ScheduleFile schedules;
  /// Whether an error was said.
  bool hasFailed = false;

  Selector(ModuleOp module, const CPUKernelOptions &options,
           ScheduleFile schedules)
      : library{module, options}, rewriter(module.getContext()),
        schedules(std::move(schedules)) {}

  /// `value` as a matrix of its last dimension.
  Value toRows(Location loc, Value value) {
    int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
    if (rank == 2)
      return value;
    SmallVector<ReassociationIndices> groups{
        llvm::to_vector(llvm::seq<int64_t>(0, rank - 1)), {rank - 1}};
    return tensor::CollapseShapeOp::create(rewriter, loc, value, groups);
  }

  /// The opposite: a value of `type` with the sizes `shape`.
  Value fromRows(Location loc, Value rows, RankedTensorType type,
                 ArrayRef<OpFoldResult> shape) {
    int64_t rank = type.getRank();
    if (rank == 2)
      return rows;
    SmallVector<ReassociationIndices> groups{
        llvm::to_vector(llvm::seq<int64_t>(0, rank - 1)), {rank - 1}};
    return tensor::ExpandShapeOp::create(rewriter, loc, type, rows, groups,
                                         shape);
  }

  /// `value`, which has a number for each row or one for all, as a vector of
  /// the former.
  Value toVector(Location loc, Value value) {
    int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
    if (rank < 2)
      return value;
    ReassociationIndices group = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    return tensor::CollapseShapeOp::create(
        rewriter, loc, value, ArrayRef<ReassociationIndices>(group));
  }

  /// An uninitialized tensor of `shape`.
  Value empty(Location loc, ArrayRef<OpFoldResult> shape, Type element) {
    return tensor::EmptyOp::create(rewriter, loc, shape, element);
  }

  ResultRange call(Location loc, func::FuncOp kernel, ValueRange inputs,
                   ValueRange outputs) {
    remark::passed(loc, remarkOpts("kernel")) << kernel.getSymName();
    return CallKernelOp::create(rewriter, loc, outputs.getTypes(),
                                kernel.getSymName(), inputs, outputs)
        .getResults();
  }

  /// Calls `kernel`, which maps rows to rows of `channels`, on `inputs`, and
  /// gives its result, of type `element`, the leading dimensions of `like`.
  Value callOnRows(Location loc, func::FuncOp kernel, ValueRange inputs,
                   Value like, int64_t channels, Type element) {
    auto type = cast<RankedTensorType>(like.getType());
    SmallVector<OpFoldResult> shape =
        tensor::getMixedSizes(rewriter, loc, like);
    shape.back() = rewriter.getIndexAttr(channels);
    SmallVector<int64_t> sizes(type.getShape());
    sizes.back() = channels;
    Value rows = inputs.front();
    Value output =
        empty(loc, {tensor::getMixedSize(rewriter, loc, rows, 0), shape.back()},
              element);
    Value result = call(loc, kernel, inputs, output).front();
    return fromRows(loc, result, RankedTensorType::get(sizes, element), shape);
  }

  // What kernels of linears need of an op: whether there is one, its
  // description, and the operands.

  bool fits(LinearOp linear) const {
    return isParameter(linear.getWeight()) &&
           linear.getInput().getType().getRank() > 1 &&
           linear.getWeight().getType().hasStaticShape();
  }
  bool fits(IntegerLinearOp linear) const;
  bool fits(WeightOnlyLinearOp linear) const {
    return linear.getInput().getType().getRank() > 1 && hasPackedWeight(linear);
  }
  /// Whether the weight of `linear` can be packed.
  template <typename LinearOpT>
  bool hasPackedWeight(LinearOpT linear) const {
    return isParameter(linear.getWeight()) &&
           isParameter(linear.getWeightScale()) &&
           isParameter(linear.getWeightZero()) &&
           isParameter(getLearnedTable(linear));
  }
  Value getLearnedTable(IntegerLinearOp) const { return {}; }
  Value getLearnedTable(WeightOnlyLinearOp linear) const {
    return linear.getWeightTable();
  }

  LinearKernel describe(LinearOp linear) const {
    RankedTensorType weight = linear.getWeight().getType();
    return {weight.getDimSize(1), weight.getDimSize(0),
            linear.getResult().getType().getElementType()};
  }
  LinearKernel describe(IntegerLinearOp linear) const;
  LinearKernel describe(WeightOnlyLinearOp linear) const;
  /// How the weight of `linear` is packed.
  template <typename LinearOpT>
  CodedWeight describeWeight(LinearOpT linear) const;

  /// Whether one kernel takes both, which have one input.
  bool haveOneKernel(LinearOp, LinearOp) const { return true; }
  template <typename LinearOpT>
  bool haveOneKernel(LinearOpT a, LinearOpT b) const {
    return describeWeight(a) == describeWeight(b);
  }

  /// Floats with the shape of what `linear` computes rows from.
  Value getFloats(LinearOp linear) const { return linear.getInput(); }
  Value getFloats(WeightOnlyLinearOp linear) const { return linear.getInput(); }
  Value getFloats(IntegerLinearOp linear) const {
    Value input = linear.getInput().getDefiningOp<EncodeOp>().getInput();
    // The result of a norm need not exist.
    auto norm = input.getDefiningOp<NormOpInterface>();
    return norm ? norm.getInput() : input;
  }

  /// The instruction that sums the products of `linear`.
  IntegerDot getDot(IntegerLinearOp linear) const {
    IntegerDot dot = library.options.dot;
    if (dot == IntegerDot::Quads &&
        !hasByteIntegers(linear.getWeightQuantizer()))
      return IntegerDot::Pairs;
    if (dot == IntegerDot::Pairs && library.options.narrowQuads &&
        describeWeight(linear).isNibbles)
      return IntegerDot::NarrowQuads;
    return dot;
  }

  void addInput(LinearOp linear, SmallVectorImpl<Value> &inputs) {
    inputs.push_back(toRows(linear.getLoc(), linear.getInput()));
  }
  void addInput(WeightOnlyLinearOp linear, SmallVectorImpl<Value> &inputs) {
    inputs.push_back(toRows(linear.getLoc(), linear.getInput()));
  }
  void addInput(IntegerLinearOp linear, SmallVectorImpl<Value> &inputs);

  void addWeights(LinearOp linear, SmallVectorImpl<Value> &inputs) {
    Type element = linear.getInput().getType().getElementType();
    inputs.push_back(PackOp::create(
        rewriter, linear.getLoc(), linear.getWeight(), library.panel(element)));
  }
  template <typename LinearOpT>
  void addWeights(LinearOpT linear, SmallVectorImpl<Value> &inputs);
  /// What codes of `quantizer` are places in; `learned` has the numbers of
  /// formats that learn them.
  Value createTable(Location loc, QuantizerAttrInterface quantizer,
                    Value learned);

  /// Rows of the codes of `encode` for `dot`, from a kernel.
  const Encoded &encode(EncodeOp encode, IntegerDot dot);
  /// Adds the operands of `kernel` but x, of so many rows.
  void addOperands(EncodeOp encode, const EncodeKernel &kernel,
                   OpFoldResult rows, SmallVectorImpl<Value> &inputs,
                   SmallVectorImpl<Value> &outputs);
  /// The same from the kernel of `norm`, which `encode` reads; none where that
  /// has no kernel, or something before `encode` reads it, too.
  std::optional<Encoded> encodeNorm(NormOpInterface norm, EncodeOp encode,
                                    const EncodeKernel &codes);
  /// The kernel of `norm`, and its inputs.
  std::optional<NormKernel> describe(NormOpInterface norm,
                                     SmallVectorImpl<Value> &inputs);

  /// The type that numbers of type `element` are computed in.
  FloatType getComputeType(Type element) {
    return element.isF64() ? FloatType(rewriter.getF64Type())
                           : FloatType(rewriter.getF32Type());
  }

  /// A number of the type that `element` is computed in.
  Value scalar(Location loc, double value, Type element) {
    return arith::ConstantOp::create(
        rewriter, loc, rewriter.getFloatAttr(getComputeType(element), value));
  }

  /// The kernel of a linear at `loc`, with a schedule that is given or chosen;
  /// null after an error.
  func::FuncOp getScheduledKernel(Location loc, const LinearKernel &kernel);
  template <typename LinearOpT>
  void selectLinear(LinearOpT linear);
  void select(AttentionOp attention);
  void select(IntegerAttentionOp attention);
  /// Adds what the kernel needs of probabilities that it does not compute.
  void addProbabilities(IntegerAttentionOp attention,
                        IntegerAttentionKernel &kernel,
                        SmallVectorImpl<Value> &inputs);
  void select(SelectiveScanOp scan);
  void select(CausalConv1DOp conv);
  void select(DepthwiseConv2DOp conv);
  void select(OnlineHadamardOp op);
  void select(SecondMomentsOp op);
  void select(NormOpInterface norm);
};

bool Selector::fits(IntegerLinearOp linear) const {
  IntegerDot dot = library.options.dot;
  auto encode = linear.getInput().getDefiningOp<EncodeOp>();
  int64_t group = linear.getGroupSize();
  bool isWhole = group == linear.getWeight().getType().getDimSize(1);
  SmallVector<QuantAxis> axes;
  int64_t rank = linear.getInput().getType().getRank();
  linear.getInputQuantizer().getQuantAxes(rank, axes);
  return dot != IntegerDot::None && encode && rank > 1 &&
         encode.getInput().getType().getShape().back() !=
             ShapedType::kDynamic &&
         encode.getScale() == linear.getInputScale() &&
         encode.getZero() == linear.getInputZero() &&
         encode.getQuantizer() == linear.getInputQuantizer() &&
         (axes.empty() || static_cast<int64_t>(axes.size()) == rank - 1) &&
         hasPackedWeight(linear) &&
         (isWhole || group % getDepth(getDot(linear)) == 0);
}

LinearKernel Selector::describe(IntegerLinearOp linear) const {
  RankedTensorType weight = linear.getWeight().getType();
  LinearKernel kernel{weight.getDimSize(1), weight.getDimSize(0),
                      linear.getResult().getType().getElementType()};
  kernel.input.dot = getDot(linear);
  kernel.input.rowScales = linear.getInputScale().getType().getRank() > 0;
  kernel.input.isSigned = linear.getInputQuantizer().hasSignedCodes();
  // Pairs are differences from the zero point already.
  kernel.input.zero = linear.getInputZero() && hasByteRows(kernel.input.dot);
  kernel.weight = describeWeight(linear);
  return kernel;
}

LinearKernel Selector::describe(WeightOnlyLinearOp linear) const {
  RankedTensorType weight = linear.getWeight().getType();
  LinearKernel kernel{weight.getDimSize(1), weight.getDimSize(0),
                      linear.getResult().getType().getElementType()};
  kernel.weight = describeWeight(linear);
  return kernel;
}

template <typename LinearOpT>
CodedWeight Selector::describeWeight(LinearOpT linear) const {
  QuantizerAttrInterface quantizer = linear.getWeightQuantizer();
  CodedWeight weight;
  weight.group = linear.getGroupSize();
  bool isWhole = weight.group == linear.getWeight().getType().getDimSize(1);
  // A word belongs to one group.
  weight.isNibbles = quantizer.getStorageType().getWidth() <= 4 &&
                     (isWhole || weight.group % wordCodes == 0);
  weight.isTable = quantizer.getIntegerForm() != IntegerForm::Integer;
  if (weight.isNibbles || weight.isTable)
    weight.isSigned = quantizer.hasSignedCodes();
  if (weight.isNibbles) {
    weight.zero = quantizer.hasZeroPoint();
  } else if (!weight.isTable) {
    weight.wide = !hasByteIntegers(quantizer);
  }
  return weight;
}

const Encoded &Selector::encode(EncodeOp encode, IntegerDot dot) {
  auto [known, isNew] = encoded.try_emplace({encode, dot});
  Encoded &result = known->second;
  if (!isNew)
    return result;
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(encode);
  Location loc = encode.getLoc();
  RankedTensorType type = encode.getInput().getType();
  EncodeKernel kernel{{dot, type.getShape().back()},
                      type.getElementType(),
                      encode.getQuantizer()};
  kernel.rowScales = encode.getScale().getType().getRank() > 0;
  auto scale = encode.getScale().getDefiningOp<DynamicScaleOp>();
  kernel.dynamic =
      scale && kernel.rowScales && scale.getInput() == encode.getInput() &&
      scale.getQuantizer() == encode.getQuantizer() &&
      kernel.quantizer.getScaling().form != numerics::ScaleForm::E4M3;
  if (auto norm = encode.getInput().getDefiningOp<NormOpInterface>())
    if (std::optional<Encoded> codes = encodeNorm(norm, encode, kernel)) {
      result = *codes;
      return result;
    }
  SmallVector<Value> inputs{toRows(loc, encode.getInput())};
  SmallVector<Value> outputs;
  addOperands(encode, kernel, tensor::getMixedSize(rewriter, loc, inputs[0], 0),
              inputs, outputs);
  ResultRange results = call(loc, getKernel(library, kernel), inputs, outputs);
  result.rows = results[0];
  result.scales = kernel.dynamic ? Value(results[1]) : inputs[1];
  return result;
}

void Selector::addOperands(EncodeOp encode, const EncodeKernel &kernel,
                           OpFoldResult rows, SmallVectorImpl<Value> &inputs,
                           SmallVectorImpl<Value> &outputs) {
  Location loc = encode.getLoc();
  if (!kernel.dynamic)
    inputs.push_back(toVector(loc, encode.getScale()));
  if (encode.getZero())
    inputs.push_back(toVector(loc, encode.getZero()));
  outputs.push_back(empty(loc,
                          {rows, rewriter.getIndexAttr(kernel.rows.stride())},
                          kernel.rows.element(rewriter.getContext())));
  if (kernel.dynamic)
    outputs.push_back(empty(loc, rows, rewriter.getF32Type()));
}

std::optional<Encoded> Selector::encodeNorm(NormOpInterface norm,
                                            EncodeOp encode,
                                            const EncodeKernel &codes) {
  Operation *scale =
      codes.dynamic ? encode.getScale().getDefiningOp() : nullptr;
  auto isOther = [&](Operation *user) {
    return user != encode && user != scale;
  };
  bool hasOthers = false;
  for (Operation *user : norm->getUsers()) {
    if (!isOther(user))
      continue;
    if (user->getBlock() != encode->getBlock() || user->isBeforeInBlock(encode))
      return std::nullopt;
    hasOthers = true;
  }
  SmallVector<Value> inputs, outputs;
  std::optional<NormKernel> kernel = describe(norm, inputs);
  if (!kernel)
    return std::nullopt;
  kernel->codes = codes;
  kernel->floats =
      hasOthers || kernel->size * int64_t(sizeof(float)) > maxStackRow;
  Location loc = rewriter.getFusedLoc({norm.getLoc(), encode.getLoc()});
  OpFoldResult rows = tensor::getMixedSize(rewriter, loc, inputs[0], 0);
  if (kernel->floats)
    outputs.push_back(empty(loc, {rows, rewriter.getIndexAttr(kernel->size)},
                            kernel->element));
  size_t firstInput = inputs.size();
  addOperands(encode, codes, rows, inputs, outputs);
  SmallVector<OpFoldResult> shape =
      tensor::getMixedSizes(rewriter, loc, norm.getInput());
  ResultRange results = call(loc, getKernel(library, *kernel), inputs, outputs);
  if (hasOthers) {
    Value floats =
        fromRows(loc, results.front(),
                 cast<RankedTensorType>(norm->getResultTypes().front()), shape);
    rewriter.replaceUsesWithIf(norm->getResult(0), floats, [&](OpOperand &use) {
      return isOther(use.getOwner());
    });
  }
  results = results.drop_front(kernel->floats);
  return Encoded{results[0],
                 codes.dynamic ? Value(results[1]) : inputs[firstInput]};
}

void Selector::addInput(IntegerLinearOp linear,
                        SmallVectorImpl<Value> &inputs) {
  IntegerDot dot = getDot(linear);
  auto encodeOp = linear.getInput().getDefiningOp<EncodeOp>();
  const Encoded &encoded = encode(encodeOp, dot);
  inputs.append({encoded.rows, encoded.scales});
  if (linear.getInputZero() && hasByteRows(dot))
    inputs.push_back(toVector(linear.getLoc(), linear.getInputZero()));
}

Value Selector::createTable(Location loc, QuantizerAttrInterface quantizer,
                            Value learned) {
  Type element = rewriter.getF32Type();
  if (!learned)
    return arith::ConstantOp::create(
        rewriter, loc,
        DenseElementsAttr::get(RankedTensorType::get({tableSize}, element),
                               ArrayRef<float>(getLookupTable(quantizer))));
  int64_t size = cast<RankedTensorType>(learned.getType()).getDimSize(0);
  if (size == tableSize)
    return learned;
  Value rest = FillOp::create(
      rewriter, loc, RankedTensorType::get({tableSize - size}, element),
      rewriter.getF64FloatAttr(0));
  return ConcatOp::create(rewriter, loc, ValueRange{learned, rest}, /*axis=*/0);
}

template <typename LinearOpT>
void Selector::addWeights(LinearOpT linear, SmallVectorImpl<Value> &inputs) {
  Location loc = linear.getLoc();
  Value codes = linear.getWeight(), zero = linear.getWeightZero();
  QuantizerAttrInterface quantizer = linear.getWeightQuantizer();
  LinearKernel kernel = describe(linear);
  int64_t panel = library.panel(rewriter.getF32Type());
  int64_t depth = getDepth(kernel.input.dot);
  if (kernel.weight.isNibbles)
    inputs.push_back(PackNibblesOp::create(rewriter, loc, codes, zero,
                                           quantizer, panel, depth));
  else
    inputs.push_back(PackCodesOp::create(rewriter, loc, codes, zero, quantizer,
                                         panel, depth));
  if (kernel.weight.zero)
    inputs.push_back(PackZerosOp::create(rewriter, loc, codes, zero, quantizer,
                                         panel, depth));
  if (kernel.isInteger() && kernel.input.isShifted())
    inputs.push_back(
        SumCodesOp::create(rewriter, loc, codes, zero, quantizer, panel));
  // A scale for each channel and group.
  Value scale = linear.getWeightScale();
  SmallVector<QuantAxis> axes;
  quantizer.getQuantAxes(2, axes);
  int64_t groups = kernel.in / kernel.weight.group;
  if (axes.empty() || axes.front().dim != 0) {
    Value ones = FillOp::create(
        rewriter, loc,
        RankedTensorType::get({kernel.out, groups}, rewriter.getF32Type()),
        rewriter.getF64FloatAttr(1));
    scale = ChannelScaleOp::create(rewriter, loc, ones, scale, /*axis=*/1,
                                   /*inverse=*/false);
  } else if (axes.size() == 1) {
    scale = ReshapeOp::create(
        rewriter, loc,
        RankedTensorType::get({kernel.out, 1}, rewriter.getF32Type()), scale);
  }
  inputs.push_back(PackOp::create(rewriter, loc, scale, panel));
  if (kernel.weight.isTable)
    inputs.push_back(createTable(loc, quantizer, getLearnedTable(linear)));
}

func::FuncOp Selector::getScheduledKernel(Location loc,
                                          const LinearKernel &kernel) {
  // One error is enough.
  if (hasFailed)
    return {};
  KernelSchedule schedule = chooseSchedule(library, kernel);
  std::string name = getSymbolName(kernel);
  if (auto given = schedules.find(name, library.options.level)) {
    if (llvm::Error error = verifySchedule(library, kernel, *given)) {
      emitError(loc) << library.options.schedules << ": schedule of " << name
                     << ": " << llvm::toString(std::move(error));
      hasFailed = true;
      return {};
    }
    schedule = *given;
  }
  if (library.options.candidates)
    for (auto [i, candidate] : llvm::enumerate(getCandidates(library, kernel)))
      getKernel(library, kernel, candidate, "_candidate" + std::to_string(i));
  return getKernel(library, kernel, schedule);
}

/// Besides the product, takes what follows it: an activation, or a gated
/// product with another linear, then the sum with a residual.
template <typename LinearOpT>
void Selector::selectLinear(LinearOpT linear) {
  if (!fits(linear))
    return;
  LinearKernel kernel = describe(linear);
  kernel.bias = static_cast<bool>(linear.getBias());
  Operation *last = linear;
  LinearOpT up;
  Operation *user = getOnlyUser(linear);
  if (auto gated = dyn_cast_or_null<GatedOp>(user)) {
    auto gate = gated.getGate().template getDefiningOp<LinearOpT>();
    auto other = gated.getUp().template getDefiningOp<LinearOpT>();
    bool isPair =
        gate && other && gate != other && fits(gate) && fits(other) &&
        gate.getResult().hasOneUse() && other.getResult().hasOneUse() &&
        gate.getInput() == other.getInput() &&
        !gate.getBias() == !other.getBias() && haveOneKernel(gate, other);
    if (isPair) {
      linear = gate;
      up = other;
      kernel.gated = true;
      kernel.activation = getActivation(gated.getKind());
      last = gated;
      user = getOnlyUser(last);
    }
  } else if (user) {
    if (auto activation = getActivation(user)) {
      kernel.activation = *activation;
      last = user;
      user = getOnlyUser(last);
    }
  }
  Value residual;
  if (auto add = dyn_cast_or_null<AddOp>(user);
      add && add.getLhs() != add.getRhs() &&
      add.getLhs().getType() == add.getRhs().getType()) {
    residual = add.getLhs() == last->getResult(0) ? add.getRhs() : add.getLhs();
    kernel.residual = true;
    last = add;
  }

  rewriter.setInsertionPoint(last);
  Location loc = last->getLoc();
  SmallVector<Value> inputs;
  addInput(linear, inputs);
  for (LinearOpT op : {linear, up}) {
    if (!op)
      continue;
    addWeights(op, inputs);
    if (op.getBias())
      inputs.push_back(op.getBias());
  }
  if (residual)
    inputs.push_back(toRows(loc, residual));
  func::FuncOp function = getScheduledKernel(loc, kernel);
  if (!function)
    return;
  Value result = callOnRows(loc, function, inputs, getFloats(linear),
                            kernel.out, kernel.element);
  rewriter.replaceOp(last, result);
}

/// The kernel of `attention`, whose operands have those types, and what it adds
/// to the operands; none where a size that kernels need is not known.
template <typename AttentionOpT>
static std::optional<AttentionKernel>
describeAttention(AttentionOpT attention, RankedTensorType query,
                  RankedTensorType key, RankedTensorType value,
                  SmallVectorImpl<Value> &added) {
  if (query.isDynamicDim(2) || query.isDynamicDim(3) || key.isDynamicDim(2) ||
      value.isDynamicDim(3))
    return std::nullopt;
  AttentionKernel kernel{query.getDimSize(2), key.getDimSize(2),
                         query.getDimSize(3), value.getDimSize(3),
                         query.getElementType()};
  kernel.causal = attention.getMaskKind() != MaskKind::Full;
  if (attention.getMaskKind() == MaskKind::Sliding)
    kernel.window = attention.getWindow();
  if (auto groups = attention.getHeadGroups())
    kernel.headGroups = *groups;
  if (Value mask = attention.getMask()) {
    kernel.mask = cast<RankedTensorType>(mask.getType()).getElementType();
    added.push_back(mask);
  }
  if (Value bias = attention.getBias()) {
    kernel.biasRank = cast<RankedTensorType>(bias.getType()).getRank();
    added.push_back(bias);
  }
  return kernel;
}

/// An uninitialized result of an attention of `query` with the sizes of
/// `kernel`.
static Value createAttentionResult(OpBuilder &builder, Location loc,
                                   Value query, const AttentionKernel &kernel) {
  SmallVector<OpFoldResult> shape = tensor::getMixedSizes(builder, loc, query);
  shape.back() = builder.getIndexAttr(kernel.valueSize);
  return tensor::EmptyOp::create(builder, loc, shape, kernel.element);
}

void Selector::select(AttentionOp attention) {
  RankedTensorType query = attention.getQuery().getType();
  SmallVector<Value> added;
  auto kernel =
      describeAttention(attention, query, attention.getKey().getType(),
                        attention.getValue().getType(), added);
  if (!kernel)
    return;
  kernel->single = query.getDimSize(1) == 1;
  kernel->clipped = attention.getZeta().has_value();

  rewriter.setInsertionPoint(attention);
  Location loc = attention.getLoc();
  SmallVector<Value> inputs{attention.getQuery(), attention.getKey(),
                            attention.getValue(),
                            scalar(loc, attention.getScale().convertToDouble(),
                                   query.getElementType())};
  if (kernel->clipped) {
    double gamma = attention.getGamma()->convertToDouble();
    double zeta = attention.getZeta()->convertToDouble();
    for (double number : {zeta - gamma, gamma})
      inputs.push_back(scalar(loc, number, query.getElementType()));
  }
  inputs.append(added);
  Value output =
      createAttentionResult(rewriter, loc, attention.getQuery(), *kernel);
  rewriter.replaceOp(attention,
                     call(loc, getKernel(library, *kernel), inputs, output));
}

/// What codes that a kernel computes anew are computed from: numbers and, where
/// they are given, scale and zero point.
struct EncodedFloats {
  Value numbers;
  SmallVector<Value, 2> parameters;
};

/// What `codes` of `quantizer`, a uniform format, are computed from, if a
/// kernel of attention can compute them anew: signed with a scale that comes
/// from the numbers themselves, for the indices of dimensions `axes`, or with
/// given parameters, of the tensor or of each head.
static std::optional<EncodedFloats>
getEncodedFloats(Value codes, Value scale, Value zero,
                 QuantizerAttrInterface quantizer, ArrayRef<int64_t> axes) {
  auto encode = codes.getDefiningOp<EncodeOp>();
  if (!encode || encode.getScale() != scale || encode.getZero() != zero ||
      encode.getQuantizer() != quantizer || !isa<UniformAttr>(quantizer) ||
      quantizer.getScaling().form != numerics::ScaleForm::Any)
    return std::nullopt;
  SmallVector<QuantAxis> found;
  quantizer.getQuantAxes(4, found);
  EncodedFloats floats{encode.getInput(), {}};
  constexpr int64_t headDim = 2;
  if (found.empty() || (found.size() == 1 && found.front().dim == headDim)) {
    floats.parameters.push_back(scale);
    if (zero)
      floats.parameters.push_back(zero);
    return floats;
  }
  auto dims =
      llvm::map_to_vector(found, [](QuantAxis axis) { return axis.dim; });
  auto dynamic = scale.getDefiningOp<DynamicScaleOp>();
  if (!dynamic || dynamic.getInput() != encode.getInput() ||
      dynamic.getQuantizer() != quantizer || !quantizer.hasSignedCodes() ||
      ArrayRef(dims) != axes)
    return std::nullopt;
  return floats;
}

void Selector::addProbabilities(IntegerAttentionOp attention,
                                IntegerAttentionKernel &kernel,
                                SmallVectorImpl<Value> &inputs) {
  Location loc = attention.getLoc();
  integer_attention::ProbabilityIntegers numbers =
      integer_attention::getProbabilityIntegers(kernel.probabilities);
  kernel.numBytes = numbers.bytes;
  if (Value scale = attention.getProbabilityScale())
    inputs.push_back(scale);
  if (numbers.integers.empty())
    return;
  inputs.push_back(scalar(loc, kernel.probabilities.getNumberRange().second,
                          rewriter.getF32Type()));
  kernel.tableSlots =
      std::max<int64_t>(tableSize, llvm::PowerOf2Ceil(numbers.integers.size()));
  SmallVector<float> bounds = kernel.probabilities.getTable().getFloatBounds();
  bounds.resize(kernel.tableSlots, std::numeric_limits<float>::infinity());
  SmallVector<float> bits =
      llvm::map_to_vector(numbers.integers, [](int32_t integer) {
        return llvm::bit_cast<float>(integer);
      });
  bits.resize(kernel.tableSlots, bits.back());
  for (ArrayRef<float> table : {ArrayRef(bounds), ArrayRef(bits)})
    inputs.push_back(arith::ConstantOp::create(
        rewriter, loc,
        DenseElementsAttr::get(
            RankedTensorType::get({kernel.tableSlots}, rewriter.getF32Type()),
            table)));
}

void Selector::select(IntegerAttentionOp attention) {
  auto query = getEncodedFloats(attention.getQuery(), attention.getQueryScale(),
                                attention.getQueryZero(),
                                attention.getQueryQuantizer(), {0, 1, 2});
  auto key = getEncodedFloats(attention.getKey(), attention.getKeyScale(),
                              attention.getKeyZero(),
                              attention.getKeyQuantizer(), {0, 1, 2});
  auto value = getEncodedFloats(attention.getValue(), attention.getValueScale(),
                                attention.getValueZero(),
                                attention.getValueQuantizer(), {0, 2});
  if (!query || !key || !value || library.options.dot == IntegerDot::None)
    return;
  auto typeOf = [](Value value) {
    return cast<RankedTensorType>(value.getType());
  };
  SmallVector<Value> added;
  auto kernel =
      describeAttention(attention, typeOf(query->numbers), typeOf(key->numbers),
                        typeOf(value->numbers), added);
  Value bias = attention.getBias();
  if (!kernel ||
      attention.getResult().getType().getElementType() != kernel->element ||
      (bias && typeOf(bias).getElementType() != kernel->element))
    return;
  rewriter.setInsertionPoint(attention);
  Location loc = attention.getLoc();
  double scale =
      attention.getScale().convertToDouble() * integer_attention::octaves;
  SmallVector<Value> inputs{query->numbers, key->numbers, value->numbers,
                            scalar(loc, scale, rewriter.getF32Type())};
  for (const EncodedFloats &floats : {*query, *key, *value})
    inputs.append(floats.parameters);
  IntegerAttentionKernel integers{*kernel,
                                  library.options.dot,
                                  library.options.tiles,
                                  attention.getQueryQuantizer(),
                                  attention.getKeyQuantizer(),
                                  attention.getValueQuantizer(),
                                  attention.getProbabilityQuantizer()};
  addProbabilities(attention, integers, inputs);
  inputs.append(added);
  Value output = createAttentionResult(rewriter, loc, query->numbers, *kernel);
  rewriter.replaceOp(attention,
                     call(loc, getKernel(library, integers), inputs, output));
}

std::optional<NormKernel> Selector::describe(NormOpInterface norm,
                                             SmallVectorImpl<Value> &inputs) {
  auto epsilon = llvm::TypeSwitch<Operation *, std::optional<APFloat>>(norm)
                     .Case<LayerNormOp, RMSNormOp>(
                         [](auto op) { return std::optional(op.getEps()); })
                     .Default([](Operation *) { return std::nullopt; });
  auto type = cast<RankedTensorType>(norm.getInput().getType());
  if (!epsilon || type.getRank() < 2 || type.isDynamicDim(type.getRank() - 1))
    return std::nullopt;
  NormKernel kernel{type.getShape().back(), type.getElementType(),
                    norm.subtractsMean()};
  Location loc = norm.getLoc();
  inputs.append({toRows(loc, norm.getInput()),
                 scalar(loc, epsilon->convertToDouble(), kernel.element)});
  if (Value gamma = norm.getGain()) {
    kernel.gamma = true;
    inputs.push_back(gamma);
  }
  if (Value beta = norm.getOffset()) {
    kernel.beta = true;
    inputs.push_back(beta);
  }
  return kernel;
}

void Selector::select(NormOpInterface norm) {
  rewriter.setInsertionPoint(norm);
  SmallVector<Value> inputs;
  if (std::optional<NormKernel> kernel = describe(norm, inputs))
    rewriter.replaceOp(
        norm, callOnRows(norm.getLoc(), getKernel(library, *kernel), inputs,
                         norm.getInput(), kernel->size, kernel->element));
}

void Selector::select(OnlineHadamardOp op) {
  RankedTensorType type = op.getInput().getType();
  std::optional<HadamardMatrix> matrix =
      HadamardMatrix::get(op.getRotation().getOrder());
  ArrayRef<HadamardMatrix::Factor> factors = matrix->getFactors();
  HadamardKernel kernel{type.getShape().back(),
                        matrix->getOrder() / matrix->getPowerOfTwo(),
                        matrix->getPowerOfTwo(), type.getElementType()};
  if (type.getRank() < 2 || factors.size() > 1 || !hasKernel(library, kernel))
    return;
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  SmallVector<Value> inputs{toRows(loc, op.getInput())};
  if (!factors.empty()) {
    int64_t order = factors.front().order;
    FloatType compute = getComputeType(kernel.element);
    SmallVector<APFloat> signs;
    for (int64_t row = 0; row < order; ++row)
      for (int64_t column = 0; column < order; ++column) {
        int64_t place = op.getRotation().getTransposed() ? column * order + row
                                                         : row * order + column;
        signs.emplace_back(compute.getFloatSemantics(),
                           factors.front().signs[place] > 0 ? "1" : "-1");
      }
    inputs.push_back(arith::ConstantOp::create(
        rewriter, loc,
        DenseElementsAttr::get(RankedTensorType::get({order, order}, compute),
                               signs)));
  }
  rewriter.replaceOp(op,
                     callOnRows(loc, getKernel(library, kernel), inputs,
                                op.getInput(), kernel.size, kernel.element));
}

void Selector::select(SecondMomentsOp op) {
  RankedTensorType type = op.getInput().getType();
  ArrayRef<int64_t> sizes = op.getResult().getType().getShape();
  SecondMomentsKernel kernel{sizes[0], sizes[1], type.getElementType()};
  if (op.getOther())
    kernel.other = op.getOther().getType().getElementType();
  kernel.weights = static_cast<bool>(op.getWeights());
  int64_t tokenRank = type.getRank() - 1;
  if (tokenRank < 1 ||
      (kernel.weights && op.getWeights().getType().getRank() != tokenRank))
    return;
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  SmallVector<Value> inputs{toRows(loc, op.getInput())};
  if (op.getOther())
    inputs.push_back(toRows(loc, op.getOther()));
  if (kernel.weights)
    inputs.push_back(toVector(loc, op.getWeights()));
  Value output = empty(loc, getAsIndexOpFoldResult(op.getContext(), sizes),
                       rewriter.getF64Type());
  rewriter.replaceOp(op, call(loc, getKernel(library, kernel), inputs, output));
}

void Selector::select(SelectiveScanOp scan) {
  RankedTensorType decay = scan.getA().getType();
  if (!decay.hasStaticShape())
    return;
  ScanKernel kernel{decay.getDimSize(0), decay.getDimSize(1),
                    decay.getElementType()};
  kernel.skip = static_cast<bool>(scan.getD());
  kernel.hasState = static_cast<bool>(scan.getState());
  rewriter.setInsertionPoint(scan);
  Location loc = scan.getLoc();
  SmallVector<Value> inputs{scan.getInput(), scan.getDelta(), scan.getA(),
                            scan.getB(), scan.getC()};
  if (scan.getD())
    inputs.push_back(scan.getD());
  SmallVector<OpFoldResult> shape =
      tensor::getMixedSizes(rewriter, loc, scan.getInput());
  SmallVector<Value> outputs{empty(loc, shape, kernel.element)};
  if (scan.getState())
    outputs.push_back(scan.getState());
  else
    outputs.push_back(empty(loc,
                            {shape[0], rewriter.getIndexAttr(kernel.channels),
                             rewriter.getIndexAttr(kernel.states)},
                            kernel.element));
  rewriter.replaceOp(scan,
                     call(loc, getKernel(library, kernel), inputs, outputs));
}

void Selector::select(CausalConv1DOp conv) {
  RankedTensorType weight = conv.getWeight().getType();
  if (!weight.hasStaticShape())
    return;
  ConvKernel kernel{weight.getDimSize(0), weight.getDimSize(1),
                    weight.getElementType()};
  kernel.bias = static_cast<bool>(conv.getBias());
  kernel.hasState = static_cast<bool>(conv.getState());
  Operation *activation = getOnlyActivation(conv.getResult());
  if (activation)
    kernel.activation = *getActivation(activation);
  rewriter.setInsertionPoint(conv);
  Location loc = conv.getLoc();
  SmallVector<Value> inputs{conv.getInput(), conv.getWeight()};
  if (conv.getBias())
    inputs.push_back(conv.getBias());
  SmallVector<OpFoldResult> shape =
      tensor::getMixedSizes(rewriter, loc, conv.getInput());
  SmallVector<Value> outputs{empty(loc, shape, kernel.element)};
  if (conv.getState())
    outputs.push_back(conv.getState());
  else
    outputs.push_back(empty(loc,
                            {shape[0], rewriter.getIndexAttr(kernel.taps - 1),
                             rewriter.getIndexAttr(kernel.channels)},
                            kernel.element));
  ResultRange results = call(loc, getKernel(library, kernel), inputs, outputs);
  if (activation)
    rewriter.replaceOp(activation, results.front());
  rewriter.replaceOp(conv, results);
}

void Selector::select(DepthwiseConv2DOp conv) {
  RankedTensorType weight = conv.getWeight().getType();
  if (!isParameter(conv.getWeight()) ||
      conv.getInput().getType().isDynamicDim(3))
    return;
  ArrayRef<int64_t> shape = weight.getShape(), strides = conv.getStrides();
  DepthwiseKernel kernel{shape[0],
                         shape[1],
                         shape[2],
                         {strides[0], strides[1]},
                         weight.getElementType()};
  kernel.bias = static_cast<bool>(conv.getBias());
  Operation *activation = getOnlyActivation(conv.getResult());
  if (activation)
    kernel.activation = *getActivation(activation);
  rewriter.setInsertionPoint(conv);
  Location loc = conv.getLoc();
  Value map = conv.getInput();
  if (ArrayRef<int64_t> padding = conv.getPadding(); padding[0] || padding[1]) {
    OpFoldResult none = rewriter.getIndexAttr(0);
    SmallVector<OpFoldResult> sizes = {none, rewriter.getIndexAttr(padding[0]),
                                       rewriter.getIndexAttr(padding[1]), none};
    Value zero = arith::ConstantOp::create(
        rewriter, loc, rewriter.getZeroAttr(kernel.element));
    map = tensor::PadOp::create(rewriter, loc, Type(), map, sizes, sizes, zero);
  }
  Value taps = ReshapeOp::create(rewriter, loc,
                                 weight.clone({shape[0], shape[1] * shape[2]}),
                                 conv.getWeight());
  taps = TransposeOp::create(rewriter, loc, taps, ArrayRef<int64_t>{1, 0});
  SmallVector<Value> inputs{map, taps};
  if (conv.getBias())
    inputs.push_back(conv.getBias());
  ReifiedRankedShapedTypeDims sizes;
  if (failed(conv.reifyResultShapes(rewriter, sizes)))
    return;
  Value output = empty(loc, sizes.front(), kernel.element);
  Value result = call(loc, getKernel(library, kernel), inputs, output).front();
  if (result.getType() != conv.getResult().getType())
    result = tensor::CastOp::create(rewriter, loc, conv.getResult().getType(),
                                    result);
  if (activation)
    rewriter.replaceOp(activation, result);
  rewriter.replaceOp(conv, result);
}

struct SelectKernels : quench::impl::SelectKernelsPassBase<SelectKernels> {
  using SelectKernelsPassBase::SelectKernelsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    CPUKernelOptions options;
    options.vectorBytes = vectorBytes;
    options.fma = fma;
    options.dot = dot;
    options.narrowQuads = narrowQuads;
    options.tiles = tiles;
    options.compact = compact;
    options.schedules = schedules;
    options.level = level;
    options.candidates = candidates;
    if (vectorBytes != 16 && vectorBytes != 32 && vectorBytes != 64) {
      emitError(module.getLoc(),
                "expected a vector register of 16, 32 or 64 bytes, "
                "found ")
          << vectorBytes.getValue();
      return signalPassFailure();
    }
    if (dot == IntegerDot::Quads && vectorBytes == 16) {
      emitError(module.getLoc(), "expected registers of 32 or 64 bytes for "
                                 "sums of four products");
      return signalPassFailure();
    }
    if (narrowQuads && dot != IntegerDot::Pairs) {
      emitError(module.getLoc(), "expected sums of two products beside those "
                                 "of narrow quads");
      return signalPassFailure();
    }
    if (tiles && (dot != IntegerDot::Quads || vectorBytes != 64)) {
      emitError(module.getLoc(), "expected registers of 64 bytes and sums of "
                                 "four products beside tile registers");
      return signalPassFailure();
    }
    ScheduleFile file;
    if (!schedules.empty()) {
      llvm::Expected<ScheduleFile> loaded = ScheduleFile::load(schedules);
      if (!loaded) {
        emitError(module.getLoc(), llvm::toString(loaded.takeError()));
        return signalPassFailure();
      }
      file = std::move(*loaded);
    }
    Selector selector(module, options, std::move(file));

    // Ops that a kernel of another takes are gone when their turn comes.
    auto each = [&](auto op, auto select) {
      using Op = decltype(op);
      SmallVector<Op> ops;
      module.walk([&](Op op) { ops.push_back(op); });
      for (Op op : ops)
        select(op);
    };
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    // What kernels take leaves its producers without users.
    auto dropUnused = [&] {
      for (func::FuncOp function : functions)
        (void)runRegionDCE(selector.rewriter, function->getRegions());
    };
    each(LinearOp(), [&](LinearOp op) {
      if (!op->use_empty())
        selector.selectLinear(op);
    });
    each(IntegerLinearOp(), [&](IntegerLinearOp op) {
      if (!op->use_empty())
        selector.selectLinear(op);
    });
    each(WeightOnlyLinearOp(), [&](WeightOnlyLinearOp op) {
      if (!op->use_empty())
        selector.selectLinear(op);
    });
    each(AttentionOp(), [&](AttentionOp op) { selector.select(op); });
    each(IntegerAttentionOp(),
         [&](IntegerAttentionOp op) { selector.select(op); });
    // Norms that give codes in the kernels of linears are no longer read.
    dropUnused();
    each(LayerNormOp(), [&](LayerNormOp op) { selector.select(op); });
    each(RMSNormOp(), [&](RMSNormOp op) { selector.select(op); });
    each(OnlineHadamardOp(), [&](OnlineHadamardOp op) { selector.select(op); });
    each(SecondMomentsOp(), [&](SecondMomentsOp op) { selector.select(op); });
    each(SelectiveScanOp(), [&](SelectiveScanOp op) { selector.select(op); });
    each(CausalConv1DOp(), [&](CausalConv1DOp op) { selector.select(op); });
    each(DepthwiseConv2DOp(),
         [&](DepthwiseConv2DOp op) { selector.select(op); });

    if (selector.hasFailed)
      return signalPassFailure();
    dropUnused();
    remarkGenericOps(module);
  }
};

} // namespace
