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
  mlir::Value buildLayer(const Path &path, mlir::Value stream);

  ModelBuilder &b;
  Path base;
  int64_t width, layers, heads, intermediate, channels;
  std::pair<int64_t, int64_t> image, patch;
  double eps;
  bool qkvBias;
  Activation activation;
  std::optional<StretchRange> stretch;
};

} // namespace quench

#endif // QUENCH_LIB_IMPORT_VISION_H
