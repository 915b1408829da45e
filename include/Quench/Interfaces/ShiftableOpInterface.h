//===- ShiftableOpInterface.h - Shifts of channels --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_SHIFTABLEOPINTERFACE_H
#define QUENCH_INTERFACES_SHIFTABLEOPINTERFACE_H

#include "Quench/Interfaces/ChannelPort.h"

#include "mlir/IR/OpDefinition.h"

#include "Quench/Interfaces/ShiftableOpInterface.h.inc"

#endif // QUENCH_INTERFACES_SHIFTABLEOPINTERFACE_H
