//===- Qsur.h - How much of a quantizer's range data fill -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_QSUR_H
#define QUENCH_SUPPORT_QSUR_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace quench {

/// The quantization space utilization rate (OSTQuant): the volume of an
/// ellipsoid of normal data with mean 0 over that of the cube that one scale
/// for all channels must span. In `d` dimensions with covariance `C`
///
///     pi^(d/2) / Gamma(d/2 + 1) * sqrt(det C) / (2 sqrt(max_j C_jj))^d
///
/// This is the exact ratio, for which the ellipsoid reaches `sqrt(c C_jj)`
/// along axis `j`; the published form takes the end of the longest principal
/// axis instead and finds more. Rotations change the maximum, scales all of it.
struct Qsur {
  /// The natural logarithm of the rate, negative infinity where `C` is
  /// singular. In a thousand dimensions the rate itself is no number of f64.
  double logarithm;
  /// The rate to the power `1 / d`.
  double perDimension;
  /// `det(C)^(1 / 2d) / sqrt(max_j C_jj)`: 1 for white data, less otherwise,
  /// whatever `d` is.
  double relative;
};

/// The rate for `covariance` `[d, d]`, symmetric and positive semidefinite.
/// NaN for numbers that are not finite.
Qsur getQsur(llvm::ArrayRef<double> covariance, int64_t d);

/// The same for a covariance that is known by its diagonal and the eigenvalues
/// of all of it: what a rotation makes of channels needs no other.
Qsur getQsur(llvm::ArrayRef<double> variances,
             llvm::ArrayRef<double> eigenvalues);

} // namespace quench

#endif // QUENCH_SUPPORT_QSUR_H
