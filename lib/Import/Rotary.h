//===- Rotary.h - Frequencies of rotary position embedding ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_IMPORT_ROTARY_H
#define QUENCH_LIB_IMPORT_ROTARY_H

#include "Quench/Import/Config.h"

namespace quench {

/// Frequencies after scaling, and what cosines and sines are multiplied by.
struct RotaryTable {
  llvm::SmallVector<double> inverseFrequencies;
  double attentionFactor = 1;
};

/// Reads the rotary embedding of heads of `headDim` channels, in the spelling
/// of transformers 5 (`rope_parameters`) or 4 (`rope_theta`, `rope_scaling`).
/// Emits an error for a type that depends on the length of the sequence or
/// that is unknown. Values are rounded to f32 step by step, as the models were
/// trained.
RotaryTable readRotaryTable(const Config &config, int64_t headDim);

} // namespace quench

#endif // QUENCH_LIB_IMPORT_ROTARY_H
