//===- CalibrationRun.h - Totals of a model over data -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_PIPELINES_CALIBRATIONRUN_H
#define QUENCH_LIB_PIPELINES_CALIBRATIONRUN_H

#include "ExampleData.h"

#include "Quench/Calibration/SiteStatistics.h"
#include "Quench/Codegen/CPU/Jit.h"
#include "Quench/Pipelines/Calibrate.h"
#include "Quench/Support/Archive.h"

#include <map>

namespace quench {

/// Emits `error` as a diagnostic.
mlir::LogicalResult fail(mlir::ModuleOp module, llvm::Error error);

/// The number of examples of `data` that `options` use.
int64_t countExamples(const ExampleData &data,
                      const CalibrationOptions &options);

/// Whether `function`, which runs on the examples of `data` that `options` use,
/// is to be optimized.
bool isOptimized(mlir::func::FuncOp function, const ExampleData &data,
                 const CalibrationOptions &options);

/// Opens the data of `options` for `function`. Fails with a diagnostic where
/// there is no example, and warns where there are few.
mlir::FailureOr<std::unique_ptr<ExampleData>>
openExamples(mlir::func::FuncOp function, const CalibrationOptions &options);

/// Adds results to the entry point that `options` names, drops the others, and
/// returns it; null after a diagnostic. Only `sites` are observed, all where
/// there are none.
mlir::func::FuncOp observeEntry(mlir::ModuleOp module,
                                const CalibrationOptions &options,
                                llvm::ArrayRef<std::string> sites = {});

/// What the metadata of statistics of `module` say, without bases.
mlir::FailureOr<std::map<std::string, std::string>>
describeSource(mlir::ModuleOp module, llvm::StringRef directory,
               const CalibrationOptions &options);

/// A hash of everything that the numbers depend on.
llvm::Expected<std::string>
getCalibrationKey(mlir::ModuleOp module,
                  const std::map<std::string, std::string> &metadata,
                  const CalibrationOptions &options);

/// Writes the tensors of `archives` and then `statistics` to `path`.
llvm::Error writeStatistics(llvm::ArrayRef<std::unique_ptr<Archive>> archives,
                            llvm::ArrayRef<Statistic> statistics,
                            const std::map<std::string, std::string> &metadata,
                            llvm::StringRef path, bool force);

/// Runs a model over data, from where a run of the same that was interrupted
/// had come.
class CalibrationRun {
public:
  /// `sites` is the attribute that `quench-observe` left. What a run that is
  /// interrupted leaves stands beside `output`, under `key`.
  CalibrationRun(mlir::ArrayAttr sites, ExampleData &data,
                 const CalibrationOptions &options, llvm::StringRef output,
                 std::string key);

  llvm::Error run(const JitModel &model);
  const Accumulator &getTotals() const { return accumulator; }
  /// Removes what a run that is interrupted would leave.
  void removeState() const;

private:
  /// Runs the examples [begin, end), which are as many as the data gives at
  /// once.
  llvm::Error run(qrt_session *session, int64_t begin, int64_t end);

  mlir::ArrayAttr sites;
  ExampleData &data;
  const CalibrationOptions &options;
  std::string statePath, key;
  Accumulator accumulator;
};

} // namespace quench

#endif // QUENCH_LIB_PIPELINES_CALIBRATIONRUN_H
