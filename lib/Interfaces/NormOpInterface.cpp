//===- NormOpInterface.cpp - Norms over channels ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Interfaces/NormOpInterface.h"

#include "Quench/Interfaces/NormOpInterface.cpp.inc"
