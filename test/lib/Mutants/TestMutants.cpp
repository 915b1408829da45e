//===- TestMutants.cpp - What the check of equivalence must reject --------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: quench-test-mutants SPEC MODEL
//
// SPEC is a file with a line `PIPELINE: ...`, which makes of MODEL a twin that
// computes the same, and lines `MUTANT: NAME :: MUTATION` (see Mutation.h),
// each a wrong version of the twin. `use NAME` in place of a pipeline or a
// mutation stands for a module of that name within MODEL. The twin must be
// accepted, and every mutant be valid IR that runs and computes something else.
// `QUANTIZERS: kept` compares what quantized models compute, not the functions
// that they stand for.
//
//===----------------------------------------------------------------------===//

#include "Mutation.h"

#include "Quench/InitAll.h"
#include "Quench/Pipelines/Equivalence.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Pipelines/Phases.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

using namespace mlir;
using namespace quench;

namespace {
/// What a file says about mutants.
struct Spec {
  struct Mutant {
    std::string name, mutation;
  };
  /// Makes the twin that every mutant is a wrong version of.
  std::string pipeline;
  std::vector<Mutant> mutants;
  bool dropQuantizers = true;
};

/// Checks the mutants of one file.
class MutantTest {
public:
  MutantTest(MLIRContext &context, StringRef directory)
      : context(context), directory(directory) {}

  /// `module` is the model that the pipeline runs on. Prints a line for the
  /// twin and each mutant; fails with what is wrong with them.
  llvm::Error run(ModuleOp module, const Spec &spec);

private:
  llvm::Expected<std::unique_ptr<EquivalenceModel>> compile(ModuleOp module);
  /// The module that `text`, "use NAME", stands for; null: it is no such text.
  llvm::Expected<OwningOpRef<ModuleOp>> findWritten(StringRef text);

  MLIRContext &context;
  std::string directory;
  EquivalenceOptions options;
  /// Versions that are written by hand: modules within the module.
  std::map<std::string, OwningOpRef<ModuleOp>> written;
};
} // namespace

static llvm::Expected<Spec> readSpec(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    return llvm::createStringError("cannot read '" + path + "'");
  Spec spec;
  SmallVector<StringRef> lines;
  (*file)->getBuffer().split(lines, '\n');
  for (StringRef line : lines) {
    line = line.ltrim("/ ").rtrim();
    if (line.consume_front("PIPELINE: "))
      spec.pipeline = line.str();
    if (line == "QUANTIZERS: kept")
      spec.dropQuantizers = false;
    if (!line.consume_front("MUTANT: "))
      continue;
    auto [name, mutation] = line.split(" :: ");
    spec.mutants.push_back({name.str(), mutation.str()});
  }
  if (spec.mutants.empty())
    return llvm::createStringError("no mutants in '" + path + "'");
  return spec;
}

llvm::Expected<std::unique_ptr<EquivalenceModel>>
MutantTest::compile(ModuleOp module) {
  auto model = EquivalenceModel::create(module, directory, options);
  if (failed(model))
    return llvm::createStringError("the model does not run");
  return std::move(*model);
}

llvm::Expected<OwningOpRef<ModuleOp>> MutantTest::findWritten(StringRef text) {
  if (!text.consume_front("use "))
    return OwningOpRef<ModuleOp>();
  auto it = written.find(text.str());
  if (it == written.end())
    return llvm::createStringError("no module @" + text);
  return OwningOpRef<ModuleOp>(it->second->clone());
}

llvm::Error MutantTest::run(ModuleOp module, const Spec &spec) {
  options.dropQuantizers = spec.dropQuantizers;
  DictionaryAttr attributes = module->getAttrDictionary();
  for (auto nested : llvm::make_early_inc_range(module.getOps<ModuleOp>())) {
    std::string name = nested.getSymName().value_or("").str();
    nested->remove();
    nested->setAttrs(attributes);
    written[name] = OwningOpRef<ModuleOp>(nested);
  }
  llvm::Expected<OwningOpRef<ModuleOp>> twin = findWritten(spec.pipeline);
  if (!twin)
    return twin.takeError();
  if (!*twin) {
    *twin = OwningOpRef<ModuleOp>(module.clone());
    PassManager pm(&context, ModuleOp::getOperationName());
    if (llvm::Error error = parseModulePipeline(spec.pipeline, pm))
      return error;
    if (failed(pm.run(**twin)))
      return llvm::createStringError("the pipeline fails");
  }

  auto before = compile(module);
  if (!before)
    return before.takeError();
  auto right = compile(**twin);
  if (!right)
    return right.takeError();
  EquivalenceReport report = compareModels(**before, **right, options);
  llvm::outs() << llvm::formatv("{0,8:e1}  twin: {1}\n",
                                report.getLargestError(), spec.pipeline);
  if (!report.isEqual())
    return llvm::createStringError("the twin of the mutants is rejected: " +
                                   report.failure);

  llvm::Error errors = llvm::Error::success();
  for (const Spec::Mutant &mutant : spec.mutants) {
    auto fail = [&](const llvm::Twine &reason) {
      errors = llvm::joinErrors(
          std::move(errors),
          llvm::createStringError("mutant '" + mutant.name + "' " + reason));
    };
    llvm::Expected<OwningOpRef<ModuleOp>> wrong = findWritten(mutant.mutation);
    if (!wrong) {
      fail("is none: " + llvm::toString(wrong.takeError()));
      continue;
    }
    if (!*wrong) {
      *wrong = OwningOpRef<ModuleOp>((*twin)->clone());
      if (llvm::Error error = mutate(**wrong, mutant.mutation)) {
        fail("is none: " + llvm::toString(std::move(error)));
        continue;
      }
    }
    if (failed(verify(**wrong))) {
      fail("is no valid IR");
      continue;
    }
    auto model = compile(**wrong);
    if (!model) {
      fail("does not run: " + llvm::toString(model.takeError()));
      continue;
    }
    EquivalenceReport found = compareModels(**before, **model, options);
    llvm::outs() << llvm::formatv(
        "{0,8:e1}  {1}: {2}\n", found.getLargestError(),
        found.isEqual() ? "PASSES" : "rejected", mutant.name);
    if (found.isEqual())
      fail("is not rejected");
  }
  return errors;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  auto fail = [](const llvm::Twine &message) {
    llvm::outs().flush();
    llvm::errs() << "error: " << message << "\n";
    return 1;
  };
  if (argc != 3)
    return fail("expected a file of mutants and a model");
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  ImporterRegistry importers;
  registerAllImporters(importers);
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  llvm::Expected<Spec> spec = readSpec(argv[1]);
  if (!spec)
    return fail(llvm::toString(spec.takeError()));
  OwningOpRef<ModuleOp> module =
      loadModel(context, argv[2], ImportOptions(), importers);
  if (!module)
    return 1;
  MutantTest test(context, modelDirectory(argv[2]));
  if (llvm::Error error = test.run(*module, *spec))
    return fail(llvm::toString(std::move(error)));
  return 0;
}
