//===- AssignBitsCommand.cpp - quench assign-bits -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Pipelines/AssignBits.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Support/BitAllocation.h"
#include "Quench/Support/OutputFile.h"
#include "Quench/Support/Spelling.h"
#include "Quench/Support/TextTable.h"

#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

#include <cmath>

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
Chooses for each layer how many bits its codes have: those with which the outputs
lose least for so many bits of a weight on average. What a layer loses is measured
once for each of --bits, with the layer quantized and no other, on FILE; of all
choices, the best of each average is then found exactly, the loss of a choice
being the sum. With --relevance what a layer loses counts by how much of the
relevance of predictions goes through it. The scheme that is written is one for
--scheme.

Integer codes of weights vary that rules of the scheme for all sites give, and
inputs that have as many bits in the scheme as weights; layers that read one such
input have one width. Everything else, --rule too, stays as it is.

EXAMPLES:

  quench assign-bits vit --scheme W8A8 --data images.safetensors --average 4.5 \
    -o mixed.yaml
  quench build vit --scheme mixed.yaml
  quench assign-bits llama --scheme W4A16 --bits 2,3,4,8 --average 3.5 \
    --data text.bin --limit 16 --metric kl -o mixed.yaml --json curve.json
)";

namespace {
/// The widths of a model for each average.
class BitCurve {
public:
  static llvm::Expected<BitCurve> create(llvm::ArrayRef<WidthGroup> groups);

  /// The place of the least error for at most `average` bits.
  llvm::Expected<size_t> find(double average) const;

  size_t size() const { return allocation.getCurve().size(); }
  double getAverage(size_t point) const {
    return allocation.getCurve()[point].cost / static_cast<double>(elements);
  }
  double getError(size_t point) const {
    return allocation.getCurve()[point].error;
  }
  int64_t getBytes(size_t point) const;
  std::vector<unsigned> getBits(size_t point) const;

  int64_t getElements() const { return elements; }

private:
  BitCurve(llvm::ArrayRef<WidthGroup> groups, int64_t elements,
           BitAllocation allocation)
      : groups(groups), elements(elements), allocation(std::move(allocation)) {}

  llvm::ArrayRef<WidthGroup> groups;
  int64_t elements;
  BitAllocation allocation;
};

class AssignBitsCommand : public Command {
public:
  AssignBitsCommand()
      : Command("assign-bits", "Choose the bits of each layer by what it loses",
                helpText),
        model(sub), compile(sub), data(sub),
        bits("bits", cl::sub(sub), cl::CommaSeparated, cl::value_desc("n,..."),
             cl::desc("Widths to choose from, 2 to 8 (default 3,4,6,8)")),
        average("average", cl::sub(sub), cl::value_desc("bits"),
                cl::desc("Bits of a weight at most, on average over the "
                         "weights that vary, scales not counted")),
        metric("metric", cl::sub(sub), cl::init("error"),
               cl::value_desc("error|kl|layer"),
               cl::desc("What a layer loses: the error of the outputs "
                        "(default), the divergence of their probabilities, "
                        "or the error of what it gives itself")),
        relevance("relevance", cl::sub(sub),
                  cl::desc("Let what a layer loses count by its relevance "
                           "(layer-wise relevance propagation)")),
        output("o", cl::sub(sub), cl::value_desc("file"),
               cl::desc("Scheme to write")),
        json("json", cl::sub(sub), cl::value_desc("file"),
             cl::desc("Write what was measured and every point of the curve "
                      "as JSON; - prints nothing else")),
        force("force", cl::sub(sub),
              cl::desc("Replace an output that exists")) {}

  ExitStatus run(const Environment &environment) override;

private:
  /// Fails with a mistake in the command line.
  llvm::Error get(const Environment &environment, WidthOptions &options);
  llvm::Error getBits(WidthOptions &options) const;

