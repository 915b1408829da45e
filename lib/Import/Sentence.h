//===- Sentence.h - Sentence encoders and their tokenizers ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_IMPORT_SENTENCE_H
#define QUENCH_LIB_IMPORT_SENTENCE_H

#include "Quench/Import/ModelBuilder.h"

namespace quench {

/// What a sentence-transformers folder does after the encoder.
struct SentencePooling {
  PoolKind kind = PoolKind::Mean;
  bool normalize = false;
};

/// Reads `modules.json` and the configuration of its pooling module, or
/// `1_Pooling/config.json` alone; nothing when the folder has neither. Emits
/// an error for a module or a pooling mode that has no op.
mlir::FailureOr<std::optional<SentencePooling>>
readSentencePooling(const ModelBuilder &builder);

/// `hidden` `[B, T, C]` as `[B, C]`.
mlir::Value buildSentencePooling(ModelBuilder &builder,
                                 const SentencePooling &pooling,
                                 mlir::Value hidden, mlir::Value mask);

/// Sets `quench.tokenizer` where the folder has a WordPiece tokenizer
/// (`tokenizer.json`, or `vocab.txt` alone) for at most `maxLength` tokens. A
/// tokenizer of another kind gets a remark: the model takes ids.
mlir::LogicalResult importWordPiece(ModelBuilder &builder, int64_t maxLength);

} // namespace quench

#endif // QUENCH_LIB_IMPORT_SENTENCE_H
