//===- WeightProgramOpInterface.h - Ops on parameters ----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_H
#define QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"

#include "llvm/ADT/ArrayRef.h"

#include "Quench/Interfaces/WeightProgramOpInterface.h.inc"

#endif // QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_H
