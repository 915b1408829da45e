//===- VerifyEquivalence.cpp - Checks passes as they run ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/VerifyEquivalence.h"

#include "Quench/Pipelines/Evaluate.h"
#include "Quench/Support/Archive.h"
#include "Quench/Support/Hash.h"
#include "Quench/Support/OutputFile.h"
#include "Quench/Support/Version.h"

#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <mutex>

using namespace mlir;
using namespace quench;
namespace json = llvm::json;

static std::string hashModule(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os, OpPrintingFlags().enableDebugInfo(false));
  return hashBytes(text);
}

//===----------------------------------------------------------------------===//
// Instrumentation
//===----------------------------------------------------------------------===//

/// Stands between a pass manager and the verifier.
class EquivalenceVerifier::Instrumentation : public PassInstrumentation {
public:
  explicit Instrumentation(EquivalenceVerifier &verifier)
      : verifier(verifier) {}

  void runBeforePass(Pass *pass, Operation *op) override {
    auto module = dyn_cast<ModuleOp>(op);
    if (!module || !dynamic_cast<EquivalenceClaim *>(pass))
      return;
    std::lock_guard<std::mutex> lock(mutex);
    pending[op] = OwningOpRef<ModuleOp>(module.clone());
  }

  void runAfterPass(Pass *pass, Operation *op) override {
    auto *claim = dynamic_cast<EquivalenceClaim *>(pass);
    if (!claim)
      return;
    std::lock_guard<std::mutex> lock(mutex);
    auto module = dyn_cast<ModuleOp>(op);
    if (!module) {
      emitError(op->getLoc())
          << "pass '" << pass->getArgument() << "' claims equivalence and runs "
          << "on '" << op->getName() << "'; only models, 'builtin.module', "
          << "are compared";
      return signalPassFailure(pass);
    }
    EquivalenceCertificate certificate;
    llvm::raw_string_ostream os(certificate.pass);
    pass->printAsTextualPipeline(os);
    certificate.sites = claim->getSites();
    certificate.refusals = claim->getRefusals();
    OwningOpRef<ModuleOp> before = std::move(pending[op]);
    pending.erase(op);
    if (failed(verifier.check(*before, module, certificate)))
      signalPassFailure(pass);
    verifier.certificates.push_back(std::move(certificate));
  }

  void runAfterPassFailed(Pass *pass, Operation *op) override {
    std::lock_guard<std::mutex> lock(mutex);
    pending.erase(op);
  }

private:
  EquivalenceVerifier &verifier;
  std::mutex mutex;
  /// The models that a pass is about to change.
  llvm::DenseMap<Operation *, OwningOpRef<ModuleOp>> pending;
};

EquivalenceVerifier::EquivalenceVerifier(EquivalenceOptions options,
                                         std::string directory)
    : options(std::move(options)), directory(std::move(directory)) {}
EquivalenceVerifier::~EquivalenceVerifier() = default;

void EquivalenceVerifier::attach(PassManager &pm) {
  loadCodegenDialects(*pm.getContext());
  pm.addInstrumentation(std::make_unique<Instrumentation>(*this));
}

/// What remarks about checks are filed under.
static remark::RemarkOpts remarkOpts(StringRef name) {
  return remark::RemarkOpts::name(name).category("quench-verify-equivalence");
}

LogicalResult
EquivalenceVerifier::compare(ModuleOp before, ModuleOp after,
                             EquivalenceCertificate &certificate) {
  auto fail = [&] {
    return emitError(after.getLoc()) << "pass '" << certificate.pass << "' ";
  };
  if (lastHash != certificate.hashBefore) {
    lastHash.clear();
    auto model = EquivalenceModel::create(before, directory, options);
    if (failed(model))
      return fail() << "cannot be checked: the model before it does not run";
    last = std::move(*model);
  }
  auto model = EquivalenceModel::create(after, directory, options);
  if (failed(model))
    return fail() << "cannot be checked: the model after it does not run";
  certificate.report = compareModels(*last, **model, options);
  if (!certificate.report.isEqual()) {
    // Once more, to name the block.
    EquivalenceOptions keeping = options;
    keeping.keepsBlocks = true;
    auto first = EquivalenceModel::create(before, directory, keeping);
    auto second = EquivalenceModel::create(after, directory, keeping);
    if (succeeded(first) && succeeded(second))
      certificate.report = compareModels(**first, **second, keeping);
  }
  archives.insert(last->getArchives().begin(), last->getArchives().end());
  archives.insert((*model)->getArchives().begin(),
                  (*model)->getArchives().end());
  if (certificate.report.isEqual()) {
    last = std::move(*model);
    lastHash = certificate.hashAfter;
  }
  return success();
}

