//===- InitAll.h - Registers everything of Quench --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INITALL_H
#define QUENCH_INITALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace quench {

/// Adds to `registry` the quench dialect and every upstream dialect, extension
/// and translation that a model meets on its way to machine code.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers the passes and pipelines of Quench and of MLIR for textual
/// pipelines. Call once in a process.
void registerAllPasses();

} // namespace quench

#endif // QUENCH_INITALL_H
