//===- WordPiece.h - The tokenizer of BERT ----------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_WORDPIECE_H
#define QUENCH_RUNTIME_CPU_WORDPIECE_H

#include "Manifest.h"
#include "Tensor.h"

#include "absl/types/span.h"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace quench::rt {

/// The tokenizer of BERT: cleans and folds the text, splits it at white space
/// and punctuation, and cuts each word greedily into the longest pieces of the
/// vocabulary. Ids equal those of the `tokenizers` package for text that
/// contains no special token; `[SEP]` in a text is text here.
class WordPiece {
public:
  /// Fails when a special token is not in the vocabulary.
  static StatusOr<WordPiece> create(const TokenizerInfo &info);

  /// The ids of a text between those of cls and sep. Fails on bytes that are
  /// not UTF-8.
  StatusOr<std::vector<int64_t>> encode(absl::string_view text) const;

  /// `input_ids`, `attention_mask` and `token_type_ids` of several texts,
  /// padded to the longest. Fails when one is longer than `maxLength`, unless
  /// it is to be truncated.
  StatusOr<std::vector<Tensor>>
  encodeBatch(absl::Span<const absl::string_view> texts, bool truncate) const;

  /// The words of a text, cleaned and folded, in UTF-8.
  StatusOr<std::vector<std::string>> splitWords(absl::string_view text) const;

private:
  explicit WordPiece(const TokenizerInfo &info) : info(info) {}

  std::vector<int32_t> normalize(absl::Span<const int32_t> text) const;
  void encodeWord(absl::string_view word, std::vector<int64_t> &ids) const;

  const TokenizerInfo &info;
  std::unordered_map<std::string, int64_t> vocab;
  int64_t unk, cls, sep, pad;
};

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_WORDPIECE_H
