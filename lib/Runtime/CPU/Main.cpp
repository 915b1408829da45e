//===- Main.cpp - The main function of compiled models --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"
#include "Memory.h"
#include "OutputFile.h"
#include "Session.h"
#include "TensorFile.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <limits>
#include <malloc.h>
#include <map>
#include <sys/resource.h>
#include <unistd.h>

using namespace quench::rt;

// The exit statuses of docs/exit-codes.md.
static constexpr int kDone = 0;
static constexpr int kCannot = 1;
static constexpr int kWrongCommandLine = 2;

/// The output that stands for a whole text as one vector.
static constexpr char kEmbedding[] = "sentence_embedding";
/// Texts of one run when only their embeddings are wanted.
static constexpr size_t kTextsPerRun = 32;
/// More texts than this have no similarity matrix that a screen can show.
static constexpr size_t kMaxMatrix = 32;

using Texts = absl::Span<const absl::string_view>;

static std::string fixed(double value, int precision) {
  char text[400];
  std::snprintf(text, sizeof(text), "%.*f", precision, value);
  return text;
}

/// "0.1 KiB", "1.25 MiB"
static std::string formatBytes(uint64_t bytes) {
  auto number = static_cast<double>(bytes);
  return bytes < (1 << 20) ? fixed(number / (1 << 10), 1) + " KiB"
                           : fixed(number / (1 << 20), 2) + " MiB";
}

