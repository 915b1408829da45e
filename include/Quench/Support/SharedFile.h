//===- SharedFile.h - Named files of an installation ------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recipes and schemes are files of YAML that users name, `quarot`, or write
// themselves, `./mine.yaml`, and that have parameters: `quarot{seed=7}`.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_SHAREDFILE_H
#define QUENCH_SUPPORT_SHAREDFILE_H

#include "Quench/Support/Error.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLTraits.h"

#include <string>
#include <utility>
#include <vector>

namespace quench {

/// A number or word that users may choose; `${NAME}` stands for it.
struct FileParameter {
  std::string name, description, value;
};

/// `NAME{ARGUMENTS}` as name and arguments; fails where the brace is not
/// closed.
llvm::Expected<std::pair<llvm::StringRef, llvm::StringRef>>
splitArguments(llvm::StringRef text);

/// Gives `parameters` the values that `arguments`, `NAME=VALUE` separated by
/// spaces, say. Fails where a parameter is none.
llvm::Error setParameters(std::vector<FileParameter> &parameters,
                          llvm::StringRef arguments);

/// `text` with the values of `parameters` in place of `${NAME}`; fails where
/// there is none of that name.
llvm::Expected<std::string>
substituteParameters(llvm::StringRef text,
                     llvm::ArrayRef<FileParameter> parameters);

/// The names of the `.yaml` files in `share/quench/FOLDER` of this
/// installation, sorted.
std::vector<std::string> getSharedFileNames(llvm::StringRef folder);

/// The path of the file `NAME.yaml` in `share/quench/FOLDER`.
std::string getSharedFilePath(llvm::StringRef folder, llvm::StringRef name);

/// The path of `nameOrFile`: itself where it has a slash or ends in `.yaml`,
/// else that of a file in `share/quench/FOLDER`. Fails with the names that are
/// most like it; `kind` is what they are called.
llvm::Expected<std::string> findSharedFile(llvm::StringRef folder,
                                           llvm::StringRef kind,
                                           llvm::StringRef nameOrFile);

/// Writes what the YAML parser found as `FILE:LINE:COLUMN: text` to the string
/// `context`.
void collectYamlMessage(const llvm::SMDiagnostic &diagnostic, void *context);

/// Reads the YAML file `path`, called `kind` in messages, into `value`. Fails
/// with the place in the file.
template <typename T>
llvm::Error readYaml(llvm::StringRef path, llvm::StringRef kind, T &value) {
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    return makeError("cannot read ", kind, " '", path,
                     "': ", describe(file.getError()));
  std::string message;
  llvm::yaml::Input input((*file)->getMemBufferRef(), nullptr,
                          collectYamlMessage, &message);
  input >> value;
  if (!input.error())
    return llvm::Error::success();
  return makeError(message.empty() ? (path + ": expected a mapping").str()
                                   : message);
}

} // namespace quench

LLVM_YAML_IS_SEQUENCE_VECTOR(quench::FileParameter)

template <>
struct llvm::yaml::MappingTraits<quench::FileParameter> {
  static void mapping(IO &io, quench::FileParameter &parameter) {
    io.mapRequired("name", parameter.name);
    io.mapRequired("description", parameter.description);
    io.mapRequired("value", parameter.value);
  }
};

#endif // QUENCH_SUPPORT_SHAREDFILE_H
