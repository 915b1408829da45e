//===- PluginLoader.cpp - Loads plugins into a tool -----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Plugin/PluginLoader.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

using namespace quench;

static llvm::Error loadError(llvm::StringRef file, const llvm::Twine &reason) {
  return llvm::createStringError("cannot load plugin '" + file +
                                 "': " + reason);
}

/// What two sides have to agree on, in words.
static std::string describeABI(uint32_t abi, llvm::StringRef mlirVersion,
                               llvm::StringRef quenchVersion) {
  return llvm::formatv("plugin ABI {0}, MLIR {1}, Quench {2}", abi, mlirVersion,
                       quenchVersion);
}

/// A version without its last number.
static llvm::StringRef compatiblePart(llvm::StringRef version) {
  return version.rsplit('.').first;
}

/// Opens the shared object at the path `file`, which is never searched for
/// among the libraries of the system.
static llvm::Expected<llvm::sys::DynamicLibrary>
openLibrary(llvm::StringRef file) {
  llvm::SmallString<128> path;
  if (std::error_code error = llvm::sys::fs::real_path(file, path))
    return loadError(file, llvm::StringRef(error.message()).lower());
  if (llvm::sys::fs::is_directory(path))
    return loadError(file, "it is a folder");
  std::string message;
  auto library =
      llvm::sys::DynamicLibrary::getPermanentLibrary(path.c_str(), &message);
  if (!library.isValid())
    return loadError(file, message);
  return library;
}

llvm::Error PluginSet::load(llvm::StringRef file) {
  llvm::Expected<llvm::sys::DynamicLibrary> library = openLibrary(file);
  if (!library)
    return library.takeError();
  auto getInfo = reinterpret_cast<const PluginInfo *(*)()>(
      library->getAddressOfSymbol("quenchGetPluginInfo"));
  if (!getInfo)
    return loadError(file, "it is no plugin of Quench: the function "
                           "quenchGetPluginInfo is missing");

  const PluginInfo *info = getInfo();
  llvm::StringRef mlirVersion = LLVM_VERSION_STRING;
  llvm::StringRef quenchVersion = QUENCH_VERSION;
  if (info->abi != QUENCH_PLUGIN_ABI ||
      compatiblePart(info->mlirVersion) != compatiblePart(mlirVersion) ||
      compatiblePart(info->quenchVersion) != compatiblePart(quenchVersion))
    return loadError(
        file,
        "it was built for " +
            describeABI(info->abi, info->mlirVersion, info->quenchVersion) +
            ", but this tool has " +
            describeABI(QUENCH_PLUGIN_ABI, mlirVersion, quenchVersion));

  if (llvm::any_of(loaded,
                   [&](const Plugin &plugin) { return plugin.info == info; }))
    return llvm::Error::success();

  PluginRegistrar registrar;
  info->registerPlugin(registrar);

  // MLIR ends the process when a name is registered twice.
  llvm::StringSet<> names;
  auto isTaken = [&](llvm::StringRef name) {
    return mlir::PassInfo::lookup(name) ||
           mlir::PassPipelineInfo::lookup(name) || !names.insert(name).second;
  };
  for (const mlir::PassAllocatorFunction &allocator : registrar.passes) {
    std::string name = allocator()->getArgument().str();
    if (name.empty())
      return loadError(file, "it registers a pass without an argument");
    if (isTaken(name))
      return loadError(file, "the pass '" + name + "' exists already");
  }
  for (const PluginRegistrar::Pipeline &pipeline : registrar.pipelines)
    if (isTaken(pipeline.name))
      return loadError(file,
                       "the pipeline '" + pipeline.name + "' exists already");

  // The one place that knows where phases can be extended.
  PhaseExtensions phases;
  for (const PluginRegistrar::Extension &extension : registrar.extensions)
    if (llvm::Error error =
            phases.add(extension.position, extension.phase, extension.builder))
      return loadError(file, llvm::toString(std::move(error)));

  for (const mlir::PassAllocatorFunction &allocator : registrar.passes)
    mlir::registerPass(allocator);
  for (const PluginRegistrar::Pipeline &pipeline : registrar.pipelines)
    pipeline.registerIt();
  llvm::append_range(dialects, registrar.dialects);
  llvm::append_range(importers, registrar.importers);
  llvm::append_range(extensions, registrar.extensions);
  loaded.push_back({file.str(), info->name, info->version, info});
  return llvm::Error::success();
}

