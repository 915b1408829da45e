//===- CommandLine.cpp - The command line of compiled models --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"

#include "Tensor.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include <algorithm>

using namespace quench::rt;

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

namespace {
/// Walks over the arguments; `--name value` and `--name=value` are the same.
class Parser {
public:
  Parser(int argc, const char *const *argv) : args(argv + 1, argv + argc) {}

  Status parse(CommandLine &line) {
    while (next < args.size()) {
      std::string arg = args[next++];
      if (arg == "--") {
        line.texts.insert(line.texts.end(), args.begin() + next, args.end());
        return Status();
      }
      if (arg.size() < 2 || arg[0] != '-') {
        line.texts.push_back(arg);
        continue;
      }
      inlineValue.reset();
      if (size_t equals = arg.find('='); equals != std::string::npos) {
        inlineValue = arg.substr(equals + 1);
        arg.resize(equals);
      }
      if (Status status = parseOption(arg, line))
        return status;
      if (inlineValue)
        return invalidArgument(absl::StrCat(arg, " takes no value"));
    }
    return Status();
  }

private:
  Status parseOption(const std::string &name, CommandLine &line) {
    if (name == "-h" || name == "--help")
      return flag(line.help);
    if (name == "--version")
      return flag(line.version);
    if (name == "--info")
      return flag(line.info);
    if (name == "--json")
      return flag(line.json);
    if (name == "--force")
      return flag(line.force);
    if (name == "--truncate")
      return flag(line.truncate);
    if (name == "--output")
      return text(name, line.output);
    if (name == "--entry")
      return text(name, line.entry);
    if (name == "--params")
      return text(name, line.params);
    if (name == "--text")
      return text(name, line.textFile);
    if (name == "--threads")
      return number(name, 0, 1024, line.numThreads);
    if (name == "--bench")
      return number(name, 1, 1000000000, line.numRuns);
    if (name == "--shape")
      return shape(line);
    if (name == "--input")
      return input(line);
    return invalidArgument(absl::StrCat("unknown option ", name));
  }

  static Status flag(bool &target) {
    target = true;
    return Status();
  }

  Status text(const std::string &name, std::optional<std::string> &target) {
    if (target)
      return invalidArgument(absl::StrCat(name, " was given twice"));
    if (!inlineValue && next < args.size())
      inlineValue = args[next++];
    if (!inlineValue || inlineValue->empty())
      return invalidArgument(absl::StrCat(name, " needs a value"));
    target = *inlineValue;
    inlineValue.reset();
    return Status();
  }

  Status number(const std::string &name, int low, int high,
                std::optional<int> &target) {
    std::optional<std::string> value;
    if (target)
      return invalidArgument(absl::StrCat(name, " was given twice"));
    if (Status status = text(name, value))
      return status;
    int result;
    if (!absl::SimpleAtoi(*value, &result) || result < low || result > high)
      return invalidArgument(absl::StrCat(name, " is '", *value,
                                          "', expected a number from ", low,
                                          " to ", high));
    target = result;
    return Status();
  }

  Status input(CommandLine &line) {
    std::optional<std::string> value;
    if (Status status = text("--input", value))
      return status;
    size_t equals = value->find('=');
    if (equals == 0 || equals == std::string::npos ||
        equals + 1 == value->size())
      return invalidArgument(absl::StrCat(
          "--input is '", *value, "', expected NAME=FILE or NAME=FILE:TENSOR"));
    std::string name = value->substr(0, equals);
    for (const auto &input : line.inputs)
      if (input.first == name)
        return invalidArgument(
            absl::StrCat("input '", name, "' was given twice"));
    line.inputs.emplace_back(name, value->substr(equals + 1));
    return Status();
  }

  Status shape(CommandLine &line) {
    std::optional<std::string> value;
    if (Status status = text("--shape", value))
      return status;
    for (absl::string_view part : absl::StrSplit(*value, ',')) {
      std::pair<std::string, absl::string_view> named =
          absl::StrSplit(part, absl::MaxSplits('=', 1));
      int64_t size;
      if (named.first.empty() || !absl::SimpleAtoi(named.second, &size) ||
          size < 0)
        return invalidArgument(
            absl::StrCat("--shape is '", *value, "', expected NAME=SIZE,..."));
      if (!line.sizes.emplace(named.first, size).second)
        return invalidArgument(absl::StrCat("--shape: the size of ",
                                            named.first, " was given twice"));
    }
    return Status();
  }

  std::vector<std::string> args;
  size_t next = 0;
  std::optional<std::string> inlineValue;
};
} // namespace

StatusOr<CommandLine> CommandLine::parse(int argc, const char *const *argv) {
  CommandLine line;
  if (Status status = Parser(argc, argv).parse(line))
    return status;
  if (line.json && !line.info)
    return invalidArgument("--json is a form of --info, which is missing");
  if (!line.sizes.empty() && (!line.info || line.json))
    return invalidArgument("--shape is for --info without --json");
  if (line.textFile && !line.texts.empty())
    return invalidArgument("texts come from the command line or from --text, "
                           "not from both");
  if (!line.inputs.empty() && line.takesTexts())
    return invalidArgument("a run takes texts or --input, not both");
  return line;
}

//===----------------------------------------------------------------------===//
// Help and information
//===----------------------------------------------------------------------===//

static std::string padded(std::string text, size_t width) {
  text.resize(std::max(text.size() + 2, width), ' ');
  return text;
}

