//===- ViT.cpp - ViT encoders ---------------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Vision.h"

using namespace mlir;
using namespace quench;

LogicalResult quench::importViT(ModelBuilder &b) {
  bool bare = b.getArchitecture({"ViTModel", "ViTForImageClassification"}) ==
              "ViTModel";
  VisionBuilder vision(b, "vit");
  if (b.failed())
    return failure();
  Value encoded = vision.encode({"cls_token"});
  if (bare)
    vision.addBareResults(encoded);
  else
    vision.addLogits(
        b.classifier("classifier", b.token("classifier", encoded, 0)));
  return success(!b.failed());
}
