//===- ScaleRules.h - How scales of channels are chosen ---------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The published rules, on plain numbers. A scale here divides the activation
// and multiplies the weights that read it.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_SCALERULES_H
#define QUENCH_SUPPORT_SCALERULES_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <limits>
#include <vector>

namespace quench {

/// How the range of a channel is shared between activation and weight.
struct BalanceRule {
  /// The part that goes to the weight: 1 makes all activations equally wide.
  double alpha = 0.5;
  /// Maxima of weights below it count as it.
  double weightFloor = 1e-5;
  /// The scales that may result.
  double low = 1e-5, high = std::numeric_limits<double>::infinity();
};

/// `activation^alpha / weight^(1 - alpha)`, limited, where the arguments are
/// the greatest magnitudes of the channel in the activation and in all weights
/// that read it (SmoothQuant; MambaQuant with other limits).
double balanceScale(double activation, double weight, const BalanceRule &rule);

/// The grid that AWQ rounds weights to: `bits` bits, asymmetric, one scale for
/// each `group` weights of a row (0: for the row), and how many ratios it
/// tries.
struct AwqRule {
  unsigned bits = 4;
  int64_t group = 128;
  unsigned steps = 20;
};

/// A weight `[rows, channels]`, row-major.
struct MatrixRef {
  llvm::ArrayRef<double> elements;
  int64_t rows;
};

/// What AWQ chose: the exponent, and the mean squared error of the outputs that
/// it leaves.
struct AwqChoice {
  double ratio;
  double loss;
};

/// The scales `mean^ratio`, at least 1e-4 and divided by the geometric mean of
/// the greatest and the least; `mean` has the mean magnitudes of the channels.
void getAwqScales(llvm::ArrayRef<double> mean, double ratio,
                  llvm::MutableArrayRef<double> scales);

/// Replaces `row` by the numbers that its codes under `rule` stand for. A last
/// group may be shorter.
void roundAwqRow(llvm::MutableArrayRef<double> row, const AwqRule &rule);

/// The mean squared error of the outputs of `weights` when each is rounded
/// after its columns are multiplied by `scales`. `gram` `[channels, channels]`
/// is the mean of `x x^T` over the inputs.
double getAwqLoss(llvm::ArrayRef<MatrixRef> weights,
                  llvm::ArrayRef<double> scales, llvm::ArrayRef<double> gram,
                  const AwqRule &rule);

/// Tries the ratios `0, 1/steps, ..., (steps - 1)/steps`, writes the scales of
/// the first of least loss.
AwqChoice searchAwqScales(llvm::ArrayRef<MatrixRef> weights,
                          llvm::ArrayRef<double> mean,
                          llvm::ArrayRef<double> gram, const AwqRule &rule,
                          llvm::MutableArrayRef<double> scales);

/// How many scales become one.
enum class CommonScaleRule {
  Mean,      ///< RepQ-ViT
  Median,    ///< the least mean distance
  PowerOfTwo ///< the power of two next to the mean, in logarithms
};

/// One scale for channels that have `scales`. Those that are 0 belong to
/// channels without a range and do not count; without any other it is 1.
double getCommonScale(llvm::ArrayRef<double> scales, CommonScaleRule rule);

/// One zero point, an integer from `low` to `high`: the mean of those `zeros`
/// whose scale is not 0, rounded half to even; without any, the middle.
double getCommonZero(llvm::ArrayRef<double> zeros,
                     llvm::ArrayRef<double> scales, double low, double high);

/// Scale and zero point of a channel.
struct ChannelRange {
  double scale, zero;
};

/// `levels` codes, the least of them `low`, for numbers from `min` to `max`.
/// The zero point is an integer but need not be a code: the range need not
/// contain 0. A range of width 0 has scale 0.
ChannelRange getChannelRange(double min, double max, double low, double levels);

} // namespace quench

#endif // QUENCH_SUPPORT_SCALERULES_H
