//===- WordPieceTest.cpp - The tokenizer of BERT --------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WordPiece.h"

#include "Json.h"
#include "MappedFile.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

using namespace quench::rt;
using nlohmann::json;

/// What the reference says: see Inputs/wordpiece.py.
static json readFixture() {
  auto file = MappedFile::open(QUENCH_TEST_INPUTS "/wordpiece.json");
  EXPECT_TRUE(file.ok()) << file.status().message();
  auto value = parseJson(file->bytes());
  EXPECT_TRUE(value.ok()) << value.status().message();
  return *value;
}

static TokenizerInfo makeInfo(const json &vocab, const json &setting) {
  TokenizerInfo info;
  info.vocab = vocab.get<std::vector<std::string>>();
  info.lowercase = setting["lowercase"].get<bool>();
  info.stripAccents = setting["strip_accents"].is_null()
                          ? info.lowercase
                          : setting["strip_accents"].get<bool>();
  info.chineseChars = setting["chinese_chars"].get<bool>();
  info.unk = "[UNK]";
  info.cls = "[CLS]";
  info.sep = "[SEP]";
  info.pad = "[PAD]";
  info.maxLength = 512;
  return info;
}

#ifndef QUENCH_TEST_SANITIZED
static void appendUtf8(uint32_t c, std::string &text) {
  auto add = [&](uint32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80)
    return add(c);
  if (c < 0x800) {
    add(0xc0 | c >> 6);
  } else if (c < 0x10000) {
    add(0xe0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3f));
  } else {
    add(0xf0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3f));
    add(0x80 | (c >> 6 & 0x3f));
  }
  add(0x80 | (c & 0x3f));
}
#endif

TEST(WordPiece, GivesTheIdsOfTheReference) {
  json fixture = readFixture();
  for (const json &setting : fixture["cases"]) {
    TokenizerInfo info = makeInfo(fixture["vocab"], setting);
    auto tokenizer = WordPiece::create(info);
    ASSERT_TRUE(tokenizer.ok());
    for (size_t i = 0; i < fixture["texts"].size(); ++i) {
      std::string text = fixture["texts"][i].get<std::string>();
      auto ids = tokenizer->encode(text);
      ASSERT_TRUE(ids.ok()) << ids.status().message();
      EXPECT_EQ(*ids, setting["ids"][i].get<std::vector<int64_t>>())
          << "text " << i << ": " << text.substr(0, 100);
    }
  }
}

// Millions of texts: seconds more where sanitizers watch.
#ifndef QUENCH_TEST_SANITIZED
TEST(WordPiece, TreatsEveryCodePointAsTheReference) {
  json fixture = readFixture();
  for (const json &setting : fixture["cases"]) {
    TokenizerInfo info = makeInfo(fixture["vocab"], setting);
    auto tokenizer = WordPiece::create(info);
    ASSERT_TRUE(tokenizer.ok());
    uint64_t digest = 0xcbf29ce484222325;
    for (uint32_t c = 1; c < 0x110000; ++c) {
      if (c >= 0xd800 && c < 0xe000)
        continue;
      std::string text = "a";
      appendUtf8(c, text);
      text += 'b';
      auto words = tokenizer->splitWords(text);
      ASSERT_TRUE(words.ok());
      if (*words == std::vector<std::string>{text})
        continue;
      std::string line = absl::StrCat(absl::Hex(c), ":");
      for (size_t i = 0; i < words->size(); ++i)
        absl::StrAppend(&line, i ? "|" : "", (*words)[i]);
      for (char byte : line + "\n")
        digest = (digest ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
    }
    EXPECT_EQ(std::string(absl::StrCat(absl::Hex(digest, absl::kZeroPad16))),
              setting["digest"].get<std::string>());
  }
}
#endif

namespace {
class SmallWordPiece : public testing::Test {
protected:
  SmallWordPiece() {
    info.vocab = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##b"};
    info.unk = "[UNK]";
    info.cls = "[CLS]";
    info.sep = "[SEP]";
    info.pad = "[PAD]";
    info.maxLength = 4;
  }

  std::string errorOf(absl::string_view text) {
    return WordPiece::create(info)
        ->encodeBatch({text}, false)
        .status()
        .message();
  }

  TokenizerInfo info;
};
} // namespace

TEST_F(SmallWordPiece, RefusesWhatIsNotUtf8) {
  EXPECT_EQ(errorOf("ab\xff"), "text 1 is not UTF-8: byte 2 is 0xff");
  EXPECT_EQ(errorOf("\xc3"), "text 1 is not UTF-8: byte 0 is 0xc3");
  EXPECT_EQ(errorOf("a\xc0\x80"), "text 1 is not UTF-8: byte 1 is 0xc0");
  EXPECT_EQ(errorOf("\xed\xa0\x80"), "text 1 is not UTF-8: byte 0 is 0xed");
  EXPECT_EQ(errorOf("\xf4\x90\x80\x80"), "text 1 is not UTF-8: byte 0 is 0xf4");
}

TEST_F(SmallWordPiece, RefusesOrCutsLongTexts) {
  auto tokenizer = WordPiece::create(info);
  EXPECT_EQ(errorOf("a a a"),
            "text 1 has 5 tokens, the limit of the model is 4");
  auto tensors = tokenizer->encodeBatch({"a a a", "a"}, true);
  ASSERT_TRUE(tensors.ok());
  auto values = [&](size_t i) {
    auto *data = reinterpret_cast<int64_t *>((*tensors)[i].data.get());
    return std::vector<int64_t>(data, data + 8);
  };
  EXPECT_EQ((*tensors)[0].shape, (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(values(0), (std::vector<int64_t>{2, 4, 4, 3, 2, 4, 3, 0}));
  EXPECT_EQ(values(1), (std::vector<int64_t>{1, 1, 1, 1, 1, 1, 1, 0}));
  EXPECT_EQ(values(2), std::vector<int64_t>(8, 0));
}

TEST_F(SmallWordPiece, NeedsItsSpecialTokens) {
  info.unk = "[unk]";
  EXPECT_EQ(WordPiece::create(info).status().message(),
            "manifest: tokenizer.vocab lacks '[unk]'");
  info.maxLength = 1;
  EXPECT_EQ(WordPiece::create(info).status().message(),
            "manifest: tokenizer.max_length is 1, expected 2 or more");
}
