//===- RotationAttrInterface.cpp - Orthogonal matrices --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Interfaces/RotationAttrInterface.h"

using namespace quench;

std::vector<double> quench::makeRotationMatrix(RotationAttrInterface rotation) {
  int64_t order = rotation.getOrder();
  std::vector<double> matrix(order * order, 0);
  for (int64_t index = 0; index < order; ++index)
    matrix[index * order + index] = 1;
  rotation.applyToRows(matrix);
  return matrix;
}

#include "Quench/Interfaces/RotationAttrInterface.cpp.inc"
