//===- Inspect.h - What a model is made of ----------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_INSPECT_H
#define QUENCH_PIPELINES_INSPECT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/JSON.h"

#include <string>
#include <vector>

namespace quench {

/// What `quench inspect` shows of a model.
struct ModelSummary {
  struct Tensor {
    std::string name;
    std::string dtype;
    /// Integers, or names of dynamic dimensions.
    std::vector<std::string> shape;
    /// Roles of inputs: data, state or position.
    std::string role;
  };
  struct Entry {
    std::string name;
    std::vector<Tensor> inputs, outputs;
  };
  struct Parameter {
    std::string scope, name;
    std::string dtype;
    llvm::SmallVector<int64_t> shape;
    int64_t elements;
    int64_t bytes;
  };
  /// The parameters that share a path in the checkpoint, and what uses them.
  struct Layer {
    std::string name;
    /// Names of the ops, without their dialect.
    std::vector<std::string> ops;
    std::vector<Parameter> parameters;
  };

  std::string name;
  std::string modelType;
  std::vector<std::pair<std::string, std::string>> archives;
  std::vector<Entry> entries;
  /// In the order of their first use.
  std::vector<Layer> layers;

  int64_t numParameters() const;
  int64_t numElements() const;
  int64_t numBytes() const;
};

/// Collects the summary of a verified module.
ModelSummary summarizeModel(mlir::ModuleOp module);

/// Writes tables for people, at most one line a parameter.
void printSummary(const ModelSummary &summary, llvm::raw_ostream &os);

/// The same as one JSON object.
llvm::json::Value summaryToJSON(const ModelSummary &summary);

} // namespace quench

#endif // QUENCH_PIPELINES_INSPECT_H
