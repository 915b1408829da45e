//===- LearnedParams.h - What was learned elsewhere, by site ---*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_LEARNEDPARAMS_H
#define QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_LEARNEDPARAMS_H

#include "Quench/Analysis/ChannelClasses.h"

#include <string>

namespace quench {

/// The tensor of the archive bound to `learned` that is meant for `site`, in
/// f64: the first that there is of the keys in `patterns`, with `|` between
/// them. `SITE` stands for the name of the site, `PARENT` for that without its
/// last part. Returns null, with the reason, where there is none, or one of no
/// shape of `shapes`.
mlir::Value
createLearnedParam(mlir::OpBuilder &builder, const ChannelClass &site,
                   llvm::StringRef patterns,
                   llvm::ArrayRef<llvm::SmallVector<int64_t>> shapes,
                   std::string &reason);

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_LEARNEDPARAMS_H
