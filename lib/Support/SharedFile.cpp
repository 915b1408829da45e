//===- SharedFile.cpp - Named files of an installation --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/SharedFile.h"

#include "Quench/Support/Installation.h"
#include "Quench/Support/Spelling.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace quench;

Expected<std::pair<StringRef, StringRef>>
quench::splitArguments(StringRef text) {
  auto [name, arguments] = text.split('{');
  if (name.size() != text.size() && !arguments.consume_back("}"))
    return makeError("found '", text, "', expected NAME{PARAMETER=VALUE ...}");
  return std::pair(name, arguments);
}

Error quench::setParameters(std::vector<FileParameter> &parameters,
                            StringRef arguments) {
  SmallVector<StringRef> words;
  arguments.split(words, ' ', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef word : words) {
    auto [key, value] = word.split('=');
    auto parameter = llvm::find_if(
        parameters, [key = key](const auto &it) { return it.name == key; });
    if (parameter == parameters.end())
      return makeError(
          "no parameter '", key, "'",
          suggest(key, llvm::map_to_vector(parameters, [](const auto &it) {
                    return it.name;
                  })));
    if (value.empty())
      return makeError("found '", word, "', expected NAME=VALUE");
    parameter->value = value.str();
  }
  return Error::success();
}

Expected<std::string>
quench::substituteParameters(StringRef text,
                             ArrayRef<FileParameter> parameters) {
  std::string result;
  while (true) {
    auto [before, rest] = text.split("${");
    result += before;
    if (before.size() == text.size())
      return result;
    auto [name, after] = rest.split('}');
    const auto *parameter = llvm::find_if(
        parameters, [name = name](const auto &it) { return it.name == name; });
    if (parameter == parameters.end())
      return makeError("no parameter '", name, "'");
    result += parameter->value;
    text = after;
  }
}

std::vector<std::string> quench::getSharedFileNames(StringRef folder) {
  std::vector<std::string> names;
  std::error_code ec;
  for (sys::fs::directory_iterator file(findSharedFolder(folder), ec), end;
       !ec && file != end; file.increment(ec))
    if (sys::path::extension(file->path()) == ".yaml")
      names.push_back(sys::path::stem(file->path()).str());
  llvm::sort(names);
  return names;
}

std::string quench::getSharedFilePath(StringRef folder, StringRef name) {
  SmallString<128> path(findSharedFolder(folder));
  sys::path::append(path, name + ".yaml");
  return std::string(path);
}

Expected<std::string> quench::findSharedFile(StringRef folder, StringRef kind,
                                             StringRef nameOrFile) {
  if (nameOrFile.contains('/') || nameOrFile.ends_with(".yaml"))
    return nameOrFile.str();
  std::vector<std::string> names = getSharedFileNames(folder);
  if (llvm::is_contained(names, nameOrFile))
    return getSharedFilePath(folder, nameOrFile);
  return makeError("no ", kind, " '", nameOrFile, "'",
                   suggest(nameOrFile, names));
}

void quench::collectYamlMessage(const SMDiagnostic &diagnostic, void *context) {
  auto &message = *static_cast<std::string *>(context);
  if (!message.empty())
    return;
  StringRef text = diagnostic.getMessage();
  message = formatv("{0}:{1}:{2}: ", diagnostic.getFilename(),
                    diagnostic.getLineNo(), diagnostic.getColumnNo() + 1);
  message += text.take_front().lower() + text.drop_front().rtrim('.').str();
}
