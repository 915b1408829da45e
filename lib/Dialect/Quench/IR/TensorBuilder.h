//===- TensorBuilder.h - Builds loops on tensors ---------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_IR_TENSORBUILDER_H
#define QUENCH_LIB_DIALECT_QUENCH_IR_TENSORBUILDER_H

#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OpDefinition.h"

namespace quench {

/// A number in the body of a loop. Arithmetic on it builds ops; a plain number
/// beside it becomes a constant of its type.
class Scalar {
public:
  Scalar(mlir::ImplicitLocOpBuilder &builder, mlir::Value value)
      : builder(&builder), value(value) {}

  operator mlir::Value() const { return value; }
  mlir::ImplicitLocOpBuilder &getBuilder() const { return *builder; }

  /// The constant `number` of the same type.
  Scalar constant(double number) const;

  Scalar operator-() const;
  Scalar operator+(Scalar other) const;
  Scalar operator-(Scalar other) const;
  Scalar operator*(Scalar other) const;
  Scalar operator/(Scalar other) const;
  Scalar operator+(double other) const { return *this + constant(other); }
  Scalar operator-(double other) const { return *this - constant(other); }
  Scalar operator*(double other) const { return *this * constant(other); }

private:
  mlir::ImplicitLocOpBuilder *builder;
  mlir::Value value;
};

Scalar abs(Scalar x);
Scalar exp(Scalar x);
Scalar sqrt(Scalar x);
Scalar tanh(Scalar x);
Scalar erf(Scalar x);
Scalar log1p(Scalar x);
Scalar sin(Scalar x);
Scalar cos(Scalar x);
/// The larger of `x` and `y`; NaN where one of them is.
Scalar max(Scalar x, Scalar y);
Scalar min(Scalar x, Scalar y);
/// `condition ? x : y`, `condition` an i1.
Scalar select(mlir::Value condition, Scalar x, Scalar y);
/// Whether `x` equals `number`, as an i1.
mlir::Value isEqual(Scalar x, double number);

/// The type in which numbers of type `type` are computed with: at least f32.
mlir::FloatType getComputeType(mlir::Type type);

/// An input of a loop: a tensor and, for each of its dimensions, the loop that
/// runs over it.
struct LoopInput {
  mlir::Value value;
  llvm::SmallVector<unsigned> loops;
};

/// What the body of a loop sees. Floats come in their compute type.
class LoopBody {
public:
  LoopBody(mlir::ImplicitLocOpBuilder &builder, mlir::ValueRange inputs)
      : builder(builder), inputs(inputs) {}

  mlir::ImplicitLocOpBuilder &getBuilder() { return builder; }

  /// The element of input `index`.
  Scalar operator[](unsigned index) const {
    return Scalar(builder, inputs[index]);
  }

  /// Whether the element of the integer input `index` is not zero, as an i1.
  mlir::Value isSet(unsigned index) const;

  /// The count of loop `loop`, of type index.
  mlir::Value getIndex(unsigned loop) const;

private:
  mlir::ImplicitLocOpBuilder &builder;
  mlir::ValueRange inputs;
};

/// Builds perfect loop nests on tensors, linalg ops, at one location.
class TensorBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Sizes = llvm::ArrayRef<mlir::OpFoldResult>;
  using MapBody = llvm::function_ref<Scalar(LoopBody &)>;
  using MultiMapBody =
      llvm::function_ref<llvm::SmallVector<Scalar>(LoopBody &)>;
  using FoldBody = llvm::function_ref<Scalar(LoopBody &, Scalar)>;

  TensorBuilder(mlir::OpBuilder &builder, mlir::Location loc)
      : mlir::ImplicitLocOpBuilder(loc, builder) {}

  /// The sizes of the tensor `value`.
  llvm::SmallVector<mlir::OpFoldResult> getSizes(mlir::Value value);
  mlir::OpFoldResult getSize(mlir::Value value, int64_t dim);

  /// The sizes of result `index` of `op`.
  llvm::SmallVector<mlir::OpFoldResult> getResultSizes(mlir::Operation *op,
                                                       unsigned index = 0);

  mlir::Value getIndex(mlir::OpFoldResult size);
  mlir::OpFoldResult add(mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);

  /// A tensor of elements that nobody wrote.
  mlir::Value empty(Sizes sizes, mlir::Type type);

  /// A tensor full of `number`.
  mlir::Value fill(Sizes sizes, mlir::Type type, double number);

  /// A tensor of `sizes` and `type` computed element by element; loop `i` runs
  /// over dimension `i`. The result of the body is rounded to `type`.
  mlir::Value map(Sizes sizes, mlir::Type type,
                  llvm::ArrayRef<LoopInput> inputs, MapBody body);
  llvm::SmallVector<mlir::Value> mapMany(Sizes sizes, mlir::TypeRange types,
                                         llvm::ArrayRef<LoopInput> inputs,
                                         MultiMapBody body);

  /// Folds into every element of `init` what the body makes of it and the
  /// inputs. `loops[i]` is the loop over dimension `i` of `init`; the others
  /// among the first `numLoops` reduce.
  mlir::Value fold(mlir::Value init, llvm::ArrayRef<unsigned> loops,
                   unsigned numLoops, llvm::ArrayRef<LoopInput> inputs,
                   FoldBody body);

  /// The tensor `value` with elements of type `type`.
  mlir::Value convert(mlir::Value value, mlir::Type type);

  /// `value` under the more or less static type `type`.
  mlir::Value cast(mlir::Value value, mlir::Type type);

  mlir::Value collapse(mlir::Value value,
                       llvm::ArrayRef<mlir::ReassociationIndices> groups);
  mlir::Value expand(mlir::Value value,
                     llvm::ArrayRef<mlir::ReassociationIndices> groups,
                     Sizes sizes);

  /// `size` elements of dimension `dim` from `offset` on, `stride` apart; all
  /// of the other dimensions.
  mlir::Value slice(mlir::Value value, int64_t dim, mlir::OpFoldResult offset,
                    mlir::OpFoldResult size, int64_t stride = 1);

  /// Element `offset` of dimension `dim`, without that dimension.
  mlir::Value select(mlir::Value value, int64_t dim, mlir::OpFoldResult offset);

  /// `into` with `value` written from `offset` of dimension `dim` on, `stride`
  /// apart. A `value` that lacks the dimension is one element of it.
  mlir::Value insert(mlir::Value value, mlir::Value into, int64_t dim,
                     mlir::OpFoldResult offset, int64_t stride = 1);

  /// `0, 1, ..., n - 1`.
  static llvm::SmallVector<unsigned> range(unsigned n);
};

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_IR_TENSORBUILDER_H
