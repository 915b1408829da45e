//===- RotationPolicy.h - How rotations are chosen --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `quench-rotate-stream` and `quench-rotate-pair` find where a rotation may go;
// a policy says which. It gives an attribute, or builds a weight program that
// computes a matrix.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_ROTATIONPOLICY_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_ROTATIONPOLICY_H

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"
#include "Quench/Dialect/Quench/Transforms/PolicyRegistry.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"

#include "mlir/IR/DialectInterface.h"

#include <functional>
#include <optional>
#include <string>

namespace quench {

/// Gives the rotation of `site`: of an order that divides `site.size`, for all
/// blocks alike, or a matrix `[site.numTransforms, site.size, site.size]` for
/// each transform one. A class that spans several entry points comes once for
/// each, with the weights of that one; what the builder inserts stands before
/// all of them. Where the policy has no rotation for the site it returns none
/// and says in `reason` why, as what follows "NAME: ".
using RotationPolicy = std::function<std::optional<Rotation>(
    mlir::OpBuilder &, const ChannelClass &site, std::string &reason)>;

using RotationPolicyRegistry = PolicyRegistry<RotationPolicy>;

/// Adds `identity`, `hadamard`, `random-hadamard` and `random-orthogonal`, the
/// latter two with the option `seed` (0). All but the first have the option
/// `block`: the order of the matrix, which is repeated along the channels. 0,
/// the default, is one matrix over all channels, -1 the largest order that has
/// a Hadamard matrix.
void registerRotationPolicies(RotationPolicyRegistry &registry);

/// Adds policies that leave programs over data:
///
///   klt     eigenvectors of `SITE.covariance` of the statistics, times a
///           random Hadamard matrix (`seed`): all channels vary alike
///           (MambaQuant)
///   womi    the same with the covariance of the rows of the weights that read
///           the site, those whose op has a name that `readers` matches
///           (OSTQuant)
///   import  a learned matrix, the nearest orthogonal one; refused where an
///           entry of `R R^T - I` is larger than `tolerance` (0.05). `keys`,
///           with `|` between them, are tried in order; `SITE` stands for the
///           name of the site, `PARENT` for that without its last part. The
///           default is `SITE.R|PARENT.R2|PARENT.R_ov|R1|R_res`.
///
/// Statistics and learned matrices must be bound to the scopes `stats` and
/// `learned`, see `quench-bind-archive`.
void registerDataRotationPolicies(RotationPolicyRegistry &registry);

/// A dialect that brings policies has this interface.
class RotationPolicyDialectInterface
    : public mlir::DialectInterface::Base<RotationPolicyDialectInterface> {
public:
  using Base::Base;
  virtual void addRotationPolicies(RotationPolicyRegistry &registry) const = 0;
};

/// The policies of this tree and of all dialects that `context` has loaded.
RotationPolicyRegistry getRotationPolicies(mlir::MLIRContext *context);

/// Puts into the weights of `site`, a free class, the rotations that `policy`
/// chooses for each entry point. They are described in `description`, which is
/// noted as the basis of values: by the attribute, or by `label`, the policy
/// and its options, and the site. Returns an empty string, or why the policy
/// has none, as what follows "NAME: ", and changes nothing then.
std::string rotateClass(const ChannelClass &site, const RotationPolicy &policy,
                        llvm::StringRef label, std::string &description);

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_ROTATIONPOLICY_H
