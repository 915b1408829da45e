//===- WordPiece.cpp - WordPiece tokenizers -------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sentence.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace quench;
using llvm::StringRef;

namespace {

/// A tokenizer as the manifest of a model describes it.
struct WordPiece {
  std::vector<std::string> vocab;
  bool lowercase = true, chineseChars = true;
  std::optional<bool> stripAccents;
  std::string unk = "[UNK]", cls = "[CLS]", sep = "[SEP]", pad = "[PAD]";
  int64_t maxLength, maxCharsPerWord = 100;
};

/// The files of one checkpoint that say how it cuts text.
class WordPieceReader {
public:
  WordPieceReader(ModelBuilder &builder, int64_t maxLength) : b(builder) {
    result.maxLength = maxLength;
  }
  LogicalResult read();

private:
  llvm::SmallString<128> inFolder(StringRef file) const {
    llvm::SmallString<128> path(b.directory());
    llvm::sys::path::append(path, file);
    return path;
  }
  bool exists(StringRef file) const {
    return llvm::sys::fs::exists(inFolder(file));
  }
  FailureOr<Config> load(StringRef file) const {
    return Config::load(b.module().getContext(), inFolder(file));
  }

  /// Remarks that the model takes ids, and why.
  LogicalResult decline(const Config &file, StringRef key,
                        const llvm::Twine &reason);
  LogicalResult readVocabularyFile(std::vector<std::string> &vocab);
  LogicalResult readOptions(const Config &options);
  LogicalResult readTokenizer(const Config &file);
  LogicalResult readLimits();
  void setAttribute();

  ModelBuilder &b;
  WordPiece result;
  bool declined = false;
  bool fromFile = false;
};

} // namespace

LogicalResult WordPieceReader::decline(const Config &file, StringRef key,
                                       const llvm::Twine &reason) {
  emitRemark(file.getLoc(key))
      << "the tokenizer is not imported and the model takes ids: " << reason;
  declined = true;
  return success();
}

/// One token a line.
LogicalResult
WordPieceReader::readVocabularyFile(std::vector<std::string> &vocab) {
  llvm::SmallString<128> path = inFolder("vocab.txt");
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return emitError(UnknownLoc::get(b.module().getContext()))
           << path << ": " << buffer.getError().message();
  StringRef rest = (*buffer)->getBuffer();
  while (!rest.empty()) {
    auto [line, next] = rest.split('\n');
    vocab.push_back(line.rtrim('\r').str());
    rest = next;
  }
  return success();
}

/// Options of `tokenizer_config.json`.
LogicalResult WordPieceReader::readOptions(const Config &options) {
  for (auto [key, token] : {std::pair("unk_token", &result.unk),
                            {"cls_token", &result.cls},
                            {"sep_token", &result.sep},
                            {"pad_token", &result.pad}}) {
    const llvm::json::Value *value = options.object().get(key);
    if (value && value->getAsObject())
      *token = options.getObject(key).getString("content").str();
    else
      *token = options.getString(key, *token).str();
  }
  result.lowercase = options.getBool("do_lower_case", result.lowercase);
  result.chineseChars =
      options.getBool("tokenize_chinese_chars", result.chineseChars);
  if (options.has("strip_accents"))
    result.stripAccents = options.getBool("strip_accents");
  // Absent limits are written as 1e30.
  double limit =
      options.getNumber("model_max_length", double(result.maxLength));
  result.maxLength = int64_t(std::min(limit, double(result.maxLength)));
  return success(!options.failed());
}

