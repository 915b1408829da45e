//===- Plugin.h - What the author of a plugin includes ----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plugin is a shared object with one function, made by one macro:
//
//   static void registerPlugin(quench::PluginRegistrar &registrar) {
//     registrar.addPass<MyPass>();
//   }
//   QUENCH_PLUGIN("mine", "1.0", registerPlugin)
//
// `quench --load-plugin` and `quench-opt --load-plugin` take all of it. The
// macro also exports what the stock mlir-opt looks for, so that the same file
// loads there; mlir-opt has no phases and no checkpoints, so it leaves out what
// `extend` and `addImporter` bring.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PLUGIN_PLUGIN_H
#define QUENCH_PLUGIN_PLUGIN_H

#include "Quench/Import/Importer.h"
#include "Quench/Pipelines/Phases.h"
#include "Quench/Support/Config.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Config/llvm-config.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// Raised whenever PluginInfo or PluginRegistrar change in a way that old
/// plugins cannot survive.
#define QUENCH_PLUGIN_ABI 1

namespace quench {

/// Collects what a plugin brings. Nothing happens before the register function
/// has returned; a clash of names is then an error of the loader.
class PluginRegistrar {
public:
  /// A pass with an argument, for `--pass-pipeline` and as a flag of its own
  /// in quench-opt.
  template <typename PassT>
  void addPass() {
    addPass([] { return std::make_unique<PassT>(); });
  }

  /// The same for a pass that needs more than its default constructor.
  void addPass(mlir::PassAllocatorFunction allocator) {
    passes.push_back(std::move(allocator));
  }

  /// A name for several passes.
  void addPipeline(llvm::StringRef name, llvm::StringRef description,
                   std::function<void(mlir::OpPassManager &)> builder) {
    addPipeline<mlir::EmptyPipelineOptions>(name, description,
                                            std::move(builder));
  }

  /// The same with options, `Options` derives from
  /// `mlir::PassPipelineOptions<Options>`.
  template <typename Options, typename Builder>
  void addPipeline(llvm::StringRef name, llvm::StringRef description,
                   Builder builder) {
    pipelines.push_back(
        {name.str(), [name = name.str(), description = description.str(),
                      builder = std::move(builder)] {
           mlir::PassPipelineRegistration<Options>(name, description, builder);
         }});
  }

  /// Dialects that may then occur in models.
  template <typename... DialectTs>
  void addDialects() {
    addDialects([](mlir::DialectRegistry &registry) {
      registry.insert<DialectTs...>();
    });
  }

  /// Anything else that goes into a dialect registry, such as interfaces that
  /// are attached to a whole dialect.
  void addDialects(std::function<void(mlir::DialectRegistry &)> callback) {
    dialects.push_back(std::move(callback));
  }

  /// Implements an interface for an op or attribute that somebody else owns:
  /// `Models` are external models for `EntityT` of the dialect `DialectT`.
  template <typename DialectT, typename EntityT, typename... Models>
  void addExternalModels() {
    addDialects([](mlir::DialectRegistry &registry) {
      registry.addExtension(+[](mlir::MLIRContext *context, DialectT *) {
        EntityT::template attachInterface<Models...>(*context);
      });
    });
  }

  /// Reads checkpoints whose `config.json` says this `model_type`; it goes
  /// before an importer that Quench has.
  void addImporter(llvm::StringRef modelType, ImportFunction function) {
    importers.push_back({modelType.str(), std::move(function)});
  }

  /// Passes that run before or after a phase of every build that loads this
  /// plugin; they run on the module.
  void extend(Phase phase, PhaseExtensions::Position position,
              PhaseExtensions::Builder builder) {
    extensions.push_back({phase, position, std::move(builder)});
  }

private:
  friend class PluginSet;
  friend struct PluginInfo;

  struct Pipeline {
    std::string name;
    std::function<void()> registerIt;
  };
  struct Importer {
    std::string modelType;
    ImportFunction function;
  };
  struct Extension {
    Phase phase;
    PhaseExtensions::Position position;
    PhaseExtensions::Builder builder;
  };

  std::vector<mlir::PassAllocatorFunction> passes;
  std::vector<Pipeline> pipelines;
  std::vector<std::function<void(mlir::DialectRegistry &)>> dialects;
  std::vector<Importer> importers;
  std::vector<Extension> extensions;
};

/// What the C function `quenchGetPluginInfo` of a plugin returns a pointer to.
/// The first three members say what the plugin was built for and keep their
/// places for ever; the loader reads the rest when all three agree. Versions
/// agree when all but their last numbers are equal.
struct PluginInfo {
  uint32_t abi;
  const char *mlirVersion;
  const char *quenchVersion;

  const char *name;
  const char *version;
  void (*registerPlugin)(PluginRegistrar &);

  /// For hosts that know nothing of Quench: registers the passes and pipelines
  /// in this process.
  void registerPasses() const;
  /// The same for the dialects, the one of Quench included.
  void registerDialects(mlir::DialectRegistry &registry) const;
};

} // namespace quench

/// Makes a shared object a plugin: its name, its version, and a function that
/// takes a `quench::PluginRegistrar &`. Use it once, outside of namespaces.
#define QUENCH_PLUGIN(NAME, VERSION, REGISTER)                                 \
  static const ::quench::PluginInfo quenchPluginInfo = {                       \
      QUENCH_PLUGIN_ABI, LLVM_VERSION_STRING, QUENCH_VERSION, NAME, VERSION,   \
      REGISTER};                                                               \
  extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT const ::quench::PluginInfo *    \
  quenchGetPluginInfo() {                                                      \
    return &quenchPluginInfo;                                                  \
  }                                                                            \
  extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT ::mlir::PassPluginLibraryInfo   \
  mlirGetPassPluginInfo() {                                                    \
    return {MLIR_PLUGIN_API_VERSION, NAME, VERSION,                            \
            [] { quenchPluginInfo.registerPasses(); }};                        \
  }                                                                            \
  extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT ::mlir::                        \
      DialectPluginLibraryInfo                                                 \
      mlirGetDialectPluginInfo() {                                             \
    return {MLIR_PLUGIN_API_VERSION, NAME, VERSION,                            \
            [](::mlir::DialectRegistry *registry) {                            \
              quenchPluginInfo.registerDialects(*registry);                    \
            }};                                                                \
  }

#endif // QUENCH_PLUGIN_PLUGIN_H
