//===- ChannelVectors.h - Numbers of the channels of a class ---*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_CHANNELVECTORS_H
#define QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_CHANNELVECTORS_H

#include "Quench/Analysis/ChannelClasses.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace quench {

/// `vector`, f64 with a number of each channel of `site`, laid out along an
/// axis of `length` channels as `blocks` say; channels of no block get `rest`.
mlir::Value spreadChannels(mlir::OpBuilder &builder, mlir::Value vector,
                           const ChannelClass &site,
                           llvm::ArrayRef<ChannelBlock> blocks, int64_t length,
                           double rest);

/// Divides the channels of the values of `site`, whose weights are in one entry
/// point, by `scale`, which `spreadChannels` lays out: what writes them
/// divides, what reads them multiplies. Notes `transform` as `noteBasis` does.
void divideChannels(const ChannelClass &site, mlir::Value scale,
                    llvm::StringRef transform);

/// The other way: vectors as long as the class that hold all numbers of
/// `vector`, which is laid out as `blocks` say. A transform that has several
/// blocks is in several of them, `rest` stands where one has none.
llvm::SmallVector<mlir::Value>
gatherChannels(mlir::OpBuilder &builder, mlir::Value vector,
               const ChannelClass &site, llvm::ArrayRef<ChannelBlock> blocks,
               double rest);

/// A copy of the weight program of `root`, where the builder stands.
mlir::Value cloneProgram(mlir::OpBuilder &builder, mlir::Value root);

/// The parts of `site` in each entry point, in the order of their ops.
llvm::SmallVector<std::pair<mlir::func::FuncOp, ChannelClass>>
splitByFunction(const ChannelClass &site);

/// Lets `builder` insert before the first of the ops that read weights of
/// `site`, so that what it builds can be used in all of them. All are within
/// `function`.
void setInsertionPointBefore(mlir::OpBuilder &builder, const ChannelClass &site,
                             mlir::func::FuncOp function);

/// The classes that are pairs in groups of one name, groups and classes in
/// their order. What entry points have in common is then rewritten alike in
/// each.
llvm::SmallVector<llvm::SmallVector<const ChannelClass *>>
groupByName(llvm::ArrayRef<ChannelClass> classes);

/// Whether some weights of `site` take its transform and others the inverse, so
/// that there is something to hide it in.
bool isPair(const ChannelClass &site);

/// Whether `blocks` are all channels of `site` in their order.
bool isWhole(const ChannelClass &site, llvm::ArrayRef<ChannelBlock> blocks);

/// Notes at the ops that give the values of `site` that they carry `transform`:
/// statistics that were taken before are then known to be old.
void noteBasis(const ChannelClass &site, llvm::StringRef transform);

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_CHANNELVECTORS_H
