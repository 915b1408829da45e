//===- Families.h - The families of this tree -------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_IMPORT_FAMILIES_H
#define QUENCH_LIB_IMPORT_FAMILIES_H

#include "mlir/Support/LLVM.h"

namespace quench {

class ModelBuilder;

mlir::LogicalResult importBert(ModelBuilder &builder);
mlir::LogicalResult importDeiT(ModelBuilder &builder);
mlir::LogicalResult importGPT2(ModelBuilder &builder);
mlir::LogicalResult importLlama(ModelBuilder &builder);
mlir::LogicalResult importMamba(ModelBuilder &builder);
mlir::LogicalResult importMistral(ModelBuilder &builder);
mlir::LogicalResult importMobileViT(ModelBuilder &builder);
mlir::LogicalResult importOPT(ModelBuilder &builder);
mlir::LogicalResult importQwen2(ModelBuilder &builder);
mlir::LogicalResult importQwen3(ModelBuilder &builder);
mlir::LogicalResult importViT(ModelBuilder &builder);

} // namespace quench

#endif // QUENCH_LIB_IMPORT_FAMILIES_H