  /// What is measured of layers.
  std::string describeMetric() const;
  /// The description of the scheme that is written.
  std::string describe(const WidthOptions &options,
                       const QuantScheme &scheme) const;
  void print(llvm::ArrayRef<WidthGroup> groups, const BitCurve &curve,
             size_t chosen, int64_t examples) const;
  llvm::json::Object toJSON(llvm::ArrayRef<WidthGroup> groups,
                            const BitCurve &curve, size_t chosen,
                            int64_t examples) const;

  ModelOptions model;
  CodeOptions compile;
  DataFlags data;
  cl::list<unsigned> bits;
  cl::opt<double> average;
  cl::opt<std::string> metric;
  cl::opt<bool> relevance;
  cl::opt<std::string> output;
  cl::opt<std::string> json;
  cl::opt<bool> force;
};
} // namespace

//===----------------------------------------------------------------------===//
// BitCurve
//===----------------------------------------------------------------------===//

llvm::Expected<BitCurve> BitCurve::create(llvm::ArrayRef<WidthGroup> groups) {
  std::vector<BitItem> items;
  int64_t elements = 0;
  for (const WidthGroup &group : groups) {
    BitItem item{group.elements, {}};
    for (const MeasuredWidth &width : group.widths)
      item.choices.push_back({width.bits, group.relevance * width.error});
    items.push_back(std::move(item));
    elements += group.elements;
  }
  llvm::Expected<BitAllocation> allocation = BitAllocation::create(items);
  if (!allocation)
    return allocation.takeError();
  return BitCurve(groups, elements, std::move(*allocation));
}

llvm::Expected<size_t> BitCurve::find(double average) const {
  // What is as many as asked for in decimals shall not fail by a rounding. No
  // code has more than 8 bits.
  double budget = std::floor(std::min(average, 8.0) * elements * (1 + 1e-12));
  return allocation.find(static_cast<int64_t>(budget));
}

int64_t BitCurve::getBytes(size_t point) const {
  int64_t bytes = 0;
  for (auto [group, choice] :
       llvm::zip_equal(groups, allocation.getChoices(point)))
    bytes += group.widths[choice].bytes;
  return bytes;
}

