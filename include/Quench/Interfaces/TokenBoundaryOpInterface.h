//===- TokenBoundaryOpInterface.h - From maps to tokens ---------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_TOKENBOUNDARYOPINTERFACE_H
#define QUENCH_INTERFACES_TOKENBOUNDARYOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"

#include "Quench/Interfaces/TokenBoundaryOpInterface.h.inc"

#endif // QUENCH_INTERFACES_TOKENBOUNDARYOPINTERFACE_H
