//===- ShapeInference.h - Shapes of results of ops -------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_SHAPEINFERENCE_H
#define QUENCH_DIALECT_QUENCH_IR_SHAPEINFERENCE_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/ValueRange.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"

namespace quench {

/// Collects the shapes of the results of one op as expressions over the
/// dimensions of its operands. One description of an op serves three readers:
/// its verifier, the inference of its result types, and the reification of its
/// dynamic result dimensions.
class ShapeInference {
public:
  /// A dimension: a constant, a symbol for what is dynamic, or a sum, product
  /// or quotient of such. Null is a dimension about which nothing is known.
  using Dim = mlir::AffineExpr;

  /// Diagnostics go to `location` and name the op `opName`; without a location
  /// they are dropped.
  ShapeInference(mlir::MLIRContext *context,
                 std::optional<mlir::Location> location, llvm::StringRef opName,
                 mlir::ValueRange operands);

  mlir::MLIRContext *getContext() const { return context; }

  /// Fails with a diagnostic unless every operand is a ranked tensor or an
  /// integer.
  llvm::LogicalResult checkOperands();

  /// Reports the message that `parts` make at the op and fails.
  template <typename... Parts>
  llvm::LogicalResult fail(Parts &&...parts) {
    if (location) {
      mlir::InFlightDiagnostic diagnostic = mlir::emitError(*location);
      diagnostic << "'" << opName << "' op ";
      (diagnostic << ... << std::forward<Parts>(parts));
    }
    return mlir::failure();
  }

  /// The number of dimensions of the tensor `value`.
  int64_t getRank(mlir::Value value) const;

  /// The element type of the tensor `value`.
  mlir::Type getElementType(mlir::Value value) const;

  /// Dimension `index` of the tensor `value`; a negative index counts from the
  /// end.
  Dim getDim(mlir::Value value, int64_t index) const;

  /// All dimensions of the tensor `value` but the last `drop` ones.
  llvm::SmallVector<Dim> getDims(mlir::Value value, int64_t drop = 0) const;

  /// The value of the integer operand `value` as a dimension.
  Dim getScalar(mlir::Value value) const;

  /// A dimension of fixed size.
  Dim getConstant(int64_t size) const;

  /// The size of `dim` where it is known, else `ShapedType::kDynamic`.
  static int64_t getSize(Dim dim);

  /// Fails unless the tensor `value`, called `name` in diagnostics, has at
  /// least `rank` dimensions. An absent value passes.
  llvm::LogicalResult checkMinimalRank(mlir::Value value, llvm::StringRef name,
                                       int64_t rank);

  /// Fails unless the tensor `value`, called `name` in diagnostics, can have
  /// the shape `expected`, dynamic and null dimensions matching any size. An
  /// absent value passes.
  llvm::LogicalResult checkShape(mlir::Value value, llvm::StringRef name,
                                 llvm::ArrayRef<Dim> expected);

  /// Fails unless the shape of the tensor `value`, called `name` in
  /// diagnostics, can be a suffix of `expected`. An absent value passes.
  llvm::LogicalResult checkSuffix(mlir::Value value, llvm::StringRef name,
                                  llvm::ArrayRef<Dim> expected);

  /// Fails unless the tensor `value`, called `name` in diagnostics, has
  /// elements of type `expected`. An absent value passes.
  llvm::LogicalResult checkElementType(mlir::Value value, llvm::StringRef name,
                                       mlir::Type expected);

  /// Fails unless dimension `index` of `value`, called `name` in diagnostics,
  /// is static.
  llvm::LogicalResult checkStatic(mlir::Value value, llvm::StringRef name,
                                  int64_t index);

  /// Adds a result.
  void addResult(llvm::ArrayRef<Dim> dims, mlir::Type elementType);

  /// Adds a result of the type of the tensor `value`.
  void addResultLike(mlir::Value value);

  /// The types of the results added so far.
  void getTypes(llvm::SmallVectorImpl<mlir::Type> &types) const;

  /// The dimensions of the results, computed by ops of `builder` where they are
  /// dynamic.
  void reify(mlir::OpBuilder &builder, mlir::Location loc,
             mlir::ReifiedRankedShapedTypeDims &reified) const;

private:
  struct Result {
    llvm::SmallVector<Dim> dims;
    mlir::Type elementType;
  };

  unsigned getSymbol(mlir::Value value, int64_t index) const;
  mlir::OpFoldResult reify(mlir::OpBuilder &builder, mlir::Location loc,
                           Dim dim) const;
  llvm::LogicalResult failShape(mlir::Value value, llvm::StringRef name,
                                llvm::ArrayRef<Dim> expected,
                                llvm::StringRef remark);

  mlir::MLIRContext *context;
  std::optional<mlir::Location> location;
  llvm::StringRef opName;
  mlir::ValueRange operands;
  llvm::SmallVector<Result, 2> results;
};

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_IR_SHAPEINFERENCE_H
