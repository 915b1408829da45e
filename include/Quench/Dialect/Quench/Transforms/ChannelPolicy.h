//===- ChannelPolicy.h - How scales and shifts are chosen -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `quench-scale-pair` and `quench-shift-pair` find where a scale or a shift may
// go; a policy says which. It builds a weight program that computes the
// numbers, over weights, statistics (scope "stats") and what was learned
// elsewhere (scope "learned"):
//
//   SITE.absmax      [n]     greatest magnitudes of the channels, as readers
//                            find them, over all blocks that share a transform
//   SITE.mean_abs    [n]     mean magnitudes
//   SITE.min .max    [n]     ranges
//   SITE.mean        [n]     means
//   SITE.gram        [n, n]  mean of x x^T
//   SITE.inverse_absmax [n]  as absmax, of what carries the inverse (keys)
//
// SITE is the name of the class and ".channels", `n` the number of its
// channels; all are f64.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_CHANNELPOLICY_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_CHANNELPOLICY_H

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/Transforms/PolicyRegistry.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectInterface.h"

#include <functional>
#include <string>

namespace quench {

/// Builds the numbers of `site`: an f64 vector of `site.getNumChannels()`
/// elements, those of transform 0 first. A scale is what the activation is
/// divided by, a shift what is added to it. A class that spans several entry
/// points comes once for each, with the weights of that one. Where the policy
/// has no scale for the site it returns null and says in `reason` why, as what
/// follows "NAME: ".
using ChannelPolicy = std::function<mlir::Value(
    mlir::OpBuilder &, const ChannelClass &site, std::string &reason)>;

using ChannelPolicyRegistry = PolicyRegistry<ChannelPolicy>;

/// Adds the policies for scales of this tree: `identity`, `random`, `given`,
/// `import`, `smoothquant`, `mambaquant`, `awq` and `repq`. `import` takes the
/// tensor of the archive of learned tensors that `keys` names, see
/// registerDataRotationPolicies(); those that need statistics have none for
/// sites that the bound archive lacks.
void registerScalePolicies(ChannelPolicyRegistry &registry);

/// Adds those for shifts: `random`, `given` and `mean`.
void registerShiftPolicies(ChannelPolicyRegistry &registry);

/// A dialect that brings policies has this interface.
class ChannelPolicyDialectInterface
    : public mlir::DialectInterface::Base<ChannelPolicyDialectInterface> {
public:
  using Base::Base;
  virtual void addScalePolicies(ChannelPolicyRegistry &registry) const {}
  virtual void addShiftPolicies(ChannelPolicyRegistry &registry) const {}
};

/// The policies of this tree and of all dialects that `context` has loaded.
ChannelPolicyRegistry getScalePolicies(mlir::MLIRContext *context);
ChannelPolicyRegistry getShiftPolicies(mlir::MLIRContext *context);

//===----------------------------------------------------------------------===//
// What policies build on
//===----------------------------------------------------------------------===//

/// The parameter `what` of the class `site` in `scope`, f64.
mlir::Value createSiteParam(mlir::OpBuilder &builder, const ChannelClass &site,
                            llvm::StringRef scope, llvm::StringRef what,
                            llvm::ArrayRef<int64_t> shape);

/// The greatest magnitudes of each channel in the weights that are multiplied
/// by what the class carries: vectors as long as the class, of which the
/// greatest counts.
llvm::SmallVector<mlir::Value> getReaderMaxima(mlir::OpBuilder &builder,
                                               const ChannelClass &site);

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_CHANNELPOLICY_H
