//===- ReparameterizeScales.cpp - One scale for all channels -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "ChannelVectors.h"
#include "ShiftSite.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/IR/QuenchScaleOps.h"
#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Regex.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHREPARAMETERIZESCALES
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {
/// A value that is quantized by channels, in one entry point, and what it is
/// tied to.
struct QuantizedSite {
  /// All equal.
  SmallVector<FakeQuantOp> quantizers;
  ChannelClass scale;
  /// Where there are zero points.
  std::optional<ShiftSite> shift;
  func::FuncOp function;
  /// What is added, once scales are moved.
  Value offset;
};

/// Reads through quantizers that work by channels, as long as it lives: a scale
/// and a shift pass such a quantizer, with its parameters.
class OpenQuantizers {
public:
  explicit OpenQuantizers(ModuleOp module);
  ~OpenQuantizers();

  /// The quantizers, and what each reads.
  ArrayRef<std::pair<FakeQuantOp, Value>> getOps() const { return ops; }

private:
  SmallVector<std::pair<FakeQuantOp, Value>> ops;
  SmallVector<std::pair<OpOperand *, Value>> uses;
};

struct ReparameterizeScales
    : quench::impl::QuenchReparameterizeScalesBase<ReparameterizeScales>,
      EquivalenceClaim {
  using QuenchReparameterizeScalesBase::QuenchReparameterizeScalesBase;

  void runOnOperation() override;

private:
  void addOffsets();
  std::vector<QuantizedSite> findSites();
  void rewrite(QuantizedSite &site);
  void dropOffsets();

  /// Additions of zeros behind norms that have no offset.
  SmallVector<AddOp> offsets;
};
} // namespace

/// The program of the codes that a zero point has, one byte for each. Codes of
/// fewer bits are cut from bytes.
static Value getCodeBytes(Value zero) {
  if (auto cut = zero.getDefiningOp<arith::TruncIOp>())
    return cut.getIn();
  return zero;
}

/// Whether `op` has one pair of parameters for each channel, as programs.
static bool worksByChannel(FakeQuantOp op) {
  auto format = dyn_cast<UniformAttr>(op.getQuantizer());
  int64_t rank = op.getInput().getType().getRank();
  return format && format.getAxis() == rank - 1 && !format.getGroup() &&
         format.absorbsChannelScale(rank, rank - 1) &&
         isWeightProgram(op.getScale()) &&
         (!op.getZero() || isWeightProgram(getCodeBytes(op.getZero())));
}

OpenQuantizers::OpenQuantizers(ModuleOp module) {
  module.walk([&](FakeQuantOp op) {
    if (worksByChannel(op))
      ops.emplace_back(op, op.getInput());
  });
  for (auto [op, input] : ops) {
    for (OpOperand &use : op.getResult().getUses())
      uses.emplace_back(&use, op.getResult());
    op.getResult().replaceAllUsesWith(op.getInput());
    // It reads itself, to be out of the way.
    op.getInputMutable().assign(op.getResult());
  }
}

OpenQuantizers::~OpenQuantizers() {
  for (auto [op, input] : ops)
    op.getInputMutable().assign(input);
  for (auto [use, value] : uses)
    use->set(value);
}

/// Whether two weight programs compute the same.
static bool isSameProgram(Value a, Value b) {
  SmallVector<std::pair<Value, Value>> pending = {{a, b}};
  llvm::DenseSet<std::pair<Value, Value>> seen;
  while (!pending.empty()) {
    auto [x, y] = pending.pop_back_val();
    if (x == y || !seen.insert({x, y}).second)
      continue;
    Operation *left = x.getDefiningOp(), *right = y.getDefiningOp();
    if (left->getName() != right->getName() || x.getType() != y.getType() ||
        left->getNumOperands() != right->getNumOperands() ||
        left->getDiscardableAttrDictionary() !=
            right->getDiscardableAttrDictionary() ||
        left->getPropertiesAsAttribute() != right->getPropertiesAsAttribute())
      return false;
    for (auto operands :
         llvm::zip_equal(left->getOperands(), right->getOperands()))
      pending.emplace_back(std::get<0>(operands), std::get<1>(operands));
  }
  return true;
}

