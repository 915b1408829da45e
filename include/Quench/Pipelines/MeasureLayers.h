//===- MeasureLayers.h - Which layers lose what -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A quantized model is compared with its float twin, the same model without
// quantizers, so that both have every value in the same basis. The model is
// compiled once, with a switch for each layer that chooses at run time between
// what the layer makes of codes and of floats.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_MEASURELAYERS_H
#define QUENCH_PIPELINES_MEASURELAYERS_H

#include "Quench/Pipelines/Evaluate.h"

#include <limits>
#include <optional>

namespace quench {

/// The squares of numbers and of what differs from them.
struct NoisePower {
  double signal = 0, noise = 0;

  double getDecibels() const { return quench::getDecibels(signal, noise); }
};

/// Something of a layer that has a quantizer.
struct QuantizedOperand {
  /// What it is: `weight`, `input`, `query`, ..., see QuantSites.h.
  std::string role;
  /// The quantizer without the name of the dialect, `uniform<i4, axis = 0>`.
  std::string format;
  /// The kind of codes, `i4` or `e4m3`, for columns that are narrow.
  std::string codes;
  /// Of a code.
  unsigned bits;
  /// Quantized against float. Of weights all numbers, of inputs those that the
  /// float model has on the examples. None where it is not known.
  std::optional<NoisePower> power;

  bool isWeight() const { return role == "weight"; }
};

/// What a model loses, against the float twin.
struct OutputLoss {
  /// Squares of differences of outputs over squares of outputs, mean over the
  /// outputs.
  double ratio = 0;
  /// As Evaluation has them, with the float twin as reference.
  std::vector<Evaluation::Metric> metrics;

  const Evaluation::Metric *find(llvm::StringRef name) const;
};

/// The ops of one path that read something quantized.
struct QuantizedLayer {
  /// As rules name it.
  std::string name;
  /// The ops, without their dialect.
  std::vector<std::string> ops;
  /// In the order of the ops; each role and format once.
  std::vector<QuantizedOperand> operands;
  /// Elements of the weights that have codes, the bytes that they have as
  /// floats, and the bytes of codes, scales and zero points: a code counts the
  /// bits of its format.
  int64_t elements = 0, floatBytes = 0, bytes = 0;
  /// Whether the float values of all operands are known: a weight that was
  /// read as codes has none.
  bool hasTwin = true;

  /// What follows is measured on examples.
  /// What the layer makes of the float model's values.
  std::optional<NoisePower> local;
  /// What the layer gives in the quantized model: the errors of all layers
  /// before it as well.
  std::optional<NoisePower> propagated;
  /// The model with this layer quantized and no other, and with all but it.
  std::optional<OutputLoss> alone, without;

  const QuantizedOperand *find(llvm::StringRef role) const;
};

/// What was found about a quantized model.
struct LayerReport {
  std::string entry;
  /// In the order of the program.
  std::vector<QuantizedLayer> layers;
  /// Of all parameters, as floats and as they are.
  int64_t floatBytes = 0, bytes = 0;

  /// What follows is measured on examples; 0: there were none.
  int64_t examples = 0;
  /// Metrics without reference, and of the quantized model.
  OutputLoss reference, quantized;
  /// A model in which some layers stay in floats.
  struct Kept {
    std::vector<std::string> layers;
    OutputLoss loss;
    int64_t bytes;
  };
  /// The layer without which the loss is least stays in floats, then the two
  /// for which that holds, and so on.
  std::vector<Kept> kept;

  /// Of layers, sorted by the part of the loss that goes without them, then by
  /// their own; the first is the worst.
  std::vector<const QuantizedLayer *> getRanking() const;
  /// The part of the loss that `loss` has, 1 for all of it; none where there
  /// is no loss.
  std::optional<double> getShare(const OutputLoss &loss) const;
};

struct MeasureOptions : EvaluationOptions {
  /// Layers that are quantized alone and left in floats at most, those with
  /// the largest local error; each costs two runs over the examples.
  int64_t ablations = 64;
  /// Sets of layers that stay in floats, see LayerReport::kept.
  int64_t sets = 5;
};

/// What is quantized in the entry point `entry` of the model, and the error of
/// weights: everything that needs no examples. A weight is held in memory at a
/// time. The module stays as it is.
mlir::FailureOr<LayerReport> describeLayers(const LocatedModel &model,
                                            llvm::StringRef entry);

/// The same, and what runs on examples tell. The floats and the codes of the
/// model are held in memory, and the outputs of one batch. A module without
/// quantizers is measured as one that loses nothing. The module stays as it
/// is. Fails with a diagnostic.
mlir::FailureOr<LayerReport> measureLayers(const LocatedModel &model,
                                           const CPUTarget &target,
                                           const MeasureOptions &options);

/// Fills `losses` with what the model loses with the layers of one of `groups`,
/// by name, quantized and no other, and returns what is quantized. Examples and
/// memory are as above. Fails with a diagnostic, also where a layer is none
/// that is quantized, or has no float twin.
mlir::FailureOr<LayerReport>
measureGroups(const LocatedModel &model, const CPUTarget &target,
              const EvaluationOptions &options,
              llvm::ArrayRef<std::vector<std::string>> groups,
              std::vector<OutputLoss> &losses);

} // namespace quench

#endif // QUENCH_PIPELINES_MEASURELAYERS_H
