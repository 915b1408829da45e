//===- Params.h - Where the parameters of a model lie -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_PARAMS_H
#define QUENCH_RUNTIME_CPU_PARAMS_H

#include "Manifest.h"
#include "MappedFile.h"

namespace quench::rt {

/// The parameter bytes of a model: in memory, at the end of the file that holds
/// its code, or in an archive. Mapped, not copied; aligned to 64 bytes.
class Params {
public:
  /// Finds and, if `verify`, hashes the bytes. `path` names the archive, or is
  /// empty: where the manifest says.
  static StatusOr<Params> open(const qrt_model &model, const ParamsInfo &info,
                               const std::string &path, bool verify);

  absl::string_view bytes() const { return view; }

private:
  MappedFile file;
  absl::string_view view;
};

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_PARAMS_H