std::vector<unsigned> BitCurve::getBits(size_t point) const {
  std::vector<unsigned> bits;
  for (auto [group, choice] :
       llvm::zip_equal(groups, allocation.getChoices(point)))
    bits.push_back(group.widths[choice].bits);
  return bits;
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

llvm::Error AssignBitsCommand::getBits(WidthOptions &options) const {
  options.bits.assign(bits.begin(), bits.end());
  if (options.bits.empty())
    options.bits = {3, 4, 6, 8};
  for (unsigned width : options.bits)
    if (width < 2 || width > 8)
      return llvm::createStringError("--bits: found " + llvm::Twine(width) +
                                     ", expected 2 to 8");
  llvm::sort(options.bits);
  options.bits.erase(llvm::unique(options.bits), options.bits.end());
  if (!average.getNumOccurrences())
    return llvm::createStringError("no --average: expected the bits of a "
                                   "weight");
  if (average >= options.bits.front() && std::isfinite(average))
    return llvm::Error::success();
  return llvm::createStringError(
      "--average: found %g, expected at least %u, the least of --bits",
      average.getValue(), options.bits.front());
}

llvm::Error AssignBitsCommand::get(const Environment &environment,
                                   WidthOptions &options) {
  PhaseOptions &phases = options.phases;
  if (llvm::Error error = model.get(environment, phases))
    return error;
  if (llvm::Error error = compile.get(phases, options.params))
    return error;
  if (compile.recipes.printsPipeline())
    return llvm::Error::success();
  if (phases.formats.scheme.empty())
    return llvm::createStringError("no scheme: name it with --scheme");
  if (llvm::Error error = getBits(options))
    return error;
  if (!llvm::is_contained({"error", "kl", "layer"}, metric.getValue()))
    return llvm::createStringError("--metric: found '" + metric +
                                   "', expected error, kl or layer");
  options.metric = metric;
  if (output.empty())
    return llvm::createStringError("no output: name it with -o");
  if (llvm::Error error = data.get(options.data))
    return error;
  options.data.threads = model.getThreads();
  options.data.optimize = !compile.quick;
  options.data.onProgress = [](int64_t done, int64_t all) {
    reportProgress(done, all, "example");
  };
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

static std::string format(llvm::StringRef style, double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(style.data(), value);
  return text;
}

std::string AssignBitsCommand::describeMetric() const {
  if (metric == "layer")
    return "error of what each layer gives";
  return metric + " with one layer quantized";
}

std::string AssignBitsCommand::describe(const WidthOptions &options,
                                        const QuantScheme &scheme) const {
  std::string widths;
  for (unsigned width : options.bits)
    widths += (widths.empty() ? "" : ", ") + std::to_string(width);
  return scheme.name + " with at most " + format("%g", average) +
         " bits on average, of " + widths + ", by " + describeMetric() +
         (relevance ? ", times its relevance" : "");
}

void AssignBitsCommand::print(llvm::ArrayRef<WidthGroup> groups,
                              const BitCurve &curve, size_t chosen,
                              int64_t examples) const {
  llvm::raw_ostream &os = llvm::outs();
  os << describeMetric() << ", on " << formatCount(examples, "example")
     << "\n\n";
  std::vector<std::string> titles = {"layer", "weights"};
  if (relevance)
    titles.push_back("relevance");
  size_t firstWidth = titles.size();
  for (const MeasuredWidth &width : groups.front().widths)
    titles.push_back(std::to_string(width.bits) + " bits");
  titles.push_back("chosen");
  std::vector<bool> isNumeric(titles.size(), true);
  isNumeric.front() = false;
  TextTable layers(isNumeric);
  layers.addRow(titles);
  for (auto [group, bits] : llvm::zip_equal(groups, curve.getBits(chosen)))
    for (const std::string &layer : group.layers) {
      // What is about the group stands beside its first layer.
      std::vector<std::string> cells(titles.size());
      cells.front() = layer;
      if (layer == group.layers.front()) {
        cells[1] = std::to_string(group.elements);
        if (relevance)
          cells[2] = format("%.3f", group.relevance);
        for (auto [place, width] : llvm::enumerate(group.widths))
          cells[firstWidth + place] = format("%.3e", width.error);
      }
      cells.back() = std::to_string(bits);
      layers.addRow(std::move(cells));
    }
  layers.print(os);

  // Of a long curve, what the next quarters of a bit bring.
  std::vector<size_t> points;
  if (curve.size() <= 32) {
    llvm::append_range(points, llvm::seq(curve.size()));
  } else {
    double last = curve.getAverage(curve.size() - 1);
    for (double at = curve.getAverage(0); at <= last; at += 0.25)
      points.push_back(llvm::cantFail(curve.find(at)));
    points.push_back(chosen);
    llvm::sort(points);
    points.erase(llvm::unique(points), points.end());
  }
  os << "\n";
  TextTable table({true, true, true, false});
  table.addRow({"average bits", "bytes", "error of all", ""});
  for (size_t point : points)
    table.addRow({format("%.3f", curve.getAverage(point)),
                  std::to_string(curve.getBytes(point)),
                  format("%.3e", curve.getError(point)),
                  point == chosen ? "chosen" : ""});
  table.print(os);
  if (points.size() < curve.size())
    os << formatCount(curve.size() - points.size(), "point") << " between\n";
}

llvm::json::Object AssignBitsCommand::toJSON(llvm::ArrayRef<WidthGroup> groups,
                                             const BitCurve &curve,
                                             size_t chosen,
                                             int64_t examples) const {
  llvm::json::Array measured, points;
  for (auto [group, bits] : llvm::zip_equal(groups, curve.getBits(chosen))) {
    llvm::json::Array widths;
    for (const MeasuredWidth &width : group.widths)
      widths.push_back(llvm::json::Object{{"bits", width.bits},
                                          {"bytes", width.bytes},
                                          {"error", width.error}});
    llvm::json::Object object{{"layers", llvm::json::Array(group.layers)},
                              {"elements", group.elements},
                              {"widths", std::move(widths)},
                              {"chosen", bits}};
    if (relevance)
      object["relevance"] = group.relevance;
    measured.push_back(std::move(object));
  }
  for (size_t point : llvm::seq(curve.size()))
    points.push_back(llvm::json::Object{{"average", curve.getAverage(point)},
                                        {"bytes", curve.getBytes(point)},
                                        {"error", curve.getError(point)}});
  return llvm::json::Object{{"metric", metric.getValue()},
                            {"examples", examples},
                            {"groups", std::move(measured)},
                            {"curve", std::move(points)},
                            {"chosen", static_cast<int64_t>(chosen)}};
}

ExitStatus AssignBitsCommand::run(const Environment &environment) {
  mlir::MLIRContext &context = environment.context;
  WidthOptions options;
  if (llvm::Error error = get(environment, options))
    return badCommandLine(llvm::toString(std::move(error)));
  if (compile.recipes.printsPipeline())
    return printPipeline(options.phases);
  llvm::Expected<CPUTarget> target = CPUTarget::parse(compile.cpu);
  if (!target)
    return badCommandLine(llvm::toString(target.takeError()));
  if (failed(model.configure(context)))
    return ExitFailed;
  if (llvm::Error error = checkOutput(output, force))
    return fail(context, std::move(error));
  if (!json.empty() && json != "-")
    if (llvm::Error error = checkOutput(json, /*force=*/true))
      return fail(context, std::move(error));

  PhaseOptions reading = options.phases;
  // Formats are planned on the model before it is quantized.
  reading.stopAfter = Phase::Transform;
  // Those that only formats need are taken later.
  if (llvm::none_of(reading.recipes, [](const RecipeUse &use) {
        return llvm::is_contained(use.recipe.needs, "stats");
      }))
    reading.calibration.data.clear();
  mlir::OwningOpRef<mlir::ModuleOp> module =
      prepareModel(context, model.path(), reading);
  if (!module)
    return ExitFailed;
  mlir::FailureOr<VariableScheme> scheme =
      VariableScheme::create(*module, options.phases.formats);
  if (failed(scheme))
    return ExitFailed;
  if (relevance &&
      failed(weighByRelevance(*module, modelDirectory(model.path()), *target,
                              options, *scheme)))
    return ExitFailed;
  mlir::FailureOr<int64_t> examples =
      measureWidths(context, model.path(), *target, options, *scheme);
  clearProgress();
  if (failed(examples))
    return ExitFailed;
  llvm::Expected<BitCurve> curve = BitCurve::create(scheme->getGroups());
  if (!curve)
    return fail(context, curve.takeError());
  llvm::Expected<size_t> chosen = curve->find(average);
  if (!chosen)
    return fail(context, chosen.takeError());

  QuantScheme result = scheme->getScheme(curve->getBits(*chosen));
  result.description = describe(options, result);
  result.name += "-" + format("%g", average);
  auto file = OutputFile::create(output, force);
  if (!file)
    return fail(context, file.takeError());
  result.write((*file)->os());
  if (llvm::Error error = (*file)->commit())
    return fail(context, std::move(error));
  if (json != "-")
    print(scheme->getGroups(), *curve, *chosen, *examples);
  if (!json.empty())
    if (llvm::Error error = writeJSON(
            toJSON(scheme->getGroups(), *curve, *chosen, *examples), json))
      return fail(context, std::move(error));
  return ExitDone;
}

std::unique_ptr<Command> makeAssignBitsCommand() {
  return std::make_unique<AssignBitsCommand>();
}
