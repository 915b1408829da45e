//===- Report.h - What quantizing a model did -------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A report is made of measurements, certificates and remarks, and written as a
// table for a terminal, as JSON, or as one HTML file. docs/reporting.md
// describes all three.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_REPORT_REPORT_H
#define QUENCH_REPORT_REPORT_H

#include "Quench/Pipelines/MeasureLayers.h"
#include "Quench/Pipelines/Remarks.h"
#include "Quench/Pipelines/VerifyEquivalence.h"

#include <optional>
#include <string>
#include <vector>

namespace quench {

/// A model of a report.
struct ReportedModel {
  /// As the user named it.
  std::string name;
  /// None where only its outputs are known, as of a compiled model.
  std::optional<LayerReport> layers;
};

/// What is known of a model, or of two.
struct Report {
  ReportedModel model;
  /// What the model is compared with.
  std::optional<ReportedModel> reference;
  /// Of the outputs, against those of the reference.
  std::optional<Evaluation> outputs;
  /// The file of examples; empty: nothing ran.
  std::string data;
  std::vector<EquivalenceCertificate> certificates;
  std::vector<CollectedRemark> remarks;
};

/// Something to try next.
struct Suggestion {
  /// What is done, and why, each a sentence without a period.
  std::string action, reason;
  /// What to add to the command; empty where there is no such thing.
  std::string option;
  /// The part of the error of the outputs that is expected to go, 0 to 1.
  double gain;
  /// Whether the gain was measured; else it is an estimate from the errors of
  /// operands.
  bool isMeasured;
  /// The metric that says most about the outputs, as it is and as it was
  /// measured to become; empty where nothing was.
  std::string metric;
  double before = 0, after = 0;
  /// Bytes that the parameters grow by.
  int64_t bytes = 0;
};

/// What to try next, the largest gain first:
///
/// * a layer without which a tenth of the error goes stays in floats: measured;
/// * the same layer at 8 bits: estimated. The noise of rounding with `b` bits
///   is taken as proportional to 4^-b, and noises of weight and input as
///   independent, so that their ratios to the signals add up;
/// * the input of that layer is spread or scaled, where it makes most of the
///   error: at most that part, estimated the same way;
/// * the worst layers together stay in floats, where that brings more:
/// measured.
std::vector<Suggestion> suggestNext(const LayerReport &report);

/// The report as docs/reporting.md describes it.
llvm::json::Value toJSON(const Report &report);

/// Prints what outputs lose, and the `limit` worst layers.
void printReport(const Report &report, size_t limit, llvm::raw_ostream &os);

/// Writes the report as one HTML file that needs nothing else.
void writeHTML(const Report &report, llvm::raw_ostream &os);

} // namespace quench

#endif // QUENCH_REPORT_REPORT_H