static std::string describe(const std::vector<Port> &ports) {
  size_t nameWidth = 0, typeWidth = 0;
  for (const Port &port : ports) {
    nameWidth = std::max(nameWidth, port.name.size() + 2);
    typeWidth = std::max(typeWidth, port.typeStr().size() + 2);
  }
  std::string text;
  for (const Port &port : ports) {
    std::vector<std::string> notes;
    if (port.range)
      notes.push_back(absl::StrCat("values in [", port.range->first, ", ",
                                   port.range->second, ")"));
    if (port.role == Role::State)
      notes.push_back("state, zeros when left out");
    else if (port.role == Role::Position)
      notes.push_back("tokens that the states hold, 0 when left out");
    else if (port.defaultValue)
      notes.push_back(absl::StrCat(*port.defaultValue, " when left out"));
    std::string line = absl::StrCat("  ", padded(port.name, nameWidth),
                                    padded(port.typeStr(), typeWidth),
                                    absl::StrJoin(notes, "; "));
    line.resize(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

static std::string describeEntries(const Manifest &manifest) {
  std::string text;
  for (const Entry &entry : manifest.entries)
    absl::StrAppend(&text, "inputs of ", entry.name, ":\n",
                    describe(entry.inputs), "outputs of ", entry.name, ":\n",
                    describe(entry.outputs));
  std::vector<std::string> limits;
  for (const auto &[name, symbol] : manifest.symbols)
    limits.push_back(absl::StrCat(name, " ", symbol.min,
                                  symbol.max ? absl::StrCat(" to ", *symbol.max)
                                             : std::string(" or more")));
  if (!limits.empty())
    absl::StrAppend(&text, "where ", absl::StrJoin(limits, ", "), "\n");
  return text;
}

static std::string examples(const Manifest &manifest,
                            const std::string &program) {
  std::string text;
  if (manifest.tokenizer)
    absl::StrAppend(&text, "  ", program,
                    " 'A cat sits outside.' 'The dog runs.'\n  ", program,
                    " --text sentences.txt --output out.safetensors\n");
  std::string inputs;
  for (const Port &port : manifest.entries.front().inputs)
    if (port.role == Role::Data && !port.defaultValue)
      absl::StrAppend(&inputs, " --input ", port.name, "=in.safetensors");
  absl::StrAppend(&text, "  ", program, inputs, " --output out.safetensors\n",
                  "  ", program, inputs, " --bench 100 --threads 1\n");
  return text;
}

std::string quench::rt::helpText(const Manifest &manifest,
                                 const std::string &program) {
  std::string text = absl::StrCat(
      manifest.name, ": a model of type ", manifest.modelType,
      ", compiled by Quench ", manifest.version, "\n\nusage: ", program,
      " [options] --input NAME=FILE[:TENSOR]... [--output FILE]\n");
  if (manifest.tokenizer)
    absl::StrAppend(&text, "       ", program, " [options] TEXT...\n       ",
                    program, " [options] --text FILE\n");
  absl::StrAppend(&text, "\n", describeEntries(manifest), R"(
options:
  --input NAME=FILE[:TENSOR]  an input, from an .npy or .safetensors file; the
                              tensor in the file is called NAME unless told
  --output FILE               all outputs under their names, as .safetensors, or
                              a single one as .npy
)");
  if (manifest.tokenizer)
    absl::StrAppend(
        &text,
        R"(  --text FILE                 texts, one a line; - reads standard input
  --truncate                  cut texts that are too long
)");
  if (manifest.entries.size() > 1)
    absl::StrAppend(&text, "  --entry NAME                ",
                    manifest.entryNames(), "; the first unless told\n");
  absl::StrAppend(
      &text,
      R"(  --bench N                   run N times: median, 95th percentile, memory
  --threads N                 0, one for each core, unless told
  --params FILE               the archive of the parameters
  --force                     replace an output file that exists
  --info [--json]             what the model is and was built for
  --shape NAME=SIZE,...       with --info: what dimensions the arena is for
  --version                   versions of the model's compiler and runtime
  --help                      this text

examples:
)",
      examples(manifest, program), R"(
exit status: 0 done, 1 an input or the machine cannot, 2 wrong command line
)");
  return text;
}

std::string quench::rt::infoLine(const std::string &name,
                                 const std::string &value) {
  return absl::StrCat(padded(name, 12), value, "\n");
}

std::string quench::rt::infoText(const Manifest &manifest,
                                 const std::string &arenas) {
  const char *modes[] = {"embedded", "beside the program", "in memory"};
  std::string params =
      absl::StrCat(manifest.params.bytes, " bytes, ",
                   modes[static_cast<int>(manifest.params.mode)]);
  if (!manifest.params.file.empty())
    absl::StrAppend(&params, " in ", manifest.params.file);
  std::string text;
  auto add = [&](const char *name, const std::string &value) {
    if (!value.empty())
      absl::StrAppend(&text, infoLine(name, value));
  };
  add("model", manifest.name);
  add("type", manifest.modelType);
  add("recipe", manifest.recipe);
  add("hash", manifest.hash);
  add("target", manifest.target);
  add("cpu", manifest.cpu);
  add("features", absl::StrJoin(manifest.features, " "));
  add("parameters", params);
  text += arenas;
  if (manifest.tokenizer)
    add("tokenizer",
        absl::StrCat("wordpiece, ", manifest.tokenizer->vocab.size(),
                     " pieces, at most ", manifest.tokenizer->maxLength,
                     " tokens"));
  add("compiler", absl::StrCat("Quench ", manifest.version));
  return absl::StrCat(text, describeEntries(manifest));
}
