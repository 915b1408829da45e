//===- CommandLine.h - The command line of compiled models ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_COMMANDLINE_H
#define QUENCH_RUNTIME_CPU_COMMANDLINE_H

#include "Manifest.h"
#include "Status.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace quench::rt {

/// What the user of a compiled model asked for.
struct CommandLine {
  /// Fails on what no model understands.
  static StatusOr<CommandLine> parse(int argc, const char *const *argv);

  bool takesTexts() const { return textFile || !texts.empty(); }

  bool help = false, version = false, info = false, json = false;
  bool force = false, truncate = false;
  std::vector<std::pair<std::string, std::string>> inputs; ///< Name and file.
  std::optional<std::string> output, entry, params, textFile;
  std::optional<int> numThreads, numRuns;
  std::map<std::string, int64_t> sizes; ///< Of --shape, by symbol.
  std::vector<std::string> texts;
};

/// The text of --help: what the model is, takes and gives, and examples that
/// work with it. `program` is the name that it was called by.
std::string helpText(const Manifest &manifest, const std::string &program);

/// The text of --info, with the lines `arenas` on the memory of runs.
std::string infoText(const Manifest &manifest, const std::string &arenas);

/// A line of it.
std::string infoLine(const std::string &name, const std::string &value);

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_COMMANDLINE_H