static bool isSameQuantizer(FakeQuantOp a, FakeQuantOp b) {
  return a.getQuantizer() == b.getQuantizer() &&
         isSameProgram(a.getScale(), b.getScale()) &&
         (!a.getZero() ||
          isSameProgram(getCodeBytes(a.getZero()), getCodeBytes(b.getZero())));
}

/// Gives norms without an offset one behind them, if a quantizer with zero
/// points reads them.
void ReparameterizeScales::addOffsets() {
  getOperation()->walk([&](FakeQuantOp op) {
    Value value = op.getInput();
    auto norm = value.getDefiningOp<NormOpInterface>();
    if (!op.getZero() || !norm || isa<ShiftableOpInterface>(*norm) ||
        !worksByChannel(op))
      return;
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(value);
    auto type = cast<RankedTensorType>(value.getType());
    Value zeros =
        createFilledWeight(builder, value.getLoc(),
                           RankedTensorType::get(type.getShape().take_back(),
                                                 type.getElementType()),
                           0);
    auto sum = AddOp::create(builder, value.getLoc(), value, zeros,
                             /*residual=*/false);
    value.replaceAllUsesExcept(sum, sum);
    offsets.push_back(sum);
  });
}

/// Removes those that nothing was added by.
void ReparameterizeScales::dropOffsets() {
  for (AddOp sum : offsets) {
    if (!sum.getRhs().getDefiningOp<FillOp>())
      continue;
    sum.replaceAllUsesWith(sum.getLhs());
    sum.erase();
  }
  offsets.clear();
}

std::vector<QuantizedSite> ReparameterizeScales::findSites() {
  OpenQuantizers open(getOperation());
  ChannelClasses scales(getOperation(), TransformKind::Scale);
  ChannelClasses shifts(getOperation(), TransformKind::Shift);
  llvm::Regex pattern(sitePattern);

  // Quantizers by what they are tied to.
  llvm::MapVector<std::pair<const ChannelClass *, const ChannelClass *>,
                  SmallVector<std::pair<FakeQuantOp, Value>>>
      groups;
  for (auto [op, input] : open.getOps()) {
    int64_t axis = op.getResult().getType().getRank() - 1;
    const ChannelClass *scale = scales.find(input, axis);
    const ChannelClass *shift =
        op.getZero() ? shifts.find(input, axis) : nullptr;
    if (scale && !pattern.match(scale->name))
      continue;
    if (!scale || (op.getZero() && !shift))
      refuse(scale ? scale->name : getSiteName(op),
             "its channels are in no weights that could take their scales", op);
    else
      groups[{scale, shift}].emplace_back(op, input);
  }

  std::vector<QuantizedSite> found;
  for (auto &group : groups) {
    const ChannelClass *scale = group.first.first, *shift = group.first.second;
    SmallVector<FakeQuantOp> quantizers =
        llvm::to_vector(llvm::make_first_range(group.second));
    auto check = [&](const ChannelClass &site) {
      if (!site.isFree()) {
        const ClassBlocker &blocker = site.blockers.front();
        refuse(scale->name, blocker.reason, blocker.op);
        return false;
      }
      for (auto &[op, input] : group.second) {
        Value value = input;
        auto member = llvm::find_if(site.members, [&](const ClassMember &it) {
          return it.value == value;
        });
        if (member->inverse || !isWhole(site, member->blocks) ||
            member->axes.size() != 1) {
          refuse(scale->name, "heads of its channels are tied", op);
          return false;
        }
      }
      return true;
    };
    auto differs = llvm::find_if(quantizers, [&](FakeQuantOp op) {
      return !isSameQuantizer(op, quantizers.front());
    });
    if (differs != quantizers.end()) {
      refuse(scale->name, "it is quantized in two ways", *differs);
      continue;
    }
    if (!check(*scale) || (shift && !check(*shift)))
      continue;
    auto scaleParts = splitByFunction(*scale);
    if (scaleParts.size() != 1) {
      refuse(scale->name, "several entry points have a part in it",
             quantizers.front());
      continue;
    }
    QuantizedSite site = {quantizers, *scale, std::nullopt,
                          scaleParts.front().first, Value()};
    if (shift) {
      site.shift.emplace(*shift);
      if (std::optional<ClassBlocker> blocker = site.shift->getBlocker()) {
        refuse(scale->name, blocker->reason, blocker->op);
        continue;
      }
    }
    found.push_back(std::move(site));
  }
  return found;
}

