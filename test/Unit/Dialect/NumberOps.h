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
  /// makes of `operands`, numbers or codes of a byte; empty when it fails.
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
    llvm::SmallVector<std::vector<char>> bytes;
    llvm::SmallVector<llvm::ArrayRef<char>> views;
    for (auto [value, numbers] :
         llvm::zip_equal(weight->getOperands(), operands))
      bytes.push_back(encode(value, numbers));
    for (const std::vector<char> &operand : bytes)
      views.emplace_back(operand);
    std::vector<char> result(type.getNumElements() *
                             type.getElementTypeBitWidth() / 8);
    if (mlir::failed(weight.evaluateWeights(views, result)))
      return {};
    return decode(type, result);
  }

private:
  static bool isCode(mlir::Type type) {
    return mlir::cast<mlir::RankedTensorType>(type).getElementType().isInteger(
        8);
  }
  static bool isSingle(mlir::Type type) {
    return mlir::cast<mlir::RankedTensorType>(type).getElementType().isF32();
  }
  /// Doubles, floats, or codes of a byte.
  static std::vector<char> encode(mlir::Value value, const Numbers &numbers) {
    if (isCode(value.getType()))
      return {numbers.begin(), numbers.end()};
    if (isSingle(value.getType())) {
      std::vector<float> singles(numbers.begin(), numbers.end());
      auto *begin = reinterpret_cast<const char *>(singles.data());
      return {begin, begin + singles.size() * sizeof(float)};
    }
    auto *begin = reinterpret_cast<const char *>(numbers.data());
    return {begin, begin + numbers.size() * sizeof(double)};
  }
  static Numbers decode(mlir::Type type, const std::vector<char> &bytes) {
    if (isCode(type))
      return {reinterpret_cast<const int8_t *>(bytes.data()),
              reinterpret_cast<const int8_t *>(bytes.data()) + bytes.size()};
    if (isSingle(type)) {
      auto *begin = reinterpret_cast<const float *>(bytes.data());
      return {begin, begin + bytes.size() / sizeof(float)};
    }
    auto *begin = reinterpret_cast<const double *>(bytes.data());
    return {begin, begin + bytes.size() / sizeof(double)};
  }

protected:
  std::string resultType;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<std::string> messages;
};

} // namespace quench::test

#endif // QUENCH_TEST_UNIT_DIALECT_NUMBEROPS_H
