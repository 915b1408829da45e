//===- Context.h - What the handles of the C API point to -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_CAPI_CONTEXT_H
#define QUENCH_LIB_CAPI_CONTEXT_H

#include "Quench/Import/Importer.h"
#include "quench-c/quench.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

#include <string>

struct quench_context {
  quench_context();

  /// Forgets the last failure; every function that takes a context begins so.
  void begin() { error.clear(); }

  /// Reports a failure that is no diagnostic.
  quench_status fail(quench_status status, const llvm::Twine &message);

  /// Hands a message to the callback, and to error where it is one.
  void report(quench_severity severity, llvm::StringRef text);

  mlir::MLIRContext context;
  quench::ImporterRegistry importers;
  std::string error;
  quench_message_fn callback = nullptr;
  void *user = nullptr;
};

struct quench_module {
  quench_context &owner;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// Where relative paths in the IR start from.
  std::string directory;
};

#endif // QUENCH_LIB_CAPI_CONTEXT_H