LogicalResult EquivalenceVerifier::check(ModuleOp before, ModuleOp after,
                                         EquivalenceCertificate &certificate) {
  using Result = EquivalenceCertificate::Result;
  certificate.hashBefore = hashModule(before);
  certificate.hashAfter = hashModule(after);
  bool isChanged = certificate.hashBefore != certificate.hashAfter;
  if (!isChanged && certificate.sites.empty()) {
    certificate.result = Result::Unchanged;
    remark::analysis(after.getLoc(), remarkOpts("unchanged"))
        << certificate.pass + ": nothing to do";
    return success();
  }
  certificate.result = Result::Different;
  auto fail = [&] {
    return emitError(after.getLoc()) << "pass '" << certificate.pass << "' ";
  };
  if (!isChanged) {
    certificate.report.failure =
        llvm::formatv("claims {0} rewritten sites, but changed nothing",
                      certificate.sites.size());
    return fail() << certificate.report.failure;
  }

  if (muted)
    muted->setMuted(true);
  LogicalResult hasRun = compare(before, after, certificate);
  if (muted)
    muted->setMuted(false);
  if (failed(hasRun))
    return failure();
  if (!certificate.report.isEqual())
    return fail() << "does not keep what the model computes: "
                  << certificate.report.failure;
  certificate.result = Result::Equal;
  remark::analysis(after.getLoc(), remarkOpts("equal"))
      << llvm::formatv("{0}: {1} sites, {2} outputs differ by at most {3:e1}",
                       certificate.pass, certificate.sites.size(),
                       certificate.report.outputs.size(),
                       certificate.report.getLargestError())
             .str();
  return success();
}

//===----------------------------------------------------------------------===//
// Certificates
//===----------------------------------------------------------------------===//

StringRef quench::stringify(EquivalenceCertificate::Result result) {
  switch (result) {
  case EquivalenceCertificate::Result::Equal:
    return "equal";
  case EquivalenceCertificate::Result::Unchanged:
    return "unchanged";
  case EquivalenceCertificate::Result::Different:
    return "different";
  }
  llvm_unreachable("unknown result");
}

json::Object EquivalenceCertificate::toJSON() const {
  json::Array jsonSites, jsonRefusals, outputs;
  for (const EquivalenceClaim::Site &site : sites)
    jsonSites.push_back(json::Object{{"name", site.name}, {"note", site.note}});
  for (const EquivalenceClaim::Refusal &refusal : refusals)
    jsonRefusals.push_back(json::Object{{"name", refusal.name},
                                        {"reason", refusal.reason},
                                        {"op", refusal.op}});
  for (const OutputComparison &output : report.outputs)
    outputs.push_back(json::Object{{"entry", output.entry},
                                   {"output", output.output},
                                   {"error", getJSONNumber(output.error)}});
  json::Object object{
      {"pass", pass},
      {"result", stringify(result)},
      {"sites", std::move(jsonSites)},
      {"refusals", std::move(jsonRefusals)},
      {"error", getJSONNumber(report.getLargestError())},
      {"outputs", std::move(outputs)},
      {"ir", json::Object{{"before", hashBefore}, {"after", hashAfter}}}};
  if (!report.isEqual())
    object["failure"] = report.failure;
  if (!report.block.empty())
    object["block"] = report.block;
  return object;
}

llvm::Expected<json::Value> EquivalenceVerifier::toJSON() const {
  json::Object parameters;
  for (const auto &[scope, path] : archives) {
    if (path.empty()) {
      parameters[scope] = json::Object{{"source", "random"}};
      continue;
    }
    llvm::Expected<std::unique_ptr<Archive>> archive = Archive::open(path);
    if (!archive)
      return archive.takeError();
    parameters[scope] =
        json::Object{{"source", "archive"}, {"xxh3", (*archive)->hash()}};
  }
  json::Array passes;
  for (const EquivalenceCertificate &certificate : certificates)
    passes.push_back(certificate.toJSON());
  return json::Object{
      {"format", "quench-certificates"},
      {"version", 1},
      {"quench", getVersion()},
      {"tolerance", options.tolerance},
      {"seed", options.seed},
      {"quantizers", options.dropQuantizers ? "dropped" : "kept"},
      {"parameters", std::move(parameters)},
      {"passes", std::move(passes)}};
}

llvm::Error EquivalenceVerifier::writeCertificates(llvm::StringRef path) const {
  llvm::Expected<json::Value> value = toJSON();
  if (!value)
    return value.takeError();
  auto file = OutputFile::create(path, /*force=*/true);
  if (!file)
    return file.takeError();
  (*file)->os() << llvm::formatv("{0:2}\n", *value);
  return (*file)->commit();
}
