//===- InsertFakeQuant.cpp - Models with the error of codes ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Analysis/QuantSites.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Dialect/Quench/Transforms/WeightQuantizer.h"
#include "Quench/Interfaces/QuantizableOpInterface.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/Regex.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHINSERTFAKEQUANT
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

static remark::RemarkOpts remarkOpts(StringRef name) {
  return remark::RemarkOpts::name(name).category("quench-insert-fake-quant");
}

/// Whether `quantizer` can quantize a tensor of that type: it names dimensions
/// that there are, and cuts them into whole blocks.
static bool fits(QuantizerAttrInterface quantizer, RankedTensorType type) {
  SmallVector<QuantAxis> axes;
  quantizer.getQuantAxes(type.getRank(), axes);
  return llvm::all_of(axes, [&](QuantAxis axis) {
    return axis.dim >= 0 && axis.dim < type.getRank() &&
           (axis.block == 1 || (!type.isDynamicDim(axis.dim) &&
                                type.getDimSize(axis.dim) % axis.block == 0));
  });
}

/// Whether the scale is the same within each sum over the `reduced` axes, but
/// for blocks of them.
static bool isConstantInSums(QuantizerAttrInterface quantizer, int64_t rank,
                             ArrayRef<int64_t> reduced) {
  SmallVector<QuantAxis> axes;
  quantizer.getQuantAxes(rank, axes);
  return llvm::none_of(axes, [&](QuantAxis axis) {
    return axis.block == 1 && llvm::is_contained(reduced, axis.dim);
  });
}

namespace {
struct InsertFakeQuant
    : quench::impl::QuenchInsertFakeQuantBase<InsertFakeQuant> {
  using QuenchInsertFakeQuantBase::QuenchInsertFakeQuantBase;

  void runOnOperation() override;

private:
  /// The quantizer that `text` names, with `words` where it says the codes
  /// alone; null for `none`. Fails where it is none, or one with zero points
  /// and not for weights.
  FailureOr<QuantizerAttrInterface> getQuantizer(bool isWeight, StringRef text,
                                                 const Twine &words);
  /// Quantizes the weights and activations of `op`, or says why not.
  LogicalResult quantize(QuantizableOpInterface op);
  Value quantizeActivation(Value input, QuantizerAttrInterface quantizer);

  /// What gives weights their codes.
  WeightQuantizer weightQuantizer;
  /// The name of the first input of each op.
  DenseMap<Operation *, std::string> inputs;
  /// What became of activations.
  DenseMap<std::pair<Value, Attribute>, Value> activationCodes;
};
} // namespace

FailureOr<QuantizerAttrInterface>
InsertFakeQuant::getQuantizer(bool isWeight, StringRef text,
                              const Twine &words) {
  if (text == "none")
    return QuantizerAttrInterface();
  std::string attribute = text.str();
  if (!text.starts_with("#"))
    attribute = ("#quench.uniform<" + text + ", " + words + ">").str();
  // The parser's own errors show a text that nobody wrote.
  ScopedDiagnosticHandler silence(&getContext(),
                                  [](Diagnostic &) { return success(); });
  auto quantizer = dyn_cast_if_present<QuantizerAttrInterface>(
      parseAttribute(attribute, &getContext()));
  if (quantizer && (isWeight || !quantizer.hasZeroPoint()))
    return quantizer;
  return failure();
}

Value InsertFakeQuant::quantizeActivation(Value input,
                                          QuantizerAttrInterface quantizer) {
  Value &known = activationCodes[{input, quantizer}];
  if (known)
    return known;
  OpBuilder builder(&getContext());
  builder.setInsertionPointAfterValue(input);
  Location loc = input.getLoc();
  Value scale = DynamicScaleOp::create(builder, loc, input, quantizer);
  known = FakeQuantOp::create(builder, loc, input, scale, Value(), quantizer);
  return known;
}

