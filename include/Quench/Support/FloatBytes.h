//===- FloatBytes.h - Arrays of floats as bytes -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_FLOATBYTES_H
#define QUENCH_SUPPORT_FLOATBYTES_H

#include "Quench/Support/DType.h"

#include "llvm/ADT/ArrayRef.h"

namespace quench {

/// The numbers that `bytes`, of `dtype` F16, BF16, F32 or F64 at any alignment,
/// hold: all of `numbers`. Exact.
void decodeFloats(DType dtype, const char *bytes,
                  llvm::MutableArrayRef<double> numbers);

/// Writes `numbers` as elements of `dtype` F16, BF16, F32 or F64 to `bytes`,
/// each rounded once, to nearest, ties to even, as `numerics::round` has it.
void encodeFloats(DType dtype, llvm::ArrayRef<double> numbers, char *bytes);

/// Writes `count` elements of `from` as elements of `to`.
void convertFloats(DType from, const char *bytes, DType to, char *result,
                   size_t count);

} // namespace quench

#endif // QUENCH_SUPPORT_FLOATBYTES_H
