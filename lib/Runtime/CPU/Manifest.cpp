//===- Manifest.cpp - What a compiled model takes and gives ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"

#include "Json.h"
#include "Tensor.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>

using namespace quench::rt;
using nlohmann::json;

std::string Dim::str() const {
  return symbol.empty() ? absl::StrCat(size) : symbol;
}

std::string Port::typeStr() const {
  return absl::StrCat(nameOf(dtype), " [",
                      absl::StrJoin(shape, ", ",
                                    [](std::string *out, const Dim &dim) {
                                      absl::StrAppend(out, dim.str());
                                    }),
                      "]");
}

/// "a, b"
template <typename T>
static std::string joinNames(const std::vector<T> &named) {
  return absl::StrJoin(named, ", ", [](std::string *out, const T &element) {
    absl::StrAppend(out, element.name);
  });
}

std::string Entry::inputNames() const { return joinNames(inputs); }
std::string Manifest::entryNames() const { return joinNames(entries); }

StatusOr<const Port *> Entry::findInput(absl::string_view inputName) const {
  for (const Port &port : inputs)
    if (port.name == inputName)
      return &port;
  return invalidArgument(absl::StrCat("the model has no input '", inputName,
                                      "'; '", name, "' takes ", inputNames()));
}

StatusOr<const Entry *> Manifest::findEntry(absl::string_view entryName) const {
  for (const Entry &entry : entries)
    if (entryName.empty() || entry.name == entryName)
      return &entry;
  return invalidArgument(absl::StrCat("the model has no entry point '",
                                      entryName, "'; it has ", entryNames()));
}

namespace {
/// Reads fields of one object. The first error of a whole tree is kept, with
/// the path to it; what is read after an error has no meaning.
class Reader {
public:
  Reader(const json &value, std::string path, Status &error)
      : value(value), path(std::move(path)), error(error) {
    if (!value.is_object())
      fail("an object");
  }

  /// Where `key` is absent or null the target keeps its value.
  template <typename T>
  void optional(absl::string_view key, T &target) {
    if (const json *field = find(key))
      read(*field, at(key), target);
  }

  template <typename T>
  void required(absl::string_view key, T &target) {
    if (const json *field = find(key))
      read(*field, at(key), target);
    else
      keep(absl::StrCat(at(key), " is missing"));
  }

private:
  std::string at(absl::string_view key) const {
    return path.empty() ? std::string(key) : absl::StrCat(path, ".", key);
  }

  const json *find(absl::string_view key) const {
    if (!value.is_object())
      return nullptr;
    auto field = value.find(std::string(key));
    return field == value.end() || field->is_null() ? nullptr : &*field;
  }

  void keep(std::string message) {
    if (error.ok())
      error = invalidArgument(absl::StrCat("manifest: ", message));
  }
  void fail(absl::string_view wanted) { fail(value, path, wanted); }
  void fail(const json &found, absl::string_view where,
            absl::string_view wanted) {
    keep(absl::StrCat(where.empty() ? "the whole" : where, " is of type ",
                      found.type_name(), ", expected ", wanted));
  }

  void read(const json &field, const std::string &where, std::string &target) {
    if (!field.is_string())
      return fail(field, where, "a string");
    target = field.get_ref<const std::string &>();
  }
  void read(const json &field, const std::string &where, bool &target) {
    if (!field.is_boolean())
      return fail(field, where, "a boolean");
    target = field.get<bool>();
  }
  void read(const json &field, const std::string &where, double &target) {
    if (!field.is_number())
      return fail(field, where, "a number");
    target = field.get<double>();
  }
  void read(const json &field, const std::string &where, uint64_t &target) {
    if (!field.is_number_unsigned())
      return fail(field, where, "a count");
    target = field.get<uint64_t>();
  }
  void read(const json &field, const std::string &where, int64_t &target) {
    if (!field.is_number_unsigned() || field.get<uint64_t>() > INT64_MAX)
      return fail(field, where, "a count");
    target = field.get<int64_t>();
  }
  template <typename T>
  void read(const json &field, const std::string &where,
            std::optional<T> &target) {
    read(field, where, target.emplace());
  }
  void read(const json &field, const std::string &where,
            std::pair<double, double> &target) {
    if (!field.is_array() || field.size() != 2)
      return fail(field, where, "an array of two numbers");
    read(field[0], where, target.first);
    read(field[1], where, target.second);
  }
  template <typename T>
  void read(const json &field, const std::string &where,
            std::vector<T> &target) {
    if (!field.is_array())
      return fail(field, where, "an array");
    target.resize(field.size());
    for (size_t i = 0; i < field.size(); ++i)
      read(field[i], absl::StrCat(where, "[", i, "]"), target[i]);
  }
  template <typename T>
  void read(const json &field, const std::string &where,
            std::map<std::string, T, std::less<>> &target) {
    if (!field.is_object())
      return fail(field, where, "an object");
    for (const auto &item : field.items())
      read(item.value(), absl::StrCat(where, ".", item.key()),
           target[item.key()]);
  }

