//===- NumberOps.h - Weight ops on doubles ----------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TEST_UNIT_DIALECT_NUMBEROPS_H
#define QUENCH_TEST_UNIT_DIALECT_NUMBEROPS_H

#include "Quench/Dialect/Quench/IR/Quench.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"

#include "gtest/gtest.h"

namespace quench::test {

using Numbers = std::vector<double>;

/// Evaluates one weight op at a time.
class NumberOps : public ::testing::Test {
protected:
  NumberOps() {
    context.loadDialect<QuenchDialect>();
    context.getDiagEngine().registerHandler([&](mlir::Diagnostic &diagnostic) {
      messages.push_back(diagnostic.str());
      return mlir::success();
    });
  }

  /// What `op`, the text of an op on `%w0`, `%w1`, ... of the types `types`,
  /// makes of `operands`, all doubles; empty when it fails.
  Numbers run(llvm::StringRef op, llvm::ArrayRef<llvm::StringRef> types,
              llvm::ArrayRef<Numbers> operands) {
    std::string text;
    llvm::raw_string_ostream os(text);
    for (auto [index, type] : llvm::enumerate(types))
      os << "%w" << index << " = quench.param <\"m\"::\"w\"> : " << type
         << "\n";
    os << "%r = " << op << " : (" << llvm::join(types, ", ") << ") -> "
       << resultType << "\n";
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      return {};
    auto weight =
        mlir::cast<WeightProgramOpInterface>(module->getBody()->back());
    auto type =
        mlir::cast<mlir::RankedTensorType>(weight->getResult(0).getType());
    Numbers result(type.getNumElements());
    llvm::SmallVector<llvm::ArrayRef<char>> bytes;
    for (const Numbers &numbers : operands)
      bytes.emplace_back(reinterpret_cast<const char *>(numbers.data()),
                         numbers.size() * sizeof(double));
    if (mlir::failed(weight.evaluateWeights(
            bytes, {reinterpret_cast<char *>(result.data()),
                    result.size() * sizeof(double)})))
      return {};
    return result;
  }

  std::string resultType;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<std::string> messages;
};

} // namespace quench::test

#endif // QUENCH_TEST_UNIT_DIALECT_NUMBEROPS_H
