//===- WeightQuantizer.h - How weights become codes -------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes find which weights get codes of which format; a weight quantizer says
// which codes and scales. It builds a weight program over the weight and, where
// it looks at data, over statistics of what the weight is multiplied by:
// docs/weight-quantizers.md.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_WEIGHTQUANTIZER_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_WEIGHTQUANTIZER_H

#include "Quench/Dialect/Quench/Transforms/PolicyRegistry.h"
#include "Quench/Interfaces/QuantizableOpInterface.h"
#include "Quench/Interfaces/QuantizerAttrInterface.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectInterface.h"

#include <functional>
#include <optional>
#include <string>

namespace quench {

/// A weight where an op reads it.
struct WeightSite {
  /// The operand; its value is a weight program.
  mlir::OpOperand *use;
  /// What the operand is to the op.
  QuantOperand role;
  /// The site of what the op multiplies the weight by: statistics are the
  /// tensors `INPUT.gram` and so on of the scope `stats`.
  std::string input;
  /// Why these cannot be used, as what follows "NAME: "; empty where they can.
  std::string obstacle;
};

/// Codes with their scales and zero points, as the format has them, zero points
/// being null where it has none: weight programs.
struct QuantizedWeight {
  mlir::Value codes, scale, zero;
  /// The numbers of a format that learns them; null for others.
  mlir::Value table;
  /// In f64, an addend for each index of the channel axis that makes up for the
  /// error; null where there is none.
  mlir::Value bias;
};

/// Builds the codes by `format` of `wide`, the weight of `site` in f64. Where
/// it cannot it returns none and says in `reason` why, as what follows "NAME:
/// ".
using WeightQuantizer = std::function<std::optional<QuantizedWeight>(
    mlir::OpBuilder &builder, mlir::Value wide, QuantizerAttrInterface format,
    const WeightSite &site, std::string &reason)>;

using WeightQuantizerRegistry = PolicyRegistry<WeightQuantizer>;

/// Adds the quantizers of this tree: `rtn`, `mse`, `percentile`, `quest`,
/// `awq-clip`, `sensitivity`, `gptq`, `rsq` and `erq`, see
/// docs/weight-quantizers.md. Those that need statistics have no codes for
/// inputs that the bound archive lacks.
void registerWeightQuantizers(WeightQuantizerRegistry &registry);

/// A dialect that brings weight quantizers has this interface.
class WeightQuantizerDialectInterface
    : public mlir::DialectInterface::Base<WeightQuantizerDialectInterface> {
public:
  using Base::Base;
  virtual void addWeightQuantizers(WeightQuantizerRegistry &registry) const = 0;
};

/// The quantizers of this tree and of all dialects that `context` has loaded.
WeightQuantizerRegistry getWeightQuantizers(mlir::MLIRContext *context);

/// The quantizer that `text`, `NAME` or `NAME{OPTION=VALUE,...}`, says; empty
/// is `rtn`. Fails with a diagnostic where it is none.
mlir::FailureOr<WeightQuantizer>
parseWeightQuantizer(mlir::MLIRContext *context, llvm::StringRef text,
                     llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

/// Replaces the weight of `site` by the numbers of the codes that `quantizer`
/// gives it by `format`, rounded to the type of the weight, and adds to the
/// bias what the quantizer asks for. Returns an empty string, or why that
/// cannot be, as what follows "NAME: ", and changes nothing then.
std::string quantizeWeight(const WeightSite &site,
                           QuantizerAttrInterface format,
                           const WeightQuantizer &quantizer);

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_WEIGHTQUANTIZER_H
