//===- SharedWeights.cpp - Weights that ops no longer share ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedWeights.h"

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Interfaces/WeightProgramOpInterface.h"
#include "Quench/Support/DType.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace quench;

void SharedWeights::remark(const Pass &pass) const {
  // Entry points have the same weights.
  llvm::SmallSet<std::string, 4> said;
  for (auto [weight, op] : weights) {
    auto isModelOp = [](Operation *user) {
      return !isa<WeightProgramOpInterface>(user);
    };
    std::string name = getSiteName(op);
    if (llvm::none_of(weight.getUsers(), isModelOp) ||
        !said.insert(name).second)
      continue;
    remark::analysis(op->getLoc(), remark::RemarkOpts::name("untied").category(
                                       pass.getArgument()))
        << (name + ": its weight is no longer shared, " +
            Twine(*getByteSize(weight.getType())) + " bytes more")
               .str();
  }
}
