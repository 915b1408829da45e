//===- StaticRange.h - Scales of activations from statistics ----*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_STATICRANGE_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_STATICRANGE_H

#include "Quench/Analysis/QuantSites.h"
#include "Quench/Interfaces/QuantizerAttrInterface.h"

#include "mlir/IR/Builders.h"

namespace quench {

/// How the range of a static quantizer follows from statistics:
///
///   minmax       all numbers that were seen
///   moving       the moving averages of the least and the greatest of a run
///   percentile   the best of three pairs of quantiles (RepQ-ViT)
///   mse          the part of all of least mean squared error
///   dual         the same, each end by itself
///   entropy      the part of all of least divergence of histograms
///   progressive  scale and zero point, searched step by step (AdaLog)
///   output       by the error of the outputs of a sample
///   adaptive     the same, with what the format leaves open chosen before
///   unit         0 to 1, whatever was seen: of probabilities
llvm::ArrayRef<llvm::StringRef> getRangeMethods();

/// The scale and the zero point, null where the format has none, of a
/// quantizer: weight programs.
struct StaticParameters {
  mlir::Value scale, zero;
};

/// Why no statistics have a range by `method` for parameters by `format` of a
/// value of `type` that is what `site` is, as what follows "NAME: "; empty
/// where they may. Methods but `minmax` and `moving` need one scale for the
/// whole value, and those one for channels, heads or groups of channels.
/// `output` may have one for each head, and needs weights or an attention that
/// read the value.
std::string getRangeObstacle(const QuantSite &site, mlir::RankedTensorType type,
                             QuantizerAttrInterface format,
                             llvm::StringRef method);

/// Builds these parameters from the statistics of the scope `stats`. Where
/// there is an obstacle, or statistics are missing or of another basis, it
/// returns none and says in `reason` why, as what follows "NAME: ".
std::optional<StaticParameters>
buildStaticParameters(mlir::OpBuilder &builder, const QuantSite &site,
                      mlir::RankedTensorType type,
                      QuantizerAttrInterface format, llvm::StringRef method,
                      std::string &reason);

/// The formats among which `adaptive` chooses: what `format` is with every step
/// of logarithms, ratio of the two grids of a twin, or with and without zero
/// points. No more than itself where nothing is open.
llvm::SmallVector<QuantizerAttrInterface>
getFormatFamily(QuantizerAttrInterface format);

/// The range that the format chosen by `adaptive` for `site` has.
llvm::StringRef getRangeOfChoice(const QuantSite &site);

/// Builds the program of the place in `family`, `tensor<1xf64>`, of the format
/// with which outputs of a value of `site` have the least error. Where
/// statistics are missing it returns null and says in `reason` why.
mlir::Value buildFormatChoice(mlir::OpBuilder &builder, const QuantSite &site,
                              mlir::RankedTensorType type,
                              llvm::ArrayRef<QuantizerAttrInterface> family,
                              std::string &reason);

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_STATICRANGE_H