  void read(const json &field, const std::string &where, qrt_dtype &target) {
    std::string name;
    read(field, where, name);
    if (std::optional<qrt_dtype> dtype = parseDType(name))
      target = *dtype;
    else
      keep(absl::StrCat(where, " is '", name, "', expected a type"));
  }
  void read(const json &field, const std::string &where, Dim &target) {
    if (field.is_string())
      read(field, where, target.symbol);
    else
      read(field, where, target.size);
  }
  void read(const json &field, const std::string &where, Role &target) {
    std::string name;
    read(field, where, name);
    if (name == "data")
      target = Role::Data;
    else if (name == "state")
      target = Role::State;
    else if (name == "position")
      target = Role::Position;
    else
      keep(absl::StrCat(where, " is '", name,
                        "', expected data, state or position"));
  }
  void read(const json &field, const std::string &where,
            ParamsInfo::Mode &target) {
    std::string name;
    read(field, where, name);
    if (name == "embed")
      target = ParamsInfo::Mode::Embed;
    else if (name == "external")
      target = ParamsInfo::Mode::External;
    else if (name == "memory")
      target = ParamsInfo::Mode::Memory;
    else
      keep(absl::StrCat(where, " is '", name,
                        "', expected embed, external or memory"));
  }
  void read(const json &field, const std::string &where, Port &target) {
    Reader reader(field, where, error);
    reader.required("name", target.name);
    reader.required("dtype", target.dtype);
    reader.required("shape", target.shape);
    reader.optional("role", target.role);
    reader.optional("default", target.defaultValue);
    reader.optional("range", target.range);
    if (target.role == Role::Position &&
        (target.dtype != QRT_I64 || !target.shape.empty()))
      keep(absl::StrCat(where, ": a position is a scalar of type I64"));
  }
  void read(const json &field, const std::string &where, Entry &target) {
    Reader reader(field, where, error);
    reader.required("name", target.name);
    reader.required("inputs", target.inputs);
    reader.required("outputs", target.outputs);
    reader.optional("independent", target.independent);
    if (target.independent.empty())
      return;
    auto check = [&](const Port &port, bool isOutput) {
      bool isDivisible = target.isDivisible(port);
      bool isElsewhere = std::any_of(
          port.shape.begin() + isDivisible, port.shape.end(),
          [&](const Dim &dim) { return dim.symbol == target.independent; });
      if (isElsewhere || (isOutput && !isDivisible))
        keep(absl::StrCat(where, ".independent is '", target.independent,
                          "', expected the first dimension of all outputs; '",
                          port.name, "' is ", port.typeStr()));
    };
    for (const Port &port : target.inputs)
      check(port, /*isOutput=*/false);
    for (const Port &port : target.outputs)
      check(port, /*isOutput=*/true);
  }
  void read(const json &field, const std::string &where, Symbol &target) {
    Reader reader(field, where, error);
    reader.required("min", target.min);
    reader.optional("max", target.max);
  }
  void read(const json &field, const std::string &where, ParamsInfo &target) {
    Reader reader(field, where, error);
    reader.required("mode", target.mode);
    reader.optional("file", target.file);
    reader.required("bytes", target.bytes);
    reader.optional("xxh3", target.xxh3);
  }
  void read(const json &field, const std::string &where,
            TokenizerInfo &target) {
    Reader reader(field, where, error);
    std::string kind;
    reader.required("kind", kind);
    if (kind != "wordpiece")
      keep(absl::StrCat(where, ".kind is '", kind, "', expected wordpiece"));
    reader.required("vocab", target.vocab);
    reader.required("lowercase", target.lowercase);
    // As BERT has it: accents go with the capitals unless told otherwise.
    target.stripAccents = target.lowercase;
    reader.optional("strip_accents", target.stripAccents);
    reader.required("chinese_chars", target.chineseChars);
    reader.required("unk", target.unk);
    reader.required("cls", target.cls);
    reader.required("sep", target.sep);
    reader.required("pad", target.pad);
    reader.required("max_length", target.maxLength);
    reader.required("max_chars_per_word", target.maxCharsPerWord);
  }

  const json &value;
  std::string path;
  Status &error;
};
} // namespace

StatusOr<Manifest> Manifest::parse(absl::string_view text) {
  StatusOr<json> value = parseJson(text);
  if (!value.ok())
    return invalidArgument(
        absl::StrCat("manifest: ", value.status().message()));

  Manifest manifest;
  Status error;
  Reader reader(*value, "", error);
  reader.required("quench", manifest.version);
  reader.required("name", manifest.name);
  reader.optional("model_type", manifest.modelType);
  reader.optional("target", manifest.target);
  reader.optional("cpu", manifest.cpu);
  reader.optional("features", manifest.features);
  reader.optional("recipe", manifest.recipe);
  reader.optional("hash", manifest.hash);
  reader.required("params", manifest.params);
  reader.optional("symbols", manifest.symbols);
  reader.required("entries", manifest.entries);
  reader.optional("tokenizer", manifest.tokenizer);
  if (!error.ok())
    return error;
  if (manifest.entries.empty())
    return invalidArgument("manifest: entries is empty");
  return manifest;
}
