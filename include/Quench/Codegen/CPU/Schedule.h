//===- Schedule.h - How kernels go through their operands ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CODEGEN_CPU_SCHEDULE_H
#define QUENCH_CODEGEN_CPU_SCHEDULE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace quench {

/// How the kernel of a linear goes through rows and channels. Sums of integers
/// are the same with every one.
struct KernelSchedule {
  int64_t rows = 0;  ///< Rows of the largest tile of registers.
  int64_t tiles = 0; ///< Tiles that a task computes at most with one panel.
  int64_t part = 0;  ///< Input channels that are unpacked at once; 0: none.

  /// The attribute of functions that are kernels with a schedule.
  static constexpr llvm::StringLiteral attribute = "quench.schedule";

  /// A dictionary of the fields.
  mlir::DictionaryAttr toAttr(mlir::MLIRContext *context) const;
  /// What toAttr() gave.
  static KernelSchedule fromAttr(mlir::DictionaryAttr attr);

  bool operator==(const KernelSchedule &other) const {
    return std::tie(rows, tiles, part) ==
           std::tie(other.rows, other.tiles, other.part);
  }
};

/// Writes `rows 14, tiles 4` and, where something is unpacked, `, part 256`.
llvm::raw_ostream &operator<<(llvm::raw_ostream &os,
                              const KernelSchedule &schedule);

/// A YAML file of schedules, see docs/compiling.md.
class ScheduleFile {
public:
  struct Entry {
    std::string kernel; ///< The symbol, which says what the kernel computes.
    std::string cpu;    ///< What CPUTarget::getLevel() gives.
    KernelSchedule schedule;
  };

  /// Reads `path`. Fails with the place in the file where it is malformed,
  /// names an unknown level, or has two schedules for one kernel and level.
  static llvm::Expected<ScheduleFile> load(llvm::StringRef path);

  /// Writes the file anew; it appears when it is complete.
  llvm::Error write(llvm::StringRef path) const;

  /// The schedule of `kernel` for the level `cpu`, if the file has one.
  std::optional<KernelSchedule> find(llvm::StringRef kernel,
                                     llvm::StringRef cpu) const;

  size_t size() const { return entries.size(); }

  /// Adds an entry; there must be none like it.
  void add(Entry entry) { entries.push_back(std::move(entry)); }

private:
  std::vector<Entry> entries;
};

} // namespace quench

#endif // QUENCH_CODEGEN_CPU_SCHEDULE_H
