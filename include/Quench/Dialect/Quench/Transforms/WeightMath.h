//===- WeightMath.h - Steps of weight programs -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rewrites change weights by appending a step to the program that computes
// them. These functions keep programs exact until one last rounding: a program
// is one cast, to the type that the model has the weight in, of a program in
// f64 over what archives hold. A step is appended before that cast.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_WEIGHTMATH_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_WEIGHTMATH_H

#include "Quench/Interfaces/RotationAttrInterface.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

namespace quench {

/// An orthogonal matrix for one axis of weights: one that an attribute
/// describes, or one that is a parameter `[n, n]` or `[blocks, n, n]`.
class Rotation {
public:
  Rotation(RotationAttrInterface attr) : attr(attr) {}
  explicit Rotation(mlir::Value matrix, bool transposed = false)
      : matrix(matrix), transposed(transposed) {}

  /// The transpose.
  Rotation getInverse() const;

  /// The number of elements that one matrix multiplies.
  int64_t getOrder() const;

  /// How the matrix is named in remarks: the attribute, or the parameter.
  std::string getDescription() const;

  RotationAttrInterface getAttr() const { return attr; }
  mlir::Value getMatrix() const { return matrix; }
  bool isTransposed() const { return transposed; }

private:
  RotationAttrInterface attr;
  mlir::Value matrix;
  bool transposed = false;
};

/// Whether `value` is computed from parameters alone, by ops that
/// `WeightProgramOpInterface` evaluates.
bool isWeightProgram(mlir::Value value);

/// `weight` in f64, before it was rounded: what the last cast of its program
/// casts from, also before ops that only move numbers, else a cast of it. To be
/// used in further steps.
mlir::Value widenWeight(mlir::OpBuilder &builder, mlir::Value weight);

/// `wide`, a program in f64, rounded to elements of type `element`.
mlir::Value narrowWeight(mlir::OpBuilder &builder, mlir::Value wide,
                         mlir::Type element);

/// The parameters of type `type` that are all `number`: what stands for an
/// absent gain or bias.
mlir::Value createFilledWeight(mlir::OpBuilder &builder, mlir::Location loc,
                               mlir::RankedTensorType type, double number);

// Each of the following has a result of the type of `weight`, unless it says
// otherwise, at the location of `weight`. The other operands are programs of
// any float type; those that were rounded last are used as they were before.

/// `weight * scale` along `axis`, with `inverse` `weight / scale`. `scale` is a
/// vector along the axis or of rank 0.
mlir::Value scaleWeight(mlir::OpBuilder &builder, mlir::Value weight,
                        mlir::Value scale, int64_t axis, bool inverse = false);

/// Every vector of `weight` along `axis`, as a row, times `rotation`.
mlir::Value rotateWeight(mlir::OpBuilder &builder, mlir::Value weight,
                         const Rotation &rotation, int64_t axis);

/// `weight` minus its mean along `axis`.
mlir::Value centerWeight(mlir::OpBuilder &builder, mlir::Value weight,
                         int64_t axis);

/// `weight + offset`, with `negative` `weight - offset`. The shape of `offset`
/// is a suffix of that of `weight`.
mlir::Value shiftWeight(mlir::OpBuilder &builder, mlir::Value weight,
                        mlir::Value offset, bool negative = false);

/// The sums of products of the last axis of `weight` and the first of `other`,
/// a vector or a matrix; in the element type of `weight`. What bias `weight`
/// makes of a shift `other`.
mlir::Value contractWeight(mlir::OpBuilder &builder, mlir::Value weight,
                           mlir::Value other);

/// The greatest magnitudes of `weight` for each index of `axis`.
mlir::Value getWeightAbsMax(mlir::OpBuilder &builder, mlir::Value weight,
                            int64_t axis);

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_WEIGHTMATH_H
