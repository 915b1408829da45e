//===- SplitKernels.h - Modules that are compiled apart --------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_CODEGEN_CPU_SPLITKERNELS_H
#define QUENCH_LIB_CODEGEN_CPU_SPLITKERNELS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"

#include <memory>

namespace quench {

/// Moves every function of `module` that is not to be inlined into a module of
/// its own, with what nobody else calls and the constants that it reads. It is
/// then known to linkers, but to nobody outside of the program. What is left in
/// `module` is what calls them. Equal kernels of several models are equal
/// modules.
llvm::SmallVector<std::unique_ptr<llvm::Module>>
splitKernels(llvm::Module &module);

} // namespace quench

#endif // QUENCH_LIB_CODEGEN_CPU_SPLITKERNELS_H
