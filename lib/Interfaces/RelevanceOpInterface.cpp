//===- RelevanceOpInterface.cpp - Relevance of operands -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Interfaces/RelevanceOpInterface.h"

#include "Quench/Interfaces/RelevanceOpInterface.cpp.inc"
