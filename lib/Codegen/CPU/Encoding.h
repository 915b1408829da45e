//===- Encoding.h - Codes of vectors of floats -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What kernels need that give numbers codes with a scale which follows from
// the greatest magnitude. Quotients come without divisions, which would take
// most of the time.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_CODEGEN_CPU_ENCODING_H
#define QUENCH_LIB_CODEGEN_CPU_ENCODING_H

#include "KernelBuilder.h"

namespace quench {

/// The larger one of `largest` and of the magnitudes of `x`, as the bits of
/// f32: so compared, a NaN is greater than all numbers.
mlir::Value foldMagnitude(KernelBuilder &b, mlir::Value x, mlir::Value largest);

/// Whether numbers with magnitudes up to that of `bits`, of f32, are numbers
/// that `getQuotient` takes, as an index: of all lanes of a vector.
mlir::Value isOrdinary(KernelBuilder &b, mlir::Value bits);

/// `x` / `scale`, rounded once, where the quotient is 1/4 or more; else some
/// number below. `inverse` is 1 / `scale`; both, and `x`, are within 2^-60 and
/// 2^60, or `x` is smaller, or `scale` is 1 and `x` is 0.
///
/// The first quotient is off by less than 1.5 units of its last place: half for
/// its own rounding and one for that of the inverse. Its remainder is exact but
/// for the last bit, so the second is off by less than one, whose remainder is
/// exact, and from there one more step rounds correctly (Markstein, Computation
/// of elementary functions on the IBM RISC System/6000 processor, 1990).
mlir::Value getQuotient(KernelBuilder &b, mlir::Value x, mlir::Value scale,
                        mlir::Value inverse);

} // namespace quench

#endif // QUENCH_LIB_CODEGEN_CPU_ENCODING_H
