//===- ConvolutionShapes.h - Shapes of convolutions -------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_IR_CONVOLUTIONSHAPES_H
#define QUENCH_LIB_DIALECT_QUENCH_IR_CONVOLUTIONSHAPES_H

#include "Quench/Dialect/Quench/IR/ShapeInference.h"

namespace quench {

/// Fails unless `strides` and `padding` are such along two dimensions.
inline llvm::LogicalResult checkWindowSteps(ShapeInference &shapes,
                                            llvm::ArrayRef<int64_t> strides,
                                            llvm::ArrayRef<int64_t> padding) {
  if (strides.size() != 2 ||
      llvm::any_of(strides, [](int64_t stride) { return stride < 1; }))
    return shapes.fail("expected two positive strides");
  if (padding.size() != 2 ||
      llvm::any_of(padding, [](int64_t size) { return size < 0; }))
    return shapes.fail("expected two sizes of padding, not negative");
  return mlir::success();
}

/// Adds to `dims` how many windows of `kernel` there are along the dimensions
/// `first` and `first + 1` of `image`. Fails where there is none.
inline llvm::LogicalResult
inferWindows(ShapeInference &shapes, mlir::Value image, int64_t first,
             llvm::ArrayRef<int64_t> kernel, llvm::ArrayRef<int64_t> strides,
             llvm::ArrayRef<int64_t> padding,
             llvm::SmallVectorImpl<ShapeInference::Dim> &dims) {
  for (int64_t axis : {0, 1}) {
    ShapeInference::Dim extent = shapes.getDim(image, first + axis);
    int64_t size = ShapeInference::getSize(extent);
    if (!mlir::ShapedType::isDynamic(size) &&
        size + 2 * padding[axis] < kernel[axis])
      return shapes.fail("expected an image of at least ", kernel[axis],
                         " pixels with its padding along dimension ",
                         first + axis, ", found ", size + 2 * padding[axis]);
    dims.push_back(
        (extent + (2 * padding[axis] - kernel[axis])).floorDiv(strides[axis]) +
        1);
  }
  return mlir::success();
}

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_IR_CONVOLUTIONSHAPES_H
