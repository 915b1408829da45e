//===- Statistics.h - Statistics of activations, by site --------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A site is a class of channels, the statistics of which are those of the
// values that the ops at its end read; or a value that quantizers are for.
// docs/statistics.md describes the archives.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_STATISTICS_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_STATISTICS_H

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Analysis/QuantSites.h"

#include <string>

namespace quench {

/// The attribute of a function that says what `quench-observe` added to it.
inline constexpr llvm::StringLiteral observedAttrName = "quench.observed";

/// The name of the result of that function that is number `index`, where it
/// was added.
std::string getObservedName(int64_t index);

/// The attribute of ops that lists the transforms which their results carry.
inline constexpr llvm::StringLiteral basisAttrName = "quench.basis";

/// Notes that the results of `op` carry `transform`: statistics that were taken
/// before are then known to be old.
void noteBasis(mlir::Operation *op, llvm::StringRef transform);

/// The tensor of the statistic `what` of the class of channels `site`: paths of
/// modules may end in the words that sites of quantizers end in.
std::string getClassStatistic(llvm::StringRef site, llvm::StringRef what);

/// The key of the metadata of statistics under which the hash of the transforms
/// is that the values of the site `name` carried.
std::string getBasisKey(bool isRotation, llvm::StringRef name);
/// The same of the site of quantizers `name`.
std::string getQuantBasisKey(llvm::StringRef name);

/// The members of `site` that statistics are taken of: those that an op reads
/// through a weight which takes the transform, and those that meet others of
/// the class which carry the inverse.
llvm::SmallVector<const ClassMember *> getReadMembers(const ChannelClass &site);

/// A hash of the transforms that the values of `site` carry. It is the same for
/// the parts of a class in several entry points.
std::string hashBasis(const ChannelClass &site);

/// The same for the values of a site of quantizers.
std::string hashBasis(const QuantSite &site);

/// Whether the statistics `names` of `site` can be taken from the archive that
/// is bound to the scope `stats`. If not, `reason` says why, as what follows
/// "NAME: ": it has none, or the values were transformed since they were taken,
/// by other than scales. Where no archive is bound whose header could tell, all
/// can. With no `names` it tells whether the values are those of the archive.
bool hasStatistics(const ChannelClass &site,
                   llvm::ArrayRef<llvm::StringRef> names, std::string &reason);
bool hasStatistics(const QuantSite &site, llvm::ArrayRef<llvm::StringRef> names,
                   std::string &reason);

/// The statistic `name` of `site`, f64 of `shape`, which `hasStatistics` finds:
/// one of `min`, `max`, `absmax`, `inverse_absmax`, `mean`, `mean_abs`, vectors
/// of all channels, and `gram` and `covariance`, matrices of them or of those
/// of each transform. Where the values were scaled since, as it is of the
/// scaled values.
mlir::Value createStatistic(mlir::OpBuilder &builder, const ChannelClass &site,
                            llvm::StringRef name,
                            llvm::ArrayRef<int64_t> shape);

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_STATISTICS_H
