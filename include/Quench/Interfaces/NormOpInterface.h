//===- NormOpInterface.h - Norms over channels -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_NORMOPINTERFACE_H
#define QUENCH_INTERFACES_NORMOPINTERFACE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"

#include "Quench/Interfaces/NormOpInterface.h.inc"

#endif // QUENCH_INTERFACES_NORMOPINTERFACE_H
