//===- RotationAttrInterface.h - Orthogonal matrices ----------- -*- C++
//-*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_ROTATIONATTRINTERFACE_H
#define QUENCH_INTERFACES_ROTATIONATTRINTERFACE_H

#include "mlir/IR/Attributes.h"

#include "llvm/ADT/ArrayRef.h"

#include <vector>

namespace quench {

class RotationAttrInterface;

/// What `rotation` makes of the rows of the identity: its entries, row-major.
std::vector<double> makeRotationMatrix(RotationAttrInterface rotation);

} // namespace quench

#include "Quench/Interfaces/RotationAttrInterface.h.inc"

#endif // QUENCH_INTERFACES_ROTATIONATTRINTERFACE_H
