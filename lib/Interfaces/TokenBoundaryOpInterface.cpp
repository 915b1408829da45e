//===- TokenBoundaryOpInterface.cpp - From maps to tokens -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Interfaces/TokenBoundaryOpInterface.h"

#include "Quench/Interfaces/TokenBoundaryOpInterface.cpp.inc"
