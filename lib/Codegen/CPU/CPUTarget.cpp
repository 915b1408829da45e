//===- CPUTarget.cpp - The processor code is made for ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/CPUTarget.h"
#include "Quench/Support/Error.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace quench;

/// The features that bring instructions that code for models may hold. LLVM's
/// others say how to tune, or bring instructions that nothing here generates.
static constexpr llvm::StringLiteral instructionSets[] = {"64bit",
                                                          "amx-bf16",
                                                          "amx-int8",
                                                          "amx-tile",
                                                          "avx",
                                                          "avx2",
                                                          "avx512bf16",
                                                          "avx512bitalg",
                                                          "avx512bw",
                                                          "avx512cd",
                                                          "avx512dq",
                                                          "avx512f",
                                                          "avx512fp16",
                                                          "avx512ifma",
                                                          "avx512vbmi",
                                                          "avx512vbmi2",
                                                          "avx512vl",
                                                          "avx512vnni",
                                                          "avx512vpopcntdq",
                                                          "avxifma",
                                                          "avxneconvert",
                                                          "avxvnni",
                                                          "avxvnniint16",
                                                          "avxvnniint8",
                                                          "bmi",
                                                          "bmi2",
                                                          "cmov",
                                                          "cx16",
                                                          "f16c",
                                                          "fma",
                                                          "fma4",
                                                          "gfni",
                                                          "lzcnt",
                                                          "movbe",
                                                          "pclmul",
                                                          "popcnt",
                                                          "sahf",
                                                          "sse",
                                                          "sse2",
                                                          "sse3",
                                                          "sse4.1",
                                                          "sse4.2",
                                                          "sse4a",
                                                          "ssse3",
                                                          "tbm",
                                                          "vpclmulqdq",
                                                          "xop"};

static constexpr llvm::StringLiteral levels[] = {
    "x86-64",    "x86-64-v3",      "x86-64-v3+avxvnni",
    "x86-64-v4", "x86-64-v4+vnni", "x86-64-v4+amx"};

/// The code generator for `triple`, registered on the first call.
static llvm::Expected<const llvm::Target *>
findTarget(const llvm::Triple &triple) {
  if (triple.getArch() != llvm::Triple::x86_64 || !triple.isOSLinux())
    return makeError("no code generator for '", triple.str(),
                     "': this build targets x86-64 on Linux");
  [[maybe_unused]] static const bool registered = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
    return true;
  }();
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return makeError(message);
  return target;
}

static llvm::Expected<std::unique_ptr<llvm::MCSubtargetInfo>>
createSubtarget(llvm::StringRef triple, llvm::StringRef cpu,
                llvm::StringRef features) {
  llvm::Triple parsed(triple);
  llvm::Expected<const llvm::Target *> target = findTarget(parsed);
  if (!target)
    return target.takeError();
  return std::unique_ptr<llvm::MCSubtargetInfo>(
      (*target)->createMCSubtargetInfo(parsed, cpu, features));
}

static bool isEnabled(const llvm::MCSubtargetInfo &subtarget,
                      llvm::StringRef feature) {
  return llvm::any_of(
      subtarget.getEnabledProcessorFeatures(),
      [&](const llvm::SubtargetFeatureKV &kv) { return feature == kv.Key; });
}

