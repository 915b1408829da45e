//===- DeiT.cpp - DeiT encoders -------------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Vision.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace quench;
using llvm::StringRef;

/// The mean of the logits that class and distillation token give.
static Value buildDistilledLogits(ModelBuilder &b, Value encoded) {
  auto classify = [&](StringRef head, int64_t token) {
    return b.classifier(head, b.token(head, encoded, token));
  };
  Value taught = classify("cls_classifier", 0);
  Value distilled = classify("distillation_classifier", 1);
  Location loc = b.at("logits");
  Value half = arith::ConstantOp::create(
      b.builder(), loc,
      DenseElementsAttr::get(b.getType({}),
                             b.builder().getFloatAttr(b.elementType(), 0.5)));
  return MulOp::create(b.builder(), loc, b.add("logits", taught, distilled),
                       half);
}

LogicalResult quench::importDeiT(ModelBuilder &b) {
  StringRef architecture =
      b.getArchitecture({"DeiTModel", "DeiTForImageClassification",
                         "DeiTForImageClassificationWithTeacher"});
  VisionBuilder vision(b, "deit");
  if (b.failed())
    return failure();
  Value encoded = vision.encode({"cls_token", "distillation_token"});
  if (architecture == "DeiTModel")
    vision.addBareResults(encoded);
  else if (architecture == "DeiTForImageClassification")
    vision.addLogits(
        b.classifier("classifier", b.token("classifier", encoded, 0)));
  else
    vision.addLogits(buildDistilledLogits(b, encoded));
  return success(!b.failed());
}
