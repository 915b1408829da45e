//===- QuantizableAttention.h - Quantizable Transformers --------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention of Bondarenko et al., Quantizable Transformers, NeurIPS 2023:
// models in the layout of BERT and OPT, whose softmax is clipped or whose heads
// are gated. Options are arguments of the public code, under the same names
// here.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_IMPORT_QUANTIZABLEATTENTION_H
#define QUENCH_LIB_IMPORT_QUANTIZABLEATTENTION_H

#include "Quench/Import/ModelBuilder.h"

namespace quench {

/// How probabilities are clipped, from `attn_softmax`, `clipped(gamma:zeta)`,
/// or from `alpha`: gamma is -alpha / n then, n the value of `lengthKey`, the
/// tokens of a sequence in training, and zeta 1. None for the usual softmax.
/// Errors are those of `config`.
std::optional<StretchRange> readClippedSoftmax(const Config &config,
                                               llvm::StringRef lengthKey);

/// The gates of the heads of one model. Its tensors are `alpha` beside the
/// projections of each layer; which form they have tells
///
///     alpha                        unconditional: a number for each head
///     alpha.weight, .bias          linear, all features to all heads
///     alpha.H.weight, .bias        linear, those of head H to its gate
///     alpha.H.0.*, alpha.H.2.*     two layers with relu between, as before
class AttentionGates {
public:
  /// Reads `attn_gate_type` and the arguments beside it, and the form in the
  /// attention `first`. `isCausal` refuses gates that see later tokens. Says in
  /// a warning what is assumed where tensors cannot tell.
  AttentionGates(ModelBuilder &builder, const Path &first, int64_t heads,
                 int64_t headDim, bool isCausal);

  /// Sets the gate in `info` of the attention `path`, which reads `input`
  /// `[B, T, C]`; nothing where the model has none. A tensor of it that has no
  /// use is an error.
  void addTo(AttentionInfo &info, const Path &path, mlir::Value input);

private:
  enum class Form { None, Unconditional, AllFeatures, Linear, TwoLayers };

  /// Finds the form and the tensor that tells it.
  void findForm(const Path &gate);
  void readType(bool isCausal);
  /// Compares the arguments that tell the form with the one found.
  void checkFlags();
  /// The layers `gate.H.layer` of all heads H, each from its part of `input` to
  /// `rows` features of its own: one linear with zeros where a head would read
  /// another's. `name` becomes its name.
  mlir::Value applyHeads(const Path &name, const Path &gate,
                         llvm::StringRef layer, mlir::Value input, int64_t rows,
                         int64_t columns);

  ModelBuilder &b;
  Form form = Form::None;
  /// A tensor of the form.
  Path sample;
  int64_t heads, headDim;
  /// Features between two layers.
  int64_t inner = 0;
  /// Whether a head has the mean over the tokens.
  bool isPooled = false;
  double factor = 1;
};

} // namespace quench

#endif // QUENCH_LIB_IMPORT_QUANTIZABLEATTENTION_H
