//===- QuantizableOpInterface.cpp - Quantizable operands ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Interfaces/QuantizableOpInterface.h"

#include "Quench/Interfaces/QuantizableOpInterface.cpp.inc"
