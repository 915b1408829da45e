//===- RelevanceOpInterface.h - Relevance of operands -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_RELEVANCEOPINTERFACE_H
#define QUENCH_INTERFACES_RELEVANCEOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"

#include <vector>

namespace quench {

/// Numbers in the memory of the compiler, row-major.
struct HostTensor {
  llvm::SmallVector<int64_t> shape;
  std::vector<double> numbers;
};

} // namespace quench

#include "Quench/Interfaces/RelevanceOpInterface.h.inc"

#endif // QUENCH_INTERFACES_RELEVANCEOPINTERFACE_H
