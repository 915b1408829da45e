//===- Scaffold.cpp - Writes the project of a new plugin ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Plugin/Scaffold.h"

#include "Quench/Support/Config.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <utility>

using namespace quench;

namespace {
struct Template {
  const char *path;
  const char *text;
};
} // namespace

static constexpr Template templates[] = {
#include "Scaffold.inc"
};

/// Lower-case words of letters and digits, joined by hyphens, the first letter
/// not a digit: what is good as a file, a target and a flag.
static bool isPluginName(llvm::StringRef name) {
  if (name.empty() || !llvm::isLower(name.front()) || name.back() == '-' ||
      name.contains("--"))
    return false;
  return llvm::all_of(name, [](char c) {
    return llvm::isLower(c) || llvm::isDigit(c) || c == '-';
  });
}

/// Fills in `@KEY@`.
static std::string
instantiate(llvm::StringRef text,
            llvm::ArrayRef<std::pair<llvm::StringRef, std::string>> values) {
  std::string result = text.str();
  for (const auto &[key, value] : values) {
    std::string pattern = ("@" + key + "@").str();
    for (size_t at = result.find(pattern); at != std::string::npos;
         at = result.find(pattern, at + value.size()))
      result.replace(at, pattern.size(), value);
  }
  return result;
}

static llvm::Error writeError(llvm::StringRef path, std::error_code error) {
  return llvm::createStringError(error, "cannot write '" + path +
                                            "': " + error.message());
}

static llvm::Error writeFile(llvm::StringRef path, llvm::StringRef text) {
  if (std::error_code error =
          llvm::sys::fs::create_directories(llvm::sys::path::parent_path(path)))
    return writeError(path, error);
  std::error_code error;
  llvm::raw_fd_ostream os(path, error);
  if (error)
    return writeError(path, error);
  os << text;
  os.close();
  if (!os.has_error())
    return llvm::Error::success();
  error = os.error();
  os.clear_error();
  return writeError(path, error);
}

/// Writes all files below `folder`.
static llvm::Error
writeFiles(llvm::StringRef folder,
           llvm::ArrayRef<std::pair<llvm::StringRef, std::string>> values) {
  for (const Template &file : templates) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, file.path);
    if (llvm::Error error = writeFile(path, instantiate(file.text, values)))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error quench::writePluginProject(llvm::StringRef name,
                                       llvm::StringRef directory) {
  if (!isPluginName(name))
    return llvm::createStringError(
        "'" + name +
        "' is no name for a plugin: expected lower-case letters, "
        "digits and hyphens, as in 'my-plugin'");

  std::error_code error;
  bool exists = llvm::sys::fs::exists(directory);
  if (exists && (llvm::sys::fs::directory_iterator(directory, error) !=
                     llvm::sys::fs::directory_iterator() ||
                 error))
    return llvm::createStringError("'" + directory +
                                   "' exists and is not an empty folder");

  std::string identifier = name.str();
  llvm::replace(identifier, '-', '_');
  std::pair<llvm::StringRef, std::string> values[] = {
      {"NAME", name.str()},
      {"NAMESPACE", identifier},
      {"GUARD", llvm::StringRef(identifier).upper()},
      {"CLASS", llvm::convertToCamelFromSnakeCase(identifier, true)},
      {"QUENCH_VERSION", QUENCH_VERSION}};

  // The project appears as a whole or not at all.
  llvm::StringRef target = directory.rtrim('/');
  if (target.empty())
    target = ".";
  llvm::SmallString<128> folder;
  llvm::sys::fs::createUniquePath(target + ".%%%%%%", folder,
                                  /*MakeAbsolute=*/false);
  llvm::Error failure = writeFiles(folder, values);
  if (!failure)
    if ((error = llvm::sys::fs::rename(folder, target)))
      failure = writeError(directory, error);
  if (failure)
    llvm::sys::fs::remove_directories(folder);
  return failure;
}
