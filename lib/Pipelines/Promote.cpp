//===- Promote.cpp - Models computed in f64 -------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Promote.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace quench;

static bool isNarrowFloat(Type type) {
  return isa<Float16Type, BFloat16Type, Float32Type>(type);
}

static APFloat widen(APFloat value) {
  bool losesInfo;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                &losesInfo);
  return value;
}

/// Replaces the types and constants of floats narrower than f64.
static void replaceFloats(ModuleOp module) {
  auto f64 = Float64Type::get(module.getContext());
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](FloatType type) -> Type {
    return isNarrowFloat(type) ? Type(f64) : Type(type);
  });
  replacer.addReplacement([&](FloatAttr attr) -> Attribute {
    if (!isNarrowFloat(attr.getType()))
      return attr;
    return FloatAttr::get(f64, widen(attr.getValue()));
  });
  using Replaced = std::pair<Attribute, WalkResult>;
  // Raw bytes do not follow the type beside them.
  replacer.addReplacement([&](DenseElementsAttr attr) -> Replaced {
    if (!isNarrowFloat(attr.getElementType()))
      return {attr, WalkResult::skip()};
    return {
        attr.mapValues(
            f64, [](const APFloat &v) { return widen(v).bitcastToAPInt(); }),
        WalkResult::skip()};
  });
  replacer.addReplacement([](DenseArrayAttr attr) -> Replaced {
    return {attr, WalkResult::skip()};
  });
  // What a quantizer stores is its own matter.
  replacer.addReplacement([](QuantizerAttrInterface attr) -> Replaced {
    return {attr, WalkResult::skip()};
  });
  replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
}

LogicalResult quench::promoteToF64(ModuleOp module, bool dropQuantizers) {
  SmallVector<std::pair<ParamOp, Type>> params;
  module.walk([&](ParamOp param) {
    auto type = dyn_cast<RankedTensorType>(param.getType());
    if (type && isNarrowFloat(type.getElementType()))
      params.emplace_back(param, type);
  });
  replaceFloats(module);
  for (auto [param, type] : params) {
    OpBuilder builder(param->getContext());
    builder.setInsertionPointAfter(param);
    Value result = param.getResult();
    auto wide =
        CastOp::create(builder, param.getLoc(), result.getType(), result);
    result.replaceAllUsesExcept(wide, wide);
    result.setType(cast<RankedTensorType>(type));
  }
  module.walk([&](Operation *op) {
    bool isIdentity = isa<CastOp, arith::ExtFOp, arith::TruncFOp>(op) &&
                      op->getOperand(0).getType() == op->getResult(0).getType();
    if (!isIdentity && !(dropQuantizers && isa<FakeQuantOp>(op)))
      return;
    op->getResult(0).replaceAllUsesWith(op->getOperand(0));
    op->erase();
  });
  return verify(module);
}