llvm::Error PluginSet::loadForMLIR(llvm::StringRef file) {
  llvm::Expected<llvm::sys::DynamicLibrary> library = openLibrary(file);
  if (!library)
    return library.takeError();
  if (library->getAddressOfSymbol("quenchGetPluginInfo"))
    return load(file);

  bool hasPasses = library->getAddressOfSymbol("mlirGetPassPluginInfo");
  bool hasDialects = library->getAddressOfSymbol("mlirGetDialectPluginInfo");
  if (!hasPasses && !hasDialects)
    return loadError(file, "it is no plugin of Quench or MLIR: the functions "
                           "quenchGetPluginInfo, mlirGetPassPluginInfo and "
                           "mlirGetDialectPluginInfo are missing");
  if (llvm::any_of(loaded,
                   [&](const Plugin &plugin) { return plugin.file == file; }))
    return llvm::Error::success();

  Plugin plugin = {file.str(), "", "", nullptr};
  if (hasDialects) {
    auto dialectPlugin = mlir::DialectPlugin::load(file.str());
    if (!dialectPlugin)
      return loadError(file, llvm::toString(dialectPlugin.takeError()));
    plugin.name = dialectPlugin->getPluginName().str();
    plugin.version = dialectPlugin->getPluginVersion().str();
    dialects.push_back(
        [plugin = *dialectPlugin](mlir::DialectRegistry &registry) {
          plugin.registerDialectRegistryCallbacks(registry);
        });
  }
  if (hasPasses) {
    auto passPlugin = mlir::PassPlugin::load(file.str());
    if (!passPlugin)
      return loadError(file, llvm::toString(passPlugin.takeError()));
    plugin.name = passPlugin->getPluginName().str();
    plugin.version = passPlugin->getPluginVersion().str();
    passPlugin->registerPassRegistryCallbacks();
  }
  loaded.push_back(std::move(plugin));
  return llvm::Error::success();
}

llvm::Error
PluginSet::loadFromArguments(llvm::SmallVectorImpl<const char *> &arguments) {
  llvm::SmallVector<const char *> rest;
  size_t i = 0;
  for (; i < arguments.size(); ++i) {
    llvm::StringRef argument = arguments[i];
    if (argument == "--")
      break;
    llvm::StringRef option = argument;
    if (!option.consume_front("--"))
      option.consume_front("-");
    auto [name, file] = option.split('=');
    if (option.size() == argument.size() ||
        (name != "load-plugin" && name != "load-pass-plugin" &&
         name != "load-dialect-plugin")) {
      rest.push_back(arguments[i]);
      continue;
    }
    if (name.size() == option.size()) {
      // Without a value the option is left for the tool to complain about.
      if (i + 1 == arguments.size())
        break;
      file = arguments[++i];
    }
    if (llvm::Error error =
            name == "load-plugin" ? load(file) : loadForMLIR(file))
      return error;
  }
  rest.append(arguments.begin() + i, arguments.end());
  arguments.assign(rest);
  return llvm::Error::success();
}

void PluginSet::registerDialects(mlir::DialectRegistry &registry) const {
  for (const auto &callback : dialects)
    callback(registry);
}

void PluginSet::registerImporters(ImporterRegistry &registry) const {
  for (const PluginRegistrar::Importer &importer : importers)
    registry.add(importer.modelType, importer.function);
}

void PluginSet::extendPhases(PhaseExtensions &phases) const {
  for (const PluginRegistrar::Extension &extension : extensions)
    llvm::cantFail(
        phases.add(extension.position, extension.phase, extension.builder));
}
