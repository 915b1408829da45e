//===- Remarks.cpp - Why passes did what they did -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Remarks.h"

#include "Quench/Support/OutputFile.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Remark/RemarkStreamer.h"
#include "llvm/ADT/STLExtras.h"

#include <map>
#include <tuple>

using namespace mlir;
using namespace quench;

bool CollectedRemark::operator==(const CollectedRemark &other) const {
  return std::tie(kind, pass, name, site, text) ==
         std::tie(other.kind, other.pass, other.name, other.site, other.text);
}

void RemarkCollector::add(CollectedRemark remark) {
  if (isMuted)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  remarks.push_back(std::move(remark));
}

std::vector<CollectedRemark> RemarkCollector::get() const {
  std::lock_guard<std::mutex> lock(mutex);
  std::map<std::string, size_t> order;
  for (const CollectedRemark &remark : remarks)
    order.try_emplace(remark.pass, order.size());
  std::vector<CollectedRemark> sorted = remarks;
  auto getKey = [&](const CollectedRemark &r) {
    return std::make_tuple(order[r.pass], r.site, r.text, r.name, r.kind);
  };
  llvm::sort(sorted, [&](const auto &a, const auto &b) {
    return getKey(a) < getKey(b);
  });
  sorted.erase(llvm::unique(sorted), sorted.end());
  return sorted;
}

namespace {
/// Gives remarks to a collector and to another streamer.
class CollectingStreamer : public remark::detail::MLIRRemarkStreamerBase {
public:
  CollectingStreamer(RemarkCollector &collector,
                     std::unique_ptr<MLIRRemarkStreamerBase> other)
      : collector(collector), other(std::move(other)) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override;
  void finalize() override {
    if (other)
      other->finalize();
  }

private:
  RemarkCollector &collector;
  std::unique_ptr<MLIRRemarkStreamerBase> other;
};
} // namespace

static CollectedRemark::Kind getKind(const remark::detail::Remark &remark) {
  switch (remark.getRemarkType()) {
  case llvm::remarks::Type::Passed:
    return CollectedRemark::Kind::Done;
  case llvm::remarks::Type::Missed:
  case llvm::remarks::Type::Failure:
    return CollectedRemark::Kind::Refused;
  default:
    return CollectedRemark::Kind::Noted;
  }
}

void CollectingStreamer::streamOptimizationRemark(
    const remark::detail::Remark &remark) {
  if (other)
    other->streamOptimizationRemark(remark);
  CollectedRemark collected;
  collected.kind = getKind(remark);
  collected.pass = remark.getCategoryName().str();
  collected.name = remark.getRemarkName().str();
  remark.getLocation()->walk([&](Location location) {
    auto name = dyn_cast<NameLoc>(location);
    if (!name)
      return WalkResult::advance();
    collected.site = name.getName().str();
    return WalkResult::interrupt();
  });
  for (const remark::detail::Remark::Arg &arg : remark.getArgs()) {
    if (!collected.text.empty())
      collected.text += "; ";
    if (arg.key != "Remark")
      collected.text += arg.key + " ";
    collected.text += arg.val;
  }
  collector.add(std::move(collected));
}

LogicalResult quench::enableRemarks(MLIRContext &context, StringRef path,
                                    RemarkCollector *collector) {
  // Each kind has a filter of its own; `all` alone would filter all of them
  // out.
  remark::RemarkCategories categories;
  for (std::optional<std::string> *filter :
       {&categories.passed, &categories.missed, &categories.analysis,
        &categories.failed})
    *filter = ".*";
  auto fail = [&]() { return emitError(UnknownLoc::get(&context)); };
  std::unique_ptr<remark::detail::MLIRRemarkStreamerBase> streamer;
  if (path != "-" && !path.empty()) {
    if (llvm::Error error = checkOutput(path, /*force=*/true))
      return fail() << llvm::toString(std::move(error));
    auto file = remark::detail::LLVMRemarkStreamer::createToFile(
        path, llvm::remarks::Format::YAML);
    if (failed(file))
      return fail() << "cannot write remarks to '" << path << "'";
    streamer = std::move(*file);
  }
  if (collector)
    streamer =
        std::make_unique<CollectingStreamer>(*collector, std::move(streamer));
  return remark::enableOptimizationRemarks(
      context, std::move(streamer),
      std::make_unique<remark::RemarkEmittingPolicyAll>(), categories,
      /*printAsEmitRemarks=*/path == "-");
}
