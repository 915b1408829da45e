//===- Json.cpp - Strict JSON ---------------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"

#include "absl/strings/str_cat.h"

#include <vector>

using namespace quench::rt;
using nlohmann::json;

static constexpr size_t kMaxDepth = 32;

namespace {
/// Builds a value from the events of the parser; stops at the first error.
class Builder : public nlohmann::json_sax<json> {
public:
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string &) override {
    return add(value);
  }
  bool string(std::string &value) override { return add(std::move(value)); }
  bool binary(json::binary_t &) override { return false; }

  bool start_object(size_t) override { return open(json::object()); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string &name) override {
    if (stack.back()->contains(name))
      return fail(absl::StrCat("duplicate key '", name, "'"));
    lastKey = std::move(name);
    return true;
  }

  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &) override {
    return fail(absl::StrCat("not valid JSON at byte ", position));
  }

  json root;
  std::string error;

private:
  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }

  json &place(json &&value) {
    if (stack.empty())
      return root = std::move(value);
    if (stack.back()->is_array()) {
      stack.back()->push_back(std::move(value));
      return stack.back()->back();
    }
    return (*stack.back())[lastKey] = std::move(value);
  }

  bool add(json &&value) {
    place(std::move(value));
    return true;
  }

  bool open(json &&value) {
    if (stack.size() == kMaxDepth)
      return fail(absl::StrCat("nested deeper than ", kMaxDepth));
    stack.push_back(&place(std::move(value)));
    return true;
  }

  bool close() {
    stack.pop_back();
    return true;
  }

  std::vector<json *> stack; ///< The open values, outermost first.
  std::string lastKey;
};
} // namespace

StatusOr<json> quench::rt::parseJson(absl::string_view text) {
  Builder builder;
  if (!json::sax_parse(text.begin(), text.end(), &builder))
    return invalidArgument(builder.error);
  return std::move(builder.root);
}
