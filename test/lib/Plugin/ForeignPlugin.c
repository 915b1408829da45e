//===- ForeignPlugin.c - A plugin that was built for something else -------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include <stdint.h>
#include <stdlib.h>

// The members that keep their places, then one that must not be looked at.
struct PluginInfo {
  uint32_t abi;
  const char *mlirVersion;
  const char *quenchVersion;
  void (*trap)(void);
};

const struct PluginInfo *quenchGetPluginInfo(void) {
  static const struct PluginInfo info = {ABI, MLIR_VERSION, QUENCH_VERSION,
                                         abort};
  return &info;
}
