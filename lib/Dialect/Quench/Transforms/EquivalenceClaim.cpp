//===- EquivalenceClaim.cpp - Passes that keep what models compute --------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace quench;

EquivalenceClaim::~EquivalenceClaim() = default;

std::vector<EquivalenceClaim::Site> EquivalenceClaim::getSites() const {
  std::lock_guard<std::mutex> lock(mutex);
  return sites;
}

std::vector<EquivalenceClaim::Refusal> EquivalenceClaim::getRefusals() const {
  std::lock_guard<std::mutex> lock(mutex);
  return refusals;
}

void EquivalenceClaim::beginClaims(const Pass &pass) {
  std::lock_guard<std::mutex> lock(mutex);
  category = pass.getArgument().str();
  sites.clear();
  refusals.clear();
}

void EquivalenceClaim::recordSite(StringRef name, const Twine &note,
                                  Operation *op) {
  std::lock_guard<std::mutex> lock(mutex);
  sites.push_back({name.str(), note.str()});
  if (op)
    remark::passed(op->getLoc(),
                   remark::RemarkOpts::name("rewritten").category(category))
        << (Twine(name) + ": " + note).str();
}

void EquivalenceClaim::refuse(StringRef name, const Twine &reason,
                              Operation *blocker) {
  StringRef op = blocker->getName().getStringRef();
  std::lock_guard<std::mutex> lock(mutex);
  refusals.push_back({name.str(), reason.str(), op.str()});
  remark::missed(blocker->getLoc(),
                 remark::RemarkOpts::name("refused").category(category))
      << (Twine(name) + ": " + reason + " (" + op + ")").str();
}
