//===- Config.cpp - Typed access to config.json ---------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Import/Config.h"

#include "Quench/Support/Json.h"

#include "mlir/IR/Location.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace quench;
using llvm::StringRef;

/// A JSON value as one short line.
static std::string print(const llvm::json::Value &value) {
  if (value.getAsObject())
    return "an object";
  if (value.getAsArray())
    return "an array";
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return text;
}

mlir::FailureOr<Config> Config::load(mlir::MLIRContext *context,
                                     StringRef path) {
  auto fail = [&](const llvm::Twine &message) {
    mlir::emitError(mlir::UnknownLoc::get(context)) << path << ": " << message;
    return mlir::failure();
  };
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return fail(buffer.getError().message());
  auto state = std::make_shared<State>();
  state->context = context;
  state->path = path.str();
  state->text = (*buffer)->getBuffer().str();
  llvm::Expected<llvm::json::Value> root = parseJson(state->text);
  if (!root)
    return fail(llvm::toString(root.takeError()));
  state->root = std::move(*root);
  const llvm::json::Object *object = state->root.getAsObject();
  const llvm::json::Array *array = state->root.getAsArray();
  auto isObject = [](const llvm::json::Value &value) {
    return value.kind() == llvm::json::Value::Object;
  };
  if (!object && !(array && llvm::all_of(*array, isObject)))
    return fail("found " + print(state->root) + ", expected an object");
  const llvm::json::Object *node = object ? object : &state->empty;
  return Config(std::move(state), node, 0, "");
}

mlir::LogicalResult Config::assign(StringRef assignment) {
  auto fail = [&](const llvm::Twine &expected) {
    state->failed = true;
    mlir::emitError(mlir::UnknownLoc::get(state->context))
        << "--config: found '" << assignment << "', expected " << expected;
    return mlir::failure();
  };
  auto [key, text] = assignment.split('=');
  llvm::SmallVector<StringRef> path;
  key.split(path, '.');
  llvm::json::Object *object = state->root.getAsObject();
  if (!object || key.size() == assignment.size() ||
      llvm::is_contained(path, StringRef()))
    return fail("KEY=VALUE");
  for (StringRef part : llvm::ArrayRef(path).drop_back()) {
    llvm::json::Value &next =
        object->try_emplace(part.str(), nullptr).first->second;
    if (next.kind() == llvm::json::Value::Null)
      next = llvm::json::Object();
    object = next.getAsObject();
    if (!object)
      return fail("'" + part + "' to be an object in " + state->path);
  }
  llvm::Expected<llvm::json::Value> value = parseJson(text);
  if (!value)
    llvm::consumeError(value.takeError());
  (*object)[path.back().str()] =
      value ? std::move(*value) : llvm::json::Value(text.str());
  state->assigned.insert(key);
  return mlir::success();
}

mlir::LogicalResult Config::checkAssigned() const {
  for (const auto &entry : state->assigned) {
    StringRef key = entry.getKey();
    if (state->asked.contains(key))
      continue;
    state->failed = true;
    mlir::InFlightDiagnostic diagnostic =
        mlir::emitError(mlir::UnknownLoc::get(state->context))
        << "--config: nothing reads '" << key << "' in the import of '"
        << getString("model_type") << "'";
    // A slip of the fingers is near to a key that is read.
    constexpr unsigned slips = 3;
    StringRef nearest;
    unsigned best = std::min<size_t>(slips, key.size() / 2) + 1;
    for (const auto &candidate : state->asked)
      if (unsigned distance = key.edit_distance(candidate.getKey());
          distance < best || (distance == best && !nearest.empty() &&
                              candidate.getKey() < nearest))
        best = distance, nearest = candidate.getKey();
    if (!nearest.empty())
      diagnostic << ", which reads '" << nearest << "'";
  }
  return mlir::success(!state->failed);
}

const llvm::json::Value *Config::find(StringRef key) const {
  state->asked.insert((prefix + key).str());
  const llvm::json::Value *value = node->get(key);
  return value && value->kind() != llvm::json::Value::Null ? value : nullptr;
}

size_t Config::locate(StringRef key) const {
  // Keys that need escapes are not searched for: no option has one.
  std::string quoted = ("\"" + key + "\"").str();
  StringRef text = state->text;
  for (size_t at = text.find(quoted, begin); at != StringRef::npos;
       at = text.find(quoted, at + 1))
    if (text.drop_front(at + quoted.size()).ltrim().starts_with(":"))
      return at;
  return StringRef::npos;
}

mlir::Location Config::getLoc(StringRef key) const {
  size_t at = node->get(key) ? locate(key) : StringRef::npos;
  if (at == StringRef::npos)
    return mlir::FileLineColLoc::get(state->context, state->path, 0, 0);
  StringRef before = StringRef(state->text).take_front(at);
  size_t column = at - (before.rfind('\n') + 1);
  return mlir::FileLineColLoc::get(state->context, state->path,
                                   before.count('\n') + 1, column + 1);
}

