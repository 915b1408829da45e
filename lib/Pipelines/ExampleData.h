//===- ExampleData.h - Inputs of a model from a file ------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_PIPELINES_EXAMPLEDATA_H
#define QUENCH_LIB_PIPELINES_EXAMPLEDATA_H

#include "Quench/Pipelines/DataOptions.h"
#include "Quench/Support/DType.h"
#include "quench-rt/quench_rt.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <optional>

namespace quench {

/// Examples of what an entry point takes, in a file.
class ExampleData {
public:
  virtual ~ExampleData();

  /// Opens `options.data` for `function`, see there which files can be.
  static llvm::Expected<std::unique_ptr<ExampleData>>
  open(mlir::func::FuncOp function, const DataOptions &options);

  /// Opens the labels of `examples`, one for each, as the tensor `labels`: an
  /// npy file or what safetensors have under that name. Where `path` is empty
  /// they are those in `data`, the file of the examples; null where that has
  /// none.
  static llvm::Expected<std::unique_ptr<ExampleData>>
  openLabels(llvm::StringRef path, llvm::StringRef data,
             const ExampleData &examples);

  /// Called before the examples are asked for, with what will run them.
  virtual llvm::Error prepare(qrt_session *session) {
    return llvm::Error::success();
  }
  /// How many examples there are, and how many are to be taken at once.
  virtual int64_t size() const = 0;
  virtual int64_t getBatch() const = 0;
  /// Whether a token is a byte.
  virtual bool areBytes() const { return false; }
  /// The inputs that the examples [begin, begin + count) are; they live until
  /// the next call.
  virtual llvm::Expected<llvm::ArrayRef<qrt_tensor>> get(int64_t begin,
                                                         int64_t count) = 0;
};

/// The type of the runtime that elements of `dtype` have, or none.
std::optional<qrt_dtype> getRuntimeType(DType dtype);

/// The examples [begin, end) in words, counted from 1.
std::string describeExamples(int64_t begin, int64_t end);

} // namespace quench

#endif // QUENCH_LIB_PIPELINES_EXAMPLEDATA_H
