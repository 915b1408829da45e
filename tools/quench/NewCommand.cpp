//===- NewCommand.cpp - quench new ----------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Plugin/Scaffold.h"

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
Writes a project that builds against this installation and passes its own
tests; docs/tutorials explains it line by line.

EXAMPLES:

  quench new plugin my-rounding
  cmake -G Ninja -S my-rounding -B my-rounding/build
  cmake --build my-rounding/build
)";

namespace {
class NewCommand : public Command {
public:
  NewCommand()
      : Command("new", "Write the project of a plugin", helpText),
        kind(cl::Positional, cl::sub(sub), cl::desc("plugin")),
        name(cl::Positional, cl::sub(sub), cl::desc("NAME")),
        folder("o", cl::sub(sub), cl::value_desc("folder"),
               cl::desc("Folder to write to (default: NAME)")) {}

  ExitStatus run(const Environment &) override {
    if (kind != "plugin")
      return badCommandLine("new: found '" + kind + "', expected plugin NAME");
    if (name.empty())
      return badCommandLine("new: no NAME for the plugin");
    if (llvm::Error error = writePluginProject(
            name, folder.empty() ? name.getValue() : folder.getValue())) {
      llvm::errs() << "quench: error: " << llvm::toString(std::move(error))
                   << "\n";
      return ExitFailed;
    }
    return ExitDone;
  }

private:
  cl::opt<std::string> kind;
  cl::opt<std::string> name;
  cl::opt<std::string> folder;
};
} // namespace

std::unique_ptr<Command> makeNewCommand() {
  return std::make_unique<NewCommand>();
}
