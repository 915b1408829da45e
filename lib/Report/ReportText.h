//===- ReportText.h - Words and numbers of reports --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_REPORT_REPORTTEXT_H
#define QUENCH_LIB_REPORT_REPORTTEXT_H

#include "Quench/Pipelines/MeasureLayers.h"

#include <string>

namespace quench {

/// The metric that says most about `loss`: the divergence of the probabilities,
/// else the cosine of the first output; empty where there is none.
std::string getHeadline(const OutputLoss &loss);

/// A level in dB without the unit.
std::string formatDecibels(double level);

/// A part of a whole in percent.
std::string formatShare(double share);

/// A metric with as many digits as tell.
std::string formatMetric(double value);

/// The kinds of codes that `layer` has, `i4 weights, i8 inputs`.
std::string describeFormats(const QuantizedLayer &layer);

/// The kinds of codes of what is a weight, or of everything else; `-` where
/// there are none.
std::string getCodes(const QuantizedLayer &layer, bool areWeights);

/// The level of the worst of those operands; none where it is not known.
std::optional<double> getLevel(const QuantizedLayer &layer, bool areWeights);

} // namespace quench

#endif // QUENCH_LIB_REPORT_REPORTTEXT_H
