//===- TextTable.h - Tables at a terminal -----------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_TEXTTABLE_H
#define QUENCH_SUPPORT_TEXTTABLE_H

#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace quench {

/// Columns as wide as their widest cell; the columns of numbers align right.
class TextTable {
public:
  explicit TextTable(std::vector<bool> numeric) : numeric(std::move(numeric)) {}

  /// Adds a row of a cell for each column, in UTF-8.
  void addRow(std::vector<std::string> cells) {
    rows.push_back(std::move(cells));
  }

  void print(llvm::raw_ostream &os) const;

private:
  std::vector<bool> numeric;
  std::vector<std::vector<std::string>> rows;
};

/// A number of bytes for people: `512 B`, `1.5 KiB`, ...
std::string formatBytes(int64_t bytes);

} // namespace quench

#endif // QUENCH_SUPPORT_TEXTTABLE_H