static std::string rightAligned(const std::string &text, size_t width) {
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

/// "1 run", "2 runs"
static std::string counted(size_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

static void print(absl::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

//===----------------------------------------------------------------------===//
// What can be wrong with a command line for this model
//===----------------------------------------------------------------------===//

static Status checkInputs(const CommandLine &line, const Entry &entry) {
  for (const auto &[name, file] : line.inputs)
    if (StatusOr<const Port *> port = entry.findInput(name); !port.ok())
      return port.status();
  for (const Port &port : entry.inputs) {
    bool isGiven =
        std::any_of(line.inputs.begin(), line.inputs.end(),
                    [&](auto &input) { return input.first == port.name; });
    if (port.role == Role::Data && !port.defaultValue && !isGiven)
      return invalidArgument(absl::StrCat(
          "input '", port.name, "' is missing; give it by --input ", port.name,
          "=FILE, ", port.typeStr()));
  }
  return Status();
}

static Status checkOutput(const CommandLine &line, const Entry &entry) {
  if (!line.output || absl::EndsWith(*line.output, ".safetensors"))
    return Status();
  if (!absl::EndsWith(*line.output, ".npy")) {
    // A device such as /dev/null takes anything.
    if (absl::StartsWith(*line.output, "/dev/"))
      return Status();
    return invalidArgument(absl::StrCat("--output is '", *line.output,
                                        "', expected .safetensors or .npy"));
  }
  size_t count = entry.outputs.size();
  for (const Port &port : entry.inputs)
    for (const auto &[name, file] : line.inputs)
      count += port.role == Role::State && port.name == name;
  if (count != 1)
    return invalidArgument(absl::StrCat("an .npy file holds one tensor, but '",
                                        entry.name, "' gives ", count,
                                        "; write a .safetensors file"));
  return Status();
}

/// Whether `line` makes sense for `entry` of the model.
static Status checkCommandLine(const CommandLine &line,
                               const Manifest &manifest, const Entry &entry) {
  if (Status status = checkOutput(line, entry))
    return status;
  if (!line.takesTexts())
    return checkInputs(line, entry);
  if (!manifest.tokenizer)
    return invalidArgument(
        absl::StrCat("the model has no tokenizer and takes no text; give it ",
                     entry.inputNames(), " by --input"));
  return Status();
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

namespace {
/// What the program does once its command line is known to be right.
class Program {
public:
  Program(const CommandLine &line, const Entry &entry)
      : line(line), entryName(entry.name) {}

  Status run(const qrt_model &model);

private:
  Status runOnFiles();
  Status runOnTexts();

  Status readInput(const std::string &name, const std::string &place);
  StatusOr<std::vector<std::string>> readTexts() const;
  Status runOnBatch(Texts texts);
  /// Runs the model; its outputs are then those of the program.
  Status runOn(absl::Span<const qrt_tensor> given);
  bool wantsEmbeddings() const;

  /// Calls `code` once, or as often as --bench says; prints its times then.
  Status timed(const std::function<Status()> &code);

  Status writeOutputs();
  void printOutputs() const;
  void printSimilarities(Texts texts) const;

  const CommandLine &line;
  const std::string entryName;
  std::unique_ptr<qrt_session> session;
  const Entry *entry = nullptr;
  std::optional<OutputFile> outputFile;

  std::map<std::string, TensorFile> files;
  std::vector<Tensor> states;  ///< Copies of those in files, which runs update.
  std::vector<Tensor> aligned; ///< Copies of those in files that were not.
  std::vector<qrt_tensor> inputs;
  OutputsPtr outputs;                          ///< Of the last run.
  std::vector<std::vector<double>> embeddings; ///< One of length 1 each text.
  double milliseconds = 0;                     ///< That the last run took.
};
} // namespace

Status Program::run(const qrt_model &model) {
  qrt_options options = {line.numThreads.value_or(0),
                         line.params ? line.params->c_str() : nullptr, 0};
  StatusOr<std::unique_ptr<qrt_session>> created =
      qrt_session::create(model, options);
  if (!created.ok())
    return created.status();
  session = *std::move(created);
  entry = *session->manifest.findEntry(entryName);
  if (line.output) {
    StatusOr<OutputFile> file = OutputFile::create(*line.output, line.force);
    if (!file.ok())
      return file.status();
    outputFile.emplace(*std::move(file));
  }
  return line.takesTexts() ? runOnTexts() : runOnFiles();
}

Status Program::timed(const std::function<Status()> &code) {
  using Clock = std::chrono::steady_clock;
  auto timeOnce = [&]() -> Status {
    Clock::time_point start = Clock::now();
    Status status = code();
    milliseconds =
        std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    return status;
  };
  // The first run also faults the parameters in and fills the buffers.
  Status status = timeOnce();
  if (!line.numRuns || !status.ok())
    return status;
  std::vector<double> times;
  for (int i = 0; i < *line.numRuns; ++i) {
    if (Status status = timeOnce())
      return status;
    times.push_back(milliseconds);
  }
  std::sort(times.begin(), times.end());
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  print(absl::StrCat(counted(times.size(), "run"), ", ",
                     counted(session->numThreads(), "thread"), ": median ",
                     fixed(times[times.size() / 2], 3), " ms, p95 ",
                     fixed(times[(times.size() - 1) * 95 / 100], 3),
                     " ms, peak memory ",
                     fixed(static_cast<double>(usage.ru_maxrss) / 1024, 1),
                     " MiB, arena ", formatBytes(session->arenaBytes()), "\n"));
  return Status();
}

Status Program::runOnFiles() {
  for (const auto &[name, place] : line.inputs)
    if (Status status = readInput(name, place))
      return status;
  Status status = timed([&]() -> Status { return runOn(inputs); });
  if (!status.ok())
    return status;
  if (outputFile)
    return writeOutputs();
  if (!line.numRuns)
    printOutputs();
  return Status();
}

Status Program::runOn(absl::Span<const qrt_tensor> given) {
  outputs.reset();
  StatusOr<OutputsPtr> results = session->run(*entry, given);
  if (results.ok())
    outputs = *std::move(results);
  return results.status();
}

/// Reads FILE or FILE:TENSOR. A file of the whole name comes first.
Status Program::readInput(const std::string &name, const std::string &place) {
  std::string path = place, tensorName;
  size_t colon = place.rfind(':');
  if (colon != std::string::npos && access(place.c_str(), F_OK) != 0) {
    path = place.substr(0, colon);
    tensorName = place.substr(colon + 1);
  }
  auto file = files.find(path);
  if (file == files.end()) {
    StatusOr<TensorFile> opened = TensorFile::open(path);
    if (!opened.ok())
      return failure(
          absl::StrCat("input '", name, "': ", opened.status().message()));
    file = files.emplace(path, *std::move(opened)).first;
  }
  if (tensorName.empty() && !file->second.isNpy())
    tensorName = name;
  StatusOr<const FileTensor *> found = file->second.find(tensorName);
  if (!found.ok())
    return failure(
        absl::StrCat("input '", name, "': ", found.status().message()));
  const FileTensor &tensor = **found;
  if (!tensor.dtype)
    return failure(absl::StrCat("input '", name, "': '", path,
                                "' holds the type ", tensor.type,
                                ", which no model takes"));

  const Port &port = **entry->findInput(name);
  void *data = const_cast<char *>(tensor.bytes.data());
  // What a file does not align would be copied in each call.
  bool isState = port.role == Role::State;
  if (isState || reinterpret_cast<uintptr_t>(data) % kLineBytes != 0) {
    StatusOr<Tensor> copy = makeTensor(name, *tensor.dtype, tensor.shape);
    if (!copy.ok())
      return copy.status();
    data = copy->data.get();
    std::memcpy(data, tensor.bytes.data(), tensor.bytes.size());
    (isState ? states : aligned).push_back(*std::move(copy));
  }
  inputs.push_back({port.name.c_str(), *tensor.dtype,
                    static_cast<int32_t>(tensor.shape.size()),
                    tensor.shape.data(), data});
  return Status();
}

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

StatusOr<std::vector<std::string>> Program::readTexts() const {
  if (!line.textFile)
    return line.texts;
  std::ifstream file;
  if (*line.textFile != "-") {
    file.open(*line.textFile);
    if (!file)
      return systemFailure(absl::StrCat("cannot open '", *line.textFile, "'"));
  }
  std::istream &stream = *line.textFile == "-" ? std::cin : file;
  std::vector<std::string> texts;
  for (std::string text; std::getline(stream, text);) {
    if (absl::EndsWith(text, "\r"))
      text.pop_back();
    texts.push_back(std::move(text));
  }
  if (stream.bad())
    return systemFailure(absl::StrCat("cannot read '", *line.textFile, "'"));
  if (texts.empty())
    return failure(absl::StrCat("'", *line.textFile, "' holds no text"));
  return texts;
}

bool Program::wantsEmbeddings() const {
  return !outputFile && !entry->outputs.empty() &&
         entry->outputs.back().name == kEmbedding &&
         entry->outputs.back().shape.size() == 2;
}

Status Program::runOnTexts() {
  StatusOr<std::vector<std::string>> read = readTexts();
  if (!read.ok())
    return read.status();
  std::vector<absl::string_view> texts(read->begin(), read->end());
  size_t textsPerRun = wantsEmbeddings() ? kTextsPerRun : texts.size();
  Status status = timed([&]() -> Status {
    embeddings.clear();
    for (size_t i = 0; i < texts.size(); i += textsPerRun)
      if (Status status = runOnBatch(Texts(texts).subspan(i, textsPerRun)))
        return status;
    return Status();
  });
  if (!status.ok())
    return status;
  if (outputFile) {
    if (Status status = writeOutputs())
      return status;
  } else if (!line.numRuns) {
    if (wantsEmbeddings())
      printSimilarities(texts);
    else
      printOutputs();
  }
  print(absl::StrCat(
      counted(texts.size(), "text"), " in ", fixed(milliseconds, 2), " ms, ",
      fixed(milliseconds / static_cast<double>(texts.size()), 3), " ms each, ",
      counted(session->numThreads(), "thread"), "\n"));
  return Status();
}

Status Program::runOnBatch(Texts texts) {
  StatusOr<std::vector<Tensor>> tokens =
      session->tokenizer->encodeBatch(texts, line.truncate);
  if (!tokens.ok())
    return tokens.status();
  std::vector<qrt_tensor> batch;
  for (const Tensor &tensor : *tokens)
    for (const Port &port : entry->inputs)
      if (port.name == tensor.name)
        batch.push_back(viewOf(tensor));
  if (Status status = runOn(batch))
    return status;
  if (!wantsEmbeddings())
    return Status();

  const Tensor &output = outputs->tensors.back();
  for (int64_t row = 0; row < output.shape[0]; ++row) {
    std::vector<double> &embedding = embeddings.emplace_back();
    double square = 0;
    for (int64_t i = 0; i < output.shape[1]; ++i) {
      double value =
          elementAt(output.dtype, output.data.get(), row * output.shape[1] + i);
      embedding.push_back(value);
      square += value * value;
    }
    for (double &value : embedding)
      value /= square > 0 ? std::sqrt(square) : 1;
  }
  return Status();
}

/// The beginning of a text as far as it fits a line.
static absl::string_view beginning(absl::string_view text) {
  constexpr size_t maxBytes = 60;
  size_t size = 0;
  while (size < text.size() && size < maxBytes &&
         !absl::ascii_iscntrl(text[size]))
    ++size;
  // Not within a character.
  if (size < text.size())
    while (size > 0 && (text[size] & 0xc0) == 0x80)
      --size;
  return text.substr(0, size);
}

void Program::printSimilarities(Texts texts) const {
  if (texts.size() > kMaxMatrix) {
    print(absl::StrCat("the similarity matrix is shown for up to ", kMaxMatrix,
                       " texts; --output keeps the embeddings\n"));
    return;
  }
  std::string table = "cosine similarity\n    ";
  for (size_t i = 0; i < texts.size(); ++i)
    absl::StrAppend(&table, rightAligned(absl::StrCat(i + 1), 8));
  absl::StrAppend(&table, "\n");
  for (size_t i = 0; i < texts.size(); ++i) {
    absl::StrAppend(&table, rightAligned(absl::StrCat(i + 1), 4));
    for (size_t j = 0; j < texts.size(); ++j) {
      double cosine = 0;
      for (size_t k = 0; k < embeddings[i].size(); ++k)
        cosine += embeddings[i][k] * embeddings[j][k];
      absl::StrAppend(&table, rightAligned(fixed(cosine, 4), 8));
    }
    absl::StrAppend(&table, "  ", beginning(texts[i]), "\n");
  }
  print(table);
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

Status Program::writeOutputs() {
  std::vector<qrt_tensor> tensors;
  for (const Tensor &tensor : outputs->tensors)
    tensors.push_back(viewOf(tensor));
  for (const Tensor &tensor : states)
    tensors.push_back(viewOf(tensor));
  bool isNpy = absl::EndsWith(*line.output, ".npy");
  if (Status status = writeTensors(*outputFile, tensors, isNpy))
    return status;
  print(absl::StrCat("wrote ", counted(tensors.size(), "tensor"), " to ",
                     *line.output, "\n"));
  return Status();
}

void Program::printOutputs() const {
  for (const Tensor &tensor : outputs->tensors) {
    double low = HUGE_VAL, high = -HUGE_VAL, sum = 0;
    int64_t count = tensor.numElements();
    for (int64_t i = 0; i < count; ++i) {
      double value = elementAt(tensor.dtype, tensor.data.get(), i);
      low = std::min(low, value);
      high = std::max(high, value);
      sum += value;
    }
    print(absl::StrCat(tensor.name, "  ", nameOf(tensor.dtype), " ",
                       formatShape(tensor.shape)));
    if (count > 0)
      print(absl::StrCat("  min ", low, ", max ", high, ", mean ",
                         sum / static_cast<double>(count)));
    print("\n");
  }
  print("--output FILE keeps the outputs\n");
}

//===----------------------------------------------------------------------===//
// Main
//===----------------------------------------------------------------------===//

/// Tokens of a call, unless --shape says otherwise.
static constexpr int64_t kPlannedTokens = 128;

/// The sizes of the dimensions of `entry`: those of `line`, or else a batch of
/// one and a number of tokens that is not small.
static std::map<std::string, int64_t> chooseSizes(const CommandLine &line,
                                                  const Manifest &manifest,
                                                  const Entry &entry) {
  std::map<std::string, int64_t> sizes;
  auto limited = [&](const std::string &symbol, int64_t size) {
    auto limits = manifest.symbols.find(symbol);
    if (limits == manifest.symbols.end())
      return size;
    if (limits->second.max)
      size = std::min(size, *limits->second.max);
    return std::max(size, limits->second.min);
  };
  for (const Port &port : entry.inputs)
    for (const Dim &dim : port.shape) {
      if (dim.symbol.empty())
        continue;
      bool isTokens = dim.symbol == kSequence || dim.symbol == kContext;
      sizes[dim.symbol] = limited(dim.symbol, isTokens ? kPlannedTokens : 1);
    }
  for (const auto &[name, size] : line.sizes)
    if (auto found = sizes.find(name); found != sizes.end())
      found->second = size;
  // States have room for what is given.
  auto context = sizes.find(kContext), sequence = sizes.find(kSequence);
  if (context != sizes.end() && sequence != sizes.end() &&
      line.sizes.count(kContext) == 0)
    context->second =
        std::max(context->second, limited(kContext, sequence->second));
  return sizes;
}

/// The lines of --info on the memory that runs take.
static StatusOr<std::string> describeArenas(const CommandLine &line,
                                            const Manifest &manifest,
                                            const qrt_model &model) {
  for (const auto &[name, size] : line.sizes)
    if (manifest.symbols.find(name) == manifest.symbols.end())
      return invalidArgument(absl::StrCat(
          "--shape: the model has no dimension '", name, "'; it has ",
          absl::StrJoin(manifest.symbols, ", ",
                        [](std::string *out, const auto &symbol) {
                          absl::StrAppend(out, symbol.first);
                        })));
  qrt_options options = {line.numThreads.value_or(0),
                         line.params ? line.params->c_str() : nullptr,
                         /*skip_params_check=*/1};
  StatusOr<std::unique_ptr<qrt_session>> session =
      qrt_session::create(model, options);
  // Information on a model for another machine is still wanted.
  if (!session.ok())
    return infoLine("arena",
                    absl::StrCat("not known: ", session.status().message()));
  std::string text;
  for (const Entry &entry : (*session)->manifest.entries) {
    std::map<std::string, int64_t> sizes = chooseSizes(line, manifest, entry);
    StatusOr<uint64_t> bytes = (*session)->planMemory(entry, sizes);
    if (!bytes.ok())
      return bytes.status();
    std::string where;
    for (const auto &[name, size] : sizes)
      absl::StrAppend(&where, ", ", name, " ", size);
    absl::StrAppend(
        &text, infoLine("arena", absl::StrCat(formatBytes(*bytes), " for ",
                                              entry.name, where, ", ",
                                              counted((*session)->numThreads(),
                                                      "thread"))));
  }
  return text;
}

/// The most that mallopt() takes.
static constexpr int kLargestFromHeap = 32 << 20;

int qrt_main(int argc, char **argv, const qrt_model *model) {
  std::string program = argc > 0 ? argv[0] : "model";
  auto fail = [&](const Status &status, int code) {
    std::fprintf(stderr, "error: %s\n", status.message().c_str());
    if (code == kWrongCommandLine)
      std::fprintf(stderr, "'%s --help' says how to use it\n", program.c_str());
    return code;
  };

  // A limit on the size of files shall be an error of write(), not a signal.
  std::signal(SIGXFSZ, SIG_IGN);
  // Each run frees outputs as large as those that the next one needs: the heap
  // keeps their pages.
  mallopt(M_MMAP_THRESHOLD, kLargestFromHeap);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  StatusOr<CommandLine> line = CommandLine::parse(argc, argv);
  if (!line.ok())
    return fail(line.status(), kWrongCommandLine);
  absl::string_view manifestText(model->manifest, model->manifest_size);
  StatusOr<Manifest> manifest = Manifest::parse(manifestText);
  if (!manifest.ok())
    return fail(manifest.status(), kCannot);

  std::string text;
  if (line->help)
    text = helpText(*manifest, program);
  else if (line->version)
    text = absl::StrCat(manifest->name, ", compiled by Quench ",
                        manifest->version, ", runtime " QUENCH_VERSION "\n");
  else if (line->info && line->json)
    text = absl::StrCat(manifestText, "\n");
  else if (line->info) {
    StatusOr<std::string> arenas = describeArenas(*line, *manifest, *model);
    if (!arenas.ok())
      return fail(arenas.status(),
                  arenas.status().report() == QRT_INVALID_ARGUMENT
                      ? kWrongCommandLine
                      : kCannot);
    text = infoText(*manifest, *arenas);
  }

  if (text.empty()) {
    StatusOr<const Entry *> entry =
        manifest->findEntry(line->entry.value_or(""));
    if (!entry.ok())
      return fail(entry.status(), kWrongCommandLine);
    if (Status status = checkCommandLine(*line, *manifest, **entry))
      return fail(status, kWrongCommandLine);
    if (Status status = Program(*line, **entry).run(*model))
      return fail(status, kCannot);
  }
  print(text);
  if (std::fflush(stdout) != 0)
    return fail(systemFailure("cannot write the output"), kCannot);
  return kDone;
}
