//===- Machine.cpp - Cores that this process may use ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sched.h>
#include <set>
#include <string>

using namespace quench::rt;

static std::string readLine(const std::string &path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// Whole CPUs that the control group of this process grants, if it limits them.
static std::optional<size_t> quota() {
  std::vector<std::string> fields =
      absl::StrSplit(readLine("/sys/fs/cgroup/cpu.max"), ' ');
  int64_t microseconds, period;
  if (fields.size() != 2 || !absl::SimpleAtoi(fields[0], &microseconds) ||
      !absl::SimpleAtoi(fields[1], &period) || microseconds <= 0 || period <= 0)
    return std::nullopt;
  return std::max<int64_t>((microseconds + period - 1) / period, 1);
}

std::vector<int> quench::rt::usableCores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) {
    std::set<std::string> seen;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &mask))
        continue;
      std::string siblings =
          readLine(absl::StrCat("/sys/devices/system/cpu/cpu", cpu,
                                "/topology/thread_siblings_list"));
      if (siblings.empty() || seen.insert(siblings).second)
        cores.push_back(cpu);
    }
  }
  if (cores.empty())
    cores.push_back(0);
  if (std::optional<size_t> limit = quota(); limit && *limit < cores.size())
    cores.resize(*limit);
  return cores;
}
