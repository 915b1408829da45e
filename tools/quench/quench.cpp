//===- quench.cpp - The driver --------------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/InitAll.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Plugin/PluginLoader.h"
#include "Quench/Support/Spelling.h"
#include "Quench/Support/Version.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef overview =
    "Quench compiles transformer checkpoints to programs\n";

static constexpr llvm::StringRef help = R"(
EXAMPLES:

  A Hugging Face folder becomes a program:
    quench build all-MiniLM-L6-v2 -o minilm
    ./minilm --help

  What is in it:
    quench inspect all-MiniLM-L6-v2

  'quench COMMAND --help' explains a command.

EXIT STATUS: 0 done, 1 the input or the machine cannot, 2 wrong command line.
)";

static void printVersion(llvm::raw_ostream &os) {
  os << "quench " << getVersion() << " (LLVM " << LLVM_VERSION_STRING << ")\n";
}

/// What the parser of the command line printed, `PROGRAM: A.  Try: ...` and
/// `PROGRAM: B?`, as one message: `a; b?`.
static std::string joinErrors(llvm::StringRef printed) {
  std::string message;
  llvm::SmallVector<llvm::StringRef> lines;
  printed.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (llvm::StringRef line : lines) {
    line = line.split(": ").second.split("  Try: ").first.rtrim(".!");
    message += message.empty() ? "" : "; ";
    message += line.take_front().lower() + line.drop_front().str();
  }
  return message;
}

int main(int argc, char **argv) {
  llvm::setBugReportMsg("quench crashed; this is a defect of quench. Please "
                        "report it with the lines below.\n");
  llvm::InitLLVM init(argc, argv);

  std::unique_ptr<Command> commands[] = {
      makeAssignBitsCommand(), makeBuildCommand(),
      makeCalibrateCommand(),  makeCheckEquivalenceCommand(),
      makeCompareCommand(),    makeEvalCommand(),
      makeExplainCommand(),    makeImportCommand(),
      makeInspectCommand(),    makeMaterializeCommand(),
      makeNewCommand(),        makeRunCommand()};
  // The text after the options is one for the whole process: take that of the
  // command which is going to be chosen.
  llvm::StringRef first = argc > 1 ? argv[1] : "";
  llvm::StringRef after = help;
  for (const auto &command : commands)
    if (command->sub.getName() == first)
      after = command->help;
  if (!first.empty() && !first.starts_with("-") && after == help) {
    std::vector<std::string> names;
    for (const auto &command : commands)
      names.push_back(command->sub.getName().str());
    return badCommandLine("unknown subcommand '" + first + "'" +
                          suggest(first, names));
  }
  cl::extrahelp moreHelp(after);
  cl::SetVersionPrinter(printVersion);
  cl::OptionCategory none("");
  cl::HideUnrelatedOptions(none);

  registerAllPasses();
  llvm::SmallVector<const char *> arguments(argv, argv + argc);
  PluginSet plugins;
  if (llvm::Error error = plugins.loadFromArguments(arguments)) {
    llvm::errs() << "quench: error: " << llvm::toString(std::move(error))
                 << "\n";
    return ExitFailed;
  }
  // For --help alone: its uses are gone by now.
  cl::list<std::string> loadPlugin(
      "load-plugin", cl::sub(cl::SubCommand::getAll()), cl::value_desc("file"),
      cl::desc("Load passes, dialects and phase extensions from a plugin"));
  std::string errors;
  llvm::raw_string_ostream errorStream(errors);
  if (!cl::ParseCommandLineOptions(arguments.size(), arguments.data(), overview,
                                   &errorStream)) {
    // A value that an option cannot take is reported by the option itself.
    if (errors.empty())
      return ExitBadCommandLine;
    return badCommandLine(joinErrors(errors));
  }

  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  plugins.registerDialects(registry);
  ImporterRegistry importers;
  registerAllImporters(importers);
  plugins.registerImporters(importers);
  mlir::MLIRContext context(registry);
  // An error is one line, not the whole model.
  context.printOpOnDiagnostic(false);
  mlir::ScopedDiagnosticHandler handler(
      &context, [](mlir::Diagnostic &diagnostic) {
        clearProgress();
        printDiagnostic(diagnostic, "quench", llvm::errs());
        return mlir::success();
      });
  for (const auto &command : commands)
    if (command->sub)
      return command->run({context, importers, plugins, argv[0]});
  return badCommandLine("no command; try 'quench --help'");
}
