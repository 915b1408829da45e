//===- Scaffold.h - Writes the project of a new plugin ----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PLUGIN_SCAFFOLD_H
#define QUENCH_PLUGIN_SCAFFOLD_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace quench {

/// Writes the project of a plugin called `name` to the folder `directory`,
/// which must not exist or be empty: a pass with an option, its tests, a build
/// for `find_package(Quench)`. Names are lower-case words joined by hyphens.
llvm::Error writePluginProject(llvm::StringRef name, llvm::StringRef directory);

} // namespace quench

#endif // QUENCH_PLUGIN_SCAFFOLD_H
