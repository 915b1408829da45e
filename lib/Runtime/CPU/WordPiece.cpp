//===- WordPiece.cpp - The tokenizer of BERT ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WordPiece.h"

#include "WordPieceTables.h"

#include "absl/strings/str_cat.h"
#include "utf8proc.h"

#include <algorithm>
#include <iterator>

using namespace quench::rt;

//===----------------------------------------------------------------------===//
// Classes of code points
//===----------------------------------------------------------------------===//

/// The property White_Space of Unicode.
static bool isSpace(int32_t c) {
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/// Whether the reference has no class for a character, though Unicode has one
/// by now: it is a letter like any other then.
static bool isUnclassified(int32_t c) {
  auto *range = std::upper_bound(
      std::begin(kUnclassified), std::end(kUnclassified), c,
      [](int32_t c, const CodePoints &range) { return c <= range.last; });
  return range != std::end(kUnclassified) && c >= range->first;
}

static utf8proc_category_t categoryOf(int32_t c) {
  switch (c) {
  case 0x166d:
  case 0x111c9:
    return UTF8PROC_CATEGORY_PO; // A symbol and a mark by now.
  case 0x1734:
    return UTF8PROC_CATEGORY_MN; // A spacing mark by now.
  default:
    return isUnclassified(c) ? UTF8PROC_CATEGORY_CN : utf8proc_category(c);
  }
}

/// What BERT drops: control and format characters, private ones, and the one
/// that stands for broken text.
static bool isDropped(int32_t c) {
  if (c == '\t' || c == '\n' || c == '\r')
    return false;
  switch (categoryOf(c)) {
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CO:
    return true;
  default:
    return c == 0xfffd;
  }
}

/// Punctuation, and the symbols of ASCII with it.
static bool isPunctuation(int32_t c) {
  if (c < 128)
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) ||
           (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  switch (categoryOf(c)) {
  case UTF8PROC_CATEGORY_PC:
  case UTF8PROC_CATEGORY_PD:
  case UTF8PROC_CATEGORY_PS:
  case UTF8PROC_CATEGORY_PE:
  case UTF8PROC_CATEGORY_PI:
  case UTF8PROC_CATEGORY_PF:
  case UTF8PROC_CATEGORY_PO:
    return true;
  default:
    return false;
  }
}

static int32_t toLower(int32_t c) {
  for (const CaseRange &range : kNewCapitals)
    if (c >= range.first && c <= range.last)
      return c + range.toLower;
  return utf8proc_tolower(c);
}

/// The blocks of ideographs, each of which is a word.
static bool isIdeograph(int32_t c) {
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
         (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

static void appendUtf8(int32_t c, std::string &text) {
  utf8proc_uint8_t bytes[4];
  utf8proc_ssize_t size = utf8proc_encode_char(c, bytes);
  text.append(reinterpret_cast<char *>(bytes), size);
}

static StatusOr<std::vector<int32_t>> decode(absl::string_view text) {
  std::vector<int32_t> points;
  auto *bytes = reinterpret_cast<const utf8proc_uint8_t *>(text.data());
  for (size_t at = 0; at < text.size();) {
    int32_t point;
    utf8proc_ssize_t size =
        utf8proc_iterate(bytes + at, text.size() - at, &point);
    if (size < 0)
      return invalidArgument(
          absl::StrCat("is not UTF-8: byte ", at, " is 0x",
                       absl::Hex(bytes[at], absl::kZeroPad2)));
    points.push_back(point);
    at += size;
  }
  return points;
}

//===----------------------------------------------------------------------===//
// WordPiece
//===----------------------------------------------------------------------===//

StatusOr<WordPiece> WordPiece::create(const TokenizerInfo &info) {
  if (info.maxLength < 2)
    return failure(absl::StrCat("manifest: tokenizer.max_length is ",
                                info.maxLength, ", expected 2 or more"));
  WordPiece result(info);
  for (size_t i = 0; i < info.vocab.size(); ++i)
    result.vocab[info.vocab[i]] = static_cast<int64_t>(i);
  for (auto [token, id] : {std::pair(&info.unk, &result.unk),
                           {&info.cls, &result.cls},
                           {&info.sep, &result.sep},
                           {&info.pad, &result.pad}}) {
    auto found = result.vocab.find(*token);
    if (found == result.vocab.end())
      return failure(
          absl::StrCat("manifest: tokenizer.vocab lacks '", *token, "'"));
    *id = found->second;
  }
  return result;
}

std::vector<int32_t>
WordPiece::normalize(absl::Span<const int32_t> text) const {
  std::vector<int32_t> result;
  auto add = [&](int32_t c) {
    if (!info.lowercase) {
      result.push_back(c);
    } else if (c == 0x130) {
      // The one capital whose small form takes two characters.
      result.insert(result.end(), {'i', 0x307});
    } else {
      result.push_back(toLower(c));
    }
  };
  auto addDecomposed = [&](int32_t c) {
    // No character decomposes into more than four.
    int32_t parts[8] = {c};
    int lastClass = 0;
    utf8proc_ssize_t count =
        isUnclassified(c) ? 1
                          : utf8proc_decompose_char(
                                c, parts, 8, UTF8PROC_DECOMPOSE, &lastClass);
    for (utf8proc_ssize_t i = 0; i < count; ++i)
      if (categoryOf(parts[i]) != UTF8PROC_CATEGORY_MN)
        add(parts[i]);
  };
  for (int32_t c : text) {
    if (isDropped(c))
      continue;
    if (isSpace(c))
      c = ' ';
    bool isWord = info.chineseChars && isIdeograph(c);
    if (isWord)
      result.push_back(' ');
    if (info.stripAccents)
      addDecomposed(c);
    else
      add(c);
    if (isWord)
      result.push_back(' ');
  }
  return result;
}

StatusOr<std::vector<std::string>>
WordPiece::splitWords(absl::string_view text) const {
  StatusOr<std::vector<int32_t>> points = decode(text);
  if (!points.ok())
    return points.status();
  std::vector<std::string> words;
  bool isInside = false;
  for (int32_t c : normalize(*points)) {
    if (isSpace(c)) {
      isInside = false;
      continue;
    }
    bool isWhole = isPunctuation(c);
    if (!isInside || isWhole)
      words.emplace_back();
    appendUtf8(c, words.back());
    isInside = !isWhole;
  }
  return words;
}

void WordPiece::encodeWord(absl::string_view word,
                           std::vector<int64_t> &ids) const {
  // Where characters begin, and the end.
  std::vector<size_t> bounds;
  for (size_t i = 0; i < word.size(); ++i)
    if ((word[i] & 0xc0) != 0x80)
      bounds.push_back(i);
  size_t numChars = bounds.size();
  bounds.push_back(word.size());

  size_t numIds = ids.size();
  size_t begin = 0;
  if (numChars <= static_cast<size_t>(info.maxCharsPerWord))
    while (begin < numChars) {
      size_t end = numChars;
      auto found = vocab.end();
      for (; end > begin; --end) {
        absl::string_view piece =
            word.substr(bounds[begin], bounds[end] - bounds[begin]);
        found = vocab.find(absl::StrCat(begin == 0 ? "" : "##", piece));
        if (found != vocab.end())
          break;
      }
      if (found == vocab.end())
        break;
      ids.push_back(found->second);
      begin = end;
    }
  // A word with a part that no piece covers is unknown as a whole.
  if (begin < numChars) {
    ids.resize(numIds);
    ids.push_back(unk);
  }
}

StatusOr<std::vector<int64_t>> WordPiece::encode(absl::string_view text) const {
  StatusOr<std::vector<std::string>> words = splitWords(text);
  if (!words.ok())
    return words.status();
  std::vector<int64_t> ids = {cls};
  for (const std::string &word : *words)
    encodeWord(word, ids);
  ids.push_back(sep);
  return ids;
}

StatusOr<std::vector<Tensor>>
WordPiece::encodeBatch(absl::Span<const absl::string_view> texts,
                       bool truncate) const {
  std::vector<std::vector<int64_t>> rows;
  size_t longest = 0, limit = info.maxLength;
  for (size_t i = 0; i < texts.size(); ++i) {
    StatusOr<std::vector<int64_t>> ids = encode(texts[i]);
    if (!ids.ok())
      return invalidArgument(
          absl::StrCat("text ", i + 1, " ", ids.status().message()));
    if (ids->size() > limit) {
      if (!truncate)
        return invalidArgument(absl::StrCat("text ", i + 1, " has ",
                                            ids->size(), " tokens, the limit ",
                                            "of the model is ", limit));
      ids->resize(limit);
      ids->back() = sep;
    }
    longest = std::max(longest, ids->size());
    rows.push_back(*std::move(ids));
  }

  std::vector<int64_t> shape = {static_cast<int64_t>(texts.size()),
                                static_cast<int64_t>(longest)};
  std::vector<Tensor> tensors;
  for (const char *name : {"input_ids", "attention_mask", "token_type_ids"}) {
    StatusOr<Tensor> tensor = makeTensor(name, QRT_I64, shape);
    if (!tensor.ok())
      return tensor.status();
    tensors.push_back(*std::move(tensor));
  }
  auto *ids = reinterpret_cast<int64_t *>(tensors[0].data.get());
  auto *mask = reinterpret_cast<int64_t *>(tensors[1].data.get());
  auto *types = reinterpret_cast<int64_t *>(tensors[2].data.get());
  for (const std::vector<int64_t> &row : rows)
    for (size_t i = 0; i < longest; ++i) {
      *ids++ = i < row.size() ? row[i] : pad;
      *mask++ = i < row.size();
      *types++ = 0;
    }
  return tensors;
}