void ReparameterizeScales::rewrite(QuantizedSite &site) {
  FakeQuantOp first = site.quantizers.front();
  auto format = cast<UniformAttr>(first.getQuantizer());
  Location loc = first.getLoc();
  OpBuilder builder(&getContext());
  setInsertionPointBefore(builder, site.scale, site.function);
  auto scalar = RankedTensorType::get({}, builder.getF64Type());
  auto fill = [&](double number) {
    return createFilledWeight(builder, loc, scalar, number);
  };

  // Parameters of the channels; those without a range take the common ones.
  Value scales = widenWeight(builder, cloneProgram(builder, first.getScale()));
  Value live = scales;
  Value common =
      target == ReparameterizeTarget::Given
          ? fill(commonScale)
          : Value(CommonScaleOp::create(builder, loc, scales,
                                        target == ReparameterizeTarget::Mean
                                            ? CommonScaleKind::Mean
                                        : target == ReparameterizeTarget::Median
                                            ? CommonScaleKind::Median
                                            : CommonScaleKind::PowerOfTwo));
  live = FillDeadOp::create(builder, loc, scales, scales, common);
  Value ratio = scaleWeight(builder, live, common, 0, /*inverse=*/true);
  ratio = CheckedScaleOp::create(builder, loc, ratio, site.scale.name,
                                 ArrayRef<int64_t>());
  Value commonZero;
  auto codes = UniformAttr::get(
      &getContext(), format.getBits(), format.getIsSigned(),
      /*asymmetric=*/false, std::nullopt, /*per_token=*/false, std::nullopt);
  if (first.getZero()) {
    Value zeros = DequantizeOp::create(
        builder, loc, live.getType(),
        cloneProgram(builder, getCodeBytes(first.getZero())), fill(1),
        /*zero=*/Value(), /*table=*/Value(), codes);
    int64_t high = int64_t(1) << (format.getBits() - format.getIsSigned());
    int64_t low = format.getIsSigned() ? -high : 0;
    commonZero =
        CommonZeroOp::create(builder, loc, zeros, scales, low, high - 1);
    zeros = FillDeadOp::create(builder, loc, zeros, scales, commonZero);
    // In steps of the new scale, since scales are moved first.
    site.offset = scaleWeight(
        builder, shiftWeight(builder, zeros, commonZero, /*negative=*/true),
        common, 0);
  }

  divideChannels(site.scale, ratio, "reparameterize " + site.scale.name);

  auto tensorFormat = UniformAttr::get(
      &getContext(), format.getBits(), format.getIsSigned(),
      format.getAsymmetric(), std::nullopt, /*per_token=*/false, std::nullopt);
  for (FakeQuantOp op : site.quantizers) {
    builder.setInsertionPoint(op);
    auto parameters = cast<RankedTensorType>(op.getScale().getType());
    op.getScaleMutable().assign(
        narrowWeight(builder, common, parameters.getElementType()));
    // As a byte: weight programs have no codes of fewer bits.
    if (commonZero)
      op.getZeroMutable().assign(QuantizeOp::create(builder, loc, commonZero,
                                                    fill(1), /*zero=*/Value(),
                                                    /*table=*/Value(), codes));
    op.setQuantizerAttr(tensorFormat);
  }
  recordSite(site.scale.name,
             llvm::Twine("one scale instead of ") +
                 llvm::Twine(site.scale.getNumChannels()) + " in " +
                 llvm::Twine(site.scale.weights.size()) + " weights",
             first);
}

void ReparameterizeScales::runOnOperation() {
  beginClaims(*this);
  if (std::string error; !llvm::Regex(sitePattern).isValid(error)) {
    emitError(getOperation().getLoc(), "option 'sites': ") << error;
    return signalPassFailure();
  }
  if (target == ReparameterizeTarget::Given &&
      !(commonScale > 0 && commonScale < 1e300)) {
    emitError(getOperation().getLoc(),
              "option 'scale': expected a positive finite number");
    return signalPassFailure();
  }
  if (offset)
    addOffsets();
  std::vector<QuantizedSite> found = findSites();
  // New biases would move what is yet to be scaled.
  for (QuantizedSite &site : found)
    rewrite(site);
  for (QuantizedSite &site : found)
    if (site.offset)
      site.shift->apply(site.offset);
  dropOffsets();
}
