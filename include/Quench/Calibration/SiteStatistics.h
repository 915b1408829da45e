//===- SiteStatistics.h - From what is observed to statistics ---*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `quench-observe` says in an attribute which results of a function are of
// which site; docs/statistics.md says what becomes of them.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CALIBRATION_SITESTATISTICS_H
#define QUENCH_CALIBRATION_SITESTATISTICS_H

#include "Quench/Calibration/Accumulator.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/SmallVector.h"

namespace quench {

/// A tensor of a statistics archive.
struct Statistic {
  std::string name;
  llvm::SmallVector<int64_t> shape;
  std::vector<double> numbers;
};

/// Has `accumulator` combine all results that `sites`, the attribute that
/// `quench-observe` leaves, names.
void trackSites(mlir::ArrayAttr sites, Accumulator &accumulator);

/// The statistics of all `sites` after the runs that `accumulator` saw, in
/// their order.
std::vector<Statistic> getSiteStatistics(mlir::ArrayAttr sites,
                                         const Accumulator &accumulator);

/// The site that the result `name` was observed of; empty where there is none.
llvm::StringRef findObservedSite(mlir::ArrayAttr sites, llvm::StringRef name);

/// Adds to `metadata` what the values of each site carried.
void addBases(mlir::ArrayAttr sites,
              std::map<std::string, std::string> &metadata);

} // namespace quench

#endif // QUENCH_CALIBRATION_SITESTATISTICS_H
