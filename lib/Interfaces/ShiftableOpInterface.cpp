//===- ShiftableOpInterface.cpp - Shifts of channels ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Interfaces/ShiftableOpInterface.h"

#include "Quench/Interfaces/ShiftableOpInterface.cpp.inc"
