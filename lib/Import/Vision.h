//===- Vision.h - Encoders of images ----------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_IMPORT_VISION_H
#define QUENCH_LIB_IMPORT_VISION_H

#include "Quench/Import/ModelBuilder.h"

namespace quench {

/// What is the same for the layers of an encoder.
struct VisionLayer {
  int64_t heads, intermediate;
  double eps;
  bool qkvBias;
  Activation activation;
  /// That of a clipped softmax.
  std::optional<StretchRange> stretch = {};
};

/// The pre-norm layer under `path` that encoders of images have, on tokens
/// `[batch, tokens, channels]` that the builder was told (`setTokens`).
mlir::Value buildVisionLayer(ModelBuilder &builder, const Path &path,
                             mlir::Value stream, const VisionLayer &layer);

/// The encoder that ViT and DeiT share, built in the order of the functions.
class VisionBuilder {
public:
  /// Reads the configuration. `prefix` is that of the encoder in a checkpoint
  /// with a head.
  VisionBuilder(ModelBuilder &builder, llvm::StringRef prefix);

  int64_t hidden() const { return width; }
  const Path &root() const { return base; }

  /// Begins the entry point and encodes the patches with `tokens`, parameters
  /// under `embeddings`, before them: `[batch, tokens, width]`.
  mlir::Value encode(llvm::ArrayRef<llvm::StringRef> tokens);
  /// The results of a model without a head.
  void addBareResults(mlir::Value encoded);
  void addLogits(mlir::Value logits);

private:
  mlir::Value buildEmbeddings(mlir::Value pixels,
                              llvm::ArrayRef<llvm::StringRef> tokens);

  ModelBuilder &b;
  Path base;
  int64_t width, layers, channels;
  std::pair<int64_t, int64_t> image, patch;
  VisionLayer layer;
};

} // namespace quench

#endif // QUENCH_LIB_IMPORT_VISION_H