mlir::InFlightDiagnostic Config::emitError(StringRef key) const {
  state->failed = true;
  if (!state->assigned.contains((prefix + key).str()))
    return mlir::emitError(getLoc(key));
  mlir::InFlightDiagnostic diagnostic =
      mlir::emitError(mlir::UnknownLoc::get(state->context));
  diagnostic << "--config: ";
  return diagnostic;
}

void Config::emitUnexpected(StringRef key, const llvm::Twine &expected) const {
  const llvm::json::Value *value = find(key);
  mlir::InFlightDiagnostic diagnostic = emitError(key);
  diagnostic << "'" << prefix << key << "' is "
             << (value ? print(*value) : "missing") << ", expected "
             << expected;
}

int64_t Config::getInt(StringRef key, std::optional<int64_t> fallback,
                       int64_t low, int64_t high) const {
  const llvm::json::Value *value = find(key);
  if (!value && fallback)
    return *fallback;
  if (value)
    if (std::optional<int64_t> number = value->getAsInteger())
      if (*number >= low && *number <= high)
        return *number;
  emitUnexpected(key, "an integer in [" + llvm::Twine(low) + ", " +
                          llvm::Twine(high) + "]");
  return low;
}

double Config::getNumber(StringRef key, std::optional<double> fallback,
                         bool anySign) const {
  const llvm::json::Value *value = find(key);
  if (!value && fallback)
    return *fallback;
  if (value)
    if (std::optional<double> number = value->getAsNumber())
      if (std::isfinite(*number) && (anySign || *number > 0))
        return *number;
  emitUnexpected(key, anySign ? "a number" : "a number above zero");
  return 1;
}

bool Config::getBool(StringRef key, std::optional<bool> fallback) const {
  const llvm::json::Value *value = find(key);
  if (!value && fallback)
    return *fallback;
  if (value)
    if (std::optional<bool> flag = value->getAsBoolean())
      return *flag;
  emitUnexpected(key, "true or false");
  return false;
}

StringRef Config::getString(StringRef key,
                            std::optional<StringRef> fallback) const {
  const llvm::json::Value *value = find(key);
  if (!value && fallback)
    return *fallback;
  if (value)
    if (std::optional<StringRef> text = value->getAsString())
      return *text;
  emitUnexpected(key, "a string");
  return "";
}

llvm::SmallVector<StringRef> Config::getStrings(StringRef key) const {
  llvm::SmallVector<StringRef> strings;
  const llvm::json::Value *value = find(key);
  if (!value)
    return strings;
  if (const llvm::json::Array *array = value->getAsArray()) {
    for (const llvm::json::Value &element : *array)
      if (std::optional<StringRef> text = element.getAsString())
        strings.push_back(*text);
    if (strings.size() == array->size())
      return strings;
  }
  emitUnexpected(key, "an array of strings");
  return {};
}

/// The elements of `array`, integers in [1, maxSize]; none where others are
/// among them.
static llvm::SmallVector<int64_t> getSizes(const llvm::json::Array &array) {
  llvm::SmallVector<int64_t> sizes;
  for (const llvm::json::Value &element : array) {
    std::optional<int64_t> number = element.getAsInteger();
    if (!number || *number < 1 || *number > Config::maxSize)
      return {};
    sizes.push_back(*number);
  }
  return sizes;
}

llvm::SmallVector<int64_t> Config::getInts(StringRef key, size_t count) const {
  const llvm::json::Value *value = find(key);
  if (const llvm::json::Array *array = value ? value->getAsArray() : nullptr)
    if (llvm::SmallVector<int64_t> sizes = getSizes(*array);
        sizes.size() == count)
      return sizes;
  emitUnexpected(key,
                 "an array of " + llvm::Twine(count) + " integers above zero");
  return llvm::SmallVector<int64_t>(count, 1);
}

std::pair<int64_t, int64_t> Config::getSize(StringRef key,
                                            int64_t fallback) const {
  const llvm::json::Value *value = find(key);
  const llvm::json::Array *array = value ? value->getAsArray() : nullptr;
  if (!array) {
    int64_t size = getInt(key, fallback);
    return {size, size};
  }
  if (llvm::SmallVector<int64_t> sizes = getSizes(*array); sizes.size() == 2)
    return {sizes[0], sizes[1]};
  emitUnexpected(key, "an integer above zero or two");
  return {1, 1};
}

Config Config::getObject(StringRef key) const {
  const llvm::json::Value *value = find(key);
  const llvm::json::Object *object = value ? value->getAsObject() : nullptr;
  if (value && !object)
    emitUnexpected(key, "an object");
  size_t at = value ? locate(key) : StringRef::npos;
  return Config(state, object ? object : &state->empty,
                at == StringRef::npos ? begin : at, (prefix + key + ".").str());
}

std::vector<Config> Config::getElements() const {
  std::vector<Config> elements;
  if (const llvm::json::Array *array = state->root.getAsArray())
    for (const llvm::json::Value &element : *array)
      elements.push_back(Config(state, element.getAsObject(), begin, prefix));
  return elements;
}

void Config::require(StringRef key, const llvm::json::Value &expected) const {
  const llvm::json::Value *value = find(key);
  if (value && *value != expected)
    emitUnexpected(key, print(expected) + ", all that is supported");
}
