//===- QuantizerAttrInterface.h - Formats of quantizers ------- -*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_QUANTIZERATTRINTERFACE_H
#define QUENCH_INTERFACES_QUANTIZERATTRINTERFACE_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

#include "llvm/ADT/ArrayRef.h"
#include <optional>

namespace quench {

/// A dimension of the parameters of a quantizer: its index `i` serves the
/// indices `i * block` to `i * block + block - 1` of dimension `dim` of the
/// tensor that is quantized.
struct QuantAxis {
  int64_t dim;
  int64_t block = 1;
};

} // namespace quench

#include "Quench/Interfaces/QuantizerAttrInterface.h.inc"

#endif // QUENCH_INTERFACES_QUANTIZERATTRINTERFACE_H
