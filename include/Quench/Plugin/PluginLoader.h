//===- PluginLoader.h - Loads plugins into a tool ---------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PLUGIN_PLUGINLOADER_H
#define QUENCH_PLUGIN_PLUGINLOADER_H

#include "Quench/Plugin/Plugin.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace quench {

/// The plugins of one process. A tool loads them before it reads the rest of
/// its command line, so that passes of plugins are options like all others.
class PluginSet {
public:
  struct Plugin {
    std::string file;
    std::string name;
    std::string version;
    /// Null for plugins of MLIR.
    const PluginInfo *info;
  };

  /// Opens a shared object, checks what it was built for and registers its
  /// passes and pipelines. A file that is loaded already is left alone.
  /// Fails naming the file and the reason; nothing of it is then registered.
  llvm::Error load(llvm::StringRef file);

  /// The same for a file that may also be a pass or dialect plugin of MLIR,
  /// which knows nothing of Quench.
  llvm::Error loadForMLIR(llvm::StringRef file);

  /// Takes `--load-plugin FILE`, `--load-pass-plugin FILE` and
  /// `--load-dialect-plugin FILE`, also with `=`, out of `arguments`, up to
  /// `--`, and loads the files in order.
  llvm::Error loadFromArguments(llvm::SmallVectorImpl<const char *> &arguments);

  /// Adds the dialects and interfaces of all plugins.
  void registerDialects(mlir::DialectRegistry &registry) const;

  /// Adds the importers of all plugins; of one name, the last counts.
  void registerImporters(ImporterRegistry &registry) const;

  /// Adds the passes of all plugins around phases.
  void extendPhases(PhaseExtensions &phases) const;

  /// In the order in which they were loaded.
  llvm::ArrayRef<Plugin> plugins() const { return loaded; }

private:
  std::vector<Plugin> loaded;
  std::vector<std::function<void(mlir::DialectRegistry &)>> dialects;
  std::vector<PluginRegistrar::Importer> importers;
  std::vector<PluginRegistrar::Extension> extensions;
};

} // namespace quench

#endif // QUENCH_PLUGIN_PLUGINLOADER_H
