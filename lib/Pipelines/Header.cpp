//===- Header.cpp - The C header of a compiled model ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Header.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace llvm;
using namespace quench;

/// Text that may stand in a comment.
static std::string commentText(StringRef text) {
  std::string safe = text.str();
  for (size_t at; (at = safe.find("*/")) != std::string::npos;)
    safe[at + 1] = '|';
  return safe;
}

/// One line about an input or output.
static std::string describeTensor(const json::Object &tensor) {
  std::string line;
  raw_string_ostream os(line);
  os << tensor.getString("name").value_or("?") << ": "
     << tensor.getString("dtype").value_or("?") << " [";
  if (const json::Array *shape = tensor.getArray("shape"))
    interleaveComma(*shape, os, [&](const json::Value &dim) {
      if (std::optional<StringRef> symbol = dim.getAsString())
        os << *symbol;
      else
        os << dim;
    });
  os << ']';
  if (const json::Array *range = tensor.getArray("range"))
    if (range->size() == 2)
      os << ", from " << (*range)[0] << " to below " << (*range)[1];
  if (const json::Value *value = tensor.get("default"))
    os << ", " << *value << " when left out";
  StringRef role = tensor.getString("role").value_or("data");
  if (role == "state")
    os << ", a state: updated in place, zeros when left out";
  if (role == "position")
    os << ", how many tokens the states hold";
  return commentText(line);
}

static void describeTensors(const json::Object &entry, StringRef key,
                            StringRef label, raw_ostream &os) {
  if (const json::Array *tensors = entry.getArray(key))
    for (const json::Value &tensor : *tensors)
      if (const json::Object *object = tensor.getAsObject())
        os << " *   " << label << ' ' << describeTensor(*object) << '\n';
}

Error quench::writeHeader(StringRef manifest, StringRef symbol,
                          raw_ostream &os) {
  Expected<json::Value> value = json::parse(manifest);
  if (!value)
    return value.takeError();
  const json::Object *model = value->getAsObject();
  const json::Array *entries = model ? model->getArray("entries") : nullptr;
  if (!entries)
    return createStringError("the manifest of the model has no entries");

  os << "/* "
     << commentText(formatv("{0}: compiled by Quench {1} for {2}.",
                            model->getString("name").value_or("model"),
                            model->getString("quench").value_or("?"),
                            model->getString("cpu").value_or("?"))
                        .str())
     << " */\n\n";
  std::string guard = StringRef(symbol).upper() + "_H";
  os << "#ifndef " << guard << "\n#define " << guard << "\n\n"
     << "#include <quench-rt/quench_rt.h>\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << "/** The model, for qrt_session_create(). Its entry points:\n";
  for (const json::Value &entry : *entries) {
    const json::Object *object = entry.getAsObject();
    if (!object)
      continue;
    os << " *\n * " << commentText(object->getString("name").value_or("?"))
       << '\n';
    describeTensors(*object, "inputs", "in ", os);
    describeTensors(*object, "outputs", "out", os);
  }
  os << " */\nextern const qrt_model " << symbol << ";\n\n"
     << "#ifdef __cplusplus\n}\n#endif\n\n#endif /* " << guard << " */\n";
  return Error::success();
}