LogicalResult InsertFakeQuant::quantize(QuantizableOpInterface op) {
  SmallVector<QuantOperand> roles;
  op.getQuantOperands(roles);
  auto hasRole = [&](QuantRole role) {
    return llvm::any_of(roles,
                        [&](const QuantOperand &o) { return o.role == role; });
  };
  if (!hasRole(QuantRole::Weight))
    return success();
  auto decline = [&](const Twine &reason) {
    remark::missed(op.getLoc(), remarkOpts("float"))
        << (op->getName().getStringRef() + " stays as it is: " + reason).str();
    return success();
  };
  std::string site = getSiteName(op);
  if (!skip.empty() && llvm::Regex(skip).match(site))
    return decline("its name matches '" + skip + "'");

  struct Change {
    OpOperand *operand;
    QuantOperand role;
    QuantizerAttrInterface quantizer;
  };
  SmallVector<Change> changes;
  for (auto [operand, role] : llvm::zip_equal(op->getOpOperands(), roles)) {
    bool isWeight = role.role == QuantRole::Weight;
    if (!isWeight && role.role != QuantRole::Activation)
      continue;
    std::string name = (Twine(isWeight ? "weight" : "activation") +
                        " in operand " + Twine(operand.getOperandNumber()))
                           .str();
    FailureOr<QuantizerAttrInterface> found =
        isWeight ? getQuantizer(isWeight, weights,
                                "axis = " + Twine(role.channelAxis))
                 : getQuantizer(isWeight, activations, "token");
    if (failed(found))
      return failure();
    QuantizerAttrInterface quantizer = *found;
    if (!quantizer)
      continue;
    if (isWeight && !isWeightProgram(operand.get()))
      return decline(name + " is not known when the model is compiled");
    auto type = cast<RankedTensorType>(operand.get().getType());
    if (!fits(quantizer, type) ||
        !isConstantInSums(quantizer, type.getRank(), role.reducedAxes)) {
      std::string text;
      llvm::raw_string_ostream(text) << quantizer;
      return decline("no scale of " + text + " is the same within a sum over " +
                     name);
    }
    changes.push_back({&operand, role, quantizer});
  }
  // Weights come first: where one gets no codes, activations keep theirs.
  for (const Change &change : changes)
    if (change.role.role == QuantRole::Weight)
      if (std::string reason =
              quantizeWeight({change.operand, change.role, inputs.lookup(op)},
                             change.quantizer, weightQuantizer);
          !reason.empty())
        return decline(reason);
  for (const Change &change : changes)
    if (change.role.role == QuantRole::Activation)
      change.operand->set(
          quantizeActivation(change.operand->get(), change.quantizer));
  if (!changes.empty())
    remark::passed(op.getLoc(), remarkOpts("quantized"))
        << (site + ": weights " + weights + ", activations " + activations);
  return success();
}

void InsertFakeQuant::runOnOperation() {
  activationCodes.clear();
  inputs.clear();
  for (const QuantSite &found : collectQuantSites(getOperation()))
    if (found.role == SiteRole::Input)
      for (OpOperand *use : found.uses)
        inputs.try_emplace(use->getOwner(), found.name);
  auto isFormat = [&](bool isWeight, StringRef text) {
    if (succeeded(getQuantizer(isWeight, text, "token")))
      return true;
    getOperation()->emitError()
        << (isWeight ? "'weights'" : "'activations'") << ": found '" << text
        << "', expected none, codes such as i4, or a quantizer"
        << (isWeight ? "" : " without zero points");
    return false;
  };
  std::string error;
  if (!isFormat(true, weights) || !isFormat(false, activations))
    return signalPassFailure();
  FailureOr<WeightQuantizer> created =
      getWeightQuantizers(&getContext()).create(method, methodOptions, [&]() {
        return getOperation()->emitError();
      });
  if (failed(created))
    return signalPassFailure();
  weightQuantizer = *created;
  if (!skip.empty() && !llvm::Regex(skip).isValid(error)) {
    getOperation()->emitError()
        << "'skip': '" << skip << "' is no regular expression: " << error;
    return signalPassFailure();
  }
  SmallVector<QuantizableOpInterface> ops;
  getOperation()->walk([&](QuantizableOpInterface op) { ops.push_back(op); });
  for (QuantizableOpInterface op : ops)
    if (failed(quantize(op)))
      return signalPassFailure();
}