llvm::Expected<CPUTarget> CPUTarget::parse(llvm::StringRef option,
                                           llvm::StringRef triple) {
  CPUTarget target;
  target.name = option.str();
  target.triple = triple.empty() ? llvm::sys::getDefaultTargetTriple()
                                 : llvm::Triple::normalize(triple);

  auto [base, edits] = option.split(',');
  std::vector<std::string> features;
  llvm::StringMap<bool> host;
  if (base == "native") {
    host = llvm::sys::getHostCPUFeatures();
    target.cpu = llvm::sys::getHostCPUName().str();
  } else if (base == "x86-64-v3+avxvnni") {
    target.cpu = "x86-64-v3";
    features.push_back("+avxvnni");
  } else if (base == "x86-64-v4+vnni") {
    target.cpu = "x86-64-v4";
    features.push_back("+avx512vnni");
  } else if (base == "x86-64-v4+amx") {
    target.cpu = "x86-64-v4";
    features.insert(features.end(), {"+avx512vnni", "+amx-int8"});
  } else {
    target.cpu = base.str();
  }

  // An empty name makes a subtarget that knows every name and has no features,
  // whereas a wrong one prints to stderr.
  auto known = createSubtarget(target.triple, "", "");
  if (!known)
    return known.takeError();
  if (target.cpu.empty() || !(*known)->isCPUStringValid(target.cpu))
    return makeError("unknown CPU '", base, "': expected native, ",
                     llvm::join(getLevels(), ", "),
                     " or an LLVM CPU name, then ,+feature or ,-feature");

  // A machine may lack what its model has, under a hypervisor for example.
  if (!host.empty()) {
    auto model = createSubtarget(target.triple, target.cpu, "");
    if (!model)
      return model.takeError();
    for (const auto &feature : host)
      if (feature.getValue() != isEnabled(**model, feature.getKey()))
        features.push_back((feature.getValue() ? "+" : "-") +
                           feature.getKey().str());
    llvm::sort(features);
  }

  llvm::SmallVector<llvm::StringRef> words;
  if (!edits.empty() || option.ends_with(","))
    edits.split(words, ',');
  for (llvm::StringRef word : words) {
    llvm::StringRef name = word;
    if (!name.consume_front("+") && !name.consume_front("-"))
      return makeError("'", word, "' in '", option,
                       "': expected +feature or -feature");
    bool isKnown = llvm::any_of(
        (*known)->getAllProcessorFeatures(),
        [&](const llvm::SubtargetFeatureKV &kv) { return name == kv.Key; });
    if (!isKnown || name == "soft-float" || name.ends_with("bit-mode"))
      return makeError("unknown CPU feature '", name, "' in '", option, "'");
    features.push_back(word.str());
  }
  target.features = llvm::join(features, ",");

  auto subtarget = createSubtarget(target.triple, target.cpu, target.features);
  if (!subtarget)
    return subtarget.takeError();
  for (llvm::StringRef needed : {"64bit", "sse2"})
    if (!isEnabled(**subtarget, needed))
      return makeError("CPU '", option, "' lacks '", needed,
                       "', which x86-64 code needs");
  return target;
}

llvm::ArrayRef<llvm::StringLiteral> CPUTarget::getLevels() { return levels; }

llvm::StringRef CPUTarget::getLevel() const {
  std::vector<std::string> own = enabledFeatures();
  for (llvm::StringRef level : llvm::reverse(levels)) {
    llvm::Expected<CPUTarget> other = parse(level, triple);
    if (!other)
      llvm::consumeError(other.takeError());
    else if (llvm::includes(own, other->enabledFeatures()))
      return level;
  }
  return levels[0];
}

int CPUTarget::vectorBytes() const {
  if (hasFeature("avx512f"))
    return 64;
  return hasFeature("avx2") ? 32 : 16;
}

bool CPUTarget::hasFeature(llvm::StringRef feature) const {
  auto subtarget = createSubtarget(triple, cpu, features);
  if (!subtarget) {
    llvm::consumeError(subtarget.takeError());
    return false;
  }
  return isEnabled(**subtarget, feature);
}

std::vector<std::string> CPUTarget::enabledFeatures() const {
  auto subtarget = createSubtarget(triple, cpu, features);
  if (!subtarget) {
    llvm::consumeError(subtarget.takeError());
    return {};
  }
  std::vector<std::string> result;
  for (const llvm::SubtargetFeatureKV &kv :
       (*subtarget)->getEnabledProcessorFeatures())
    if (llvm::is_contained(instructionSets, kv.Key))
      result.push_back(kv.Key);
  llvm::sort(result);
  return result;
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
CPUTarget::createTargetMachine() const {
  llvm::Triple parsed(triple);
  llvm::Expected<const llvm::Target *> target = findTarget(parsed);
  if (!target)
    return target.takeError();
  llvm::TargetOptions options;
  // Exact results need operations that fuse only where the IR says so.
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return std::unique_ptr<llvm::TargetMachine>((*target)->createTargetMachine(
      parsed, cpu, features, options, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}
