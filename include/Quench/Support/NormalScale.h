//===- NormalScale.h - Scales for normal distributions ----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_NORMALSCALE_H
#define QUENCH_SUPPORT_NORMALSCALE_H

#include "llvm/ADT/ArrayRef.h"

namespace quench {

/// The mean square error of numbers with the standard normal distribution that
/// are rounded to `numbers`, ascending, times `scale`; `bounds` between them,
/// times `scale` too, say to which.
double getNormalError(llvm::ArrayRef<double> numbers,
                      llvm::ArrayRef<double> bounds, double scale);

/// The scale that leaves the least such error, to six digits (QuEST's
/// constants, for any numbers). There are two numbers or more, not all 0.
double getNormalScale(llvm::ArrayRef<double> numbers,
                      llvm::ArrayRef<double> bounds);

} // namespace quench

#endif // QUENCH_SUPPORT_NORMALSCALE_H