/// `tokenizer.json`, which knows more than the options and wins.
LogicalResult WordPieceReader::readTokenizer(const Config &file) {
  Config model = file.getObject("model");
  StringRef kind = model.getString("type", "BPE");
  if (kind != "WordPiece")
    return decline(file, "model",
                   "found a '" + kind + "' model, expected 'WordPiece'");
  StringRef prefix = model.getString("continuing_subword_prefix", "##");
  if (prefix != "##")
    return decline(file, "model",
                   "pieces continue with '" + prefix + "', expected '##'");
  Config normalizer = file.getObject("normalizer");
  StringRef form = normalizer.getString("type", "none");
  if (form != "BertNormalizer" || !normalizer.getBool("clean_text", true))
    return decline(file, "normalizer",
                   "found normalizer '" + form +
                       "', expected 'BertNormalizer' with clean text");
  result.lowercase = normalizer.getBool("lowercase", true);
  result.chineseChars = normalizer.getBool("handle_chinese_chars", true);
  result.stripAccents.reset();
  if (normalizer.has("strip_accents"))
    result.stripAccents = normalizer.getBool("strip_accents");
  result.unk = model.getString("unk_token", result.unk).str();
  result.maxCharsPerWord =
      model.getInt("max_input_chars_per_word", result.maxCharsPerWord);

  const llvm::json::Object &tokens = model.getObject("vocab").object();
  result.vocab.assign(tokens.size(), "");
  llvm::SmallVector<bool> taken(tokens.size());
  for (const auto &[token, value] : tokens) {
    std::optional<int64_t> id = value.getAsInteger();
    if (!id || *id < 0 || *id >= int64_t(tokens.size()) || taken[*id]) {
      model.emitError("vocab")
          << "the id of token '" << StringRef(token)
          << "' is not an integer below " << tokens.size() << " of its own";
      return failure();
    }
    taken[*id] = true;
    result.vocab[*id] = StringRef(token).str();
  }
  return success(!file.failed());
}

/// Sentence encoders are trained for shorter texts than positions allow.
LogicalResult WordPieceReader::readLimits() {
  if (!exists("sentence_bert_config.json"))
    return success();
  FailureOr<Config> sentence = load("sentence_bert_config.json");
  if (failed(sentence))
    return failure();
  result.maxLength = std::min(
      result.maxLength, sentence->getInt("max_seq_length", result.maxLength));
  return success(!sentence->failed());
}

void WordPieceReader::setAttribute() {
  Builder builder(b.module().getContext());
  NamedAttrList members;
  members.set("kind", builder.getStringAttr("wordpiece"));
  if (fromFile) {
    members.set("vocab", builder.getStringAttr("vocab.txt"));
  } else {
    llvm::SmallVector<StringRef> tokens(result.vocab.begin(),
                                        result.vocab.end());
    members.set("vocab", builder.getStrArrayAttr(tokens));
  }
  members.set("lowercase", builder.getBoolAttr(result.lowercase));
  members.set("chinese_chars", builder.getBoolAttr(result.chineseChars));
  if (result.stripAccents)
    members.set("strip_accents", builder.getBoolAttr(*result.stripAccents));
  members.set("unk", builder.getStringAttr(result.unk));
  members.set("cls", builder.getStringAttr(result.cls));
  members.set("sep", builder.getStringAttr(result.sep));
  members.set("pad", builder.getStringAttr(result.pad));
  members.set("max_length", builder.getI64IntegerAttr(result.maxLength));
  members.set("max_chars_per_word",
              builder.getI64IntegerAttr(result.maxCharsPerWord));
  b.module()->setAttr(attrs::tokenizer,
                      members.getDictionary(builder.getContext()));
}

LogicalResult WordPieceReader::read() {
  bool hasTokenizer = exists("tokenizer.json"), hasVocab = exists("vocab.txt");
  if (!hasTokenizer && !hasVocab)
    return success();
  if (exists("tokenizer_config.json")) {
    FailureOr<Config> options = load("tokenizer_config.json");
    if (failed(options) || failed(readOptions(*options)))
      return failure();
  }
  if (hasTokenizer) {
    FailureOr<Config> file = load("tokenizer.json");
    if (failed(file) || failed(readTokenizer(*file)))
      return failure();
    if (declined)
      return success();
  }
  // The vocabulary stays in its file where there is one of its own.
  if (hasVocab) {
    std::vector<std::string> vocab;
    if (failed(readVocabularyFile(vocab)))
      return failure();
    fromFile = !hasTokenizer || vocab == result.vocab;
    if (fromFile)
      result.vocab = std::move(vocab);
  }
  if (failed(readLimits()))
    return failure();

  llvm::StringSet<> tokens;
  for (StringRef token : result.vocab)
    tokens.insert(token);
  for (StringRef token : {result.unk, result.cls, result.sep, result.pad})
    if (!tokens.contains(token))
      return emitError(UnknownLoc::get(b.module().getContext()))
             << b.directory() << ": special token '" << token
             << "' is not in the vocabulary of " << result.vocab.size()
             << " tokens";
  setAttribute();
  return success();
}

LogicalResult quench::importWordPiece(ModelBuilder &b, int64_t maxLength) {
  return WordPieceReader(b, maxLength).read();
}
