//===- QuenchPolicyOps.td - Rotations that policies choose --*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weight programs that compute rotations from weights, statistics and learned
// tensors. A policy that needs numbers leaves such an op behind; what it asks
// of them is checked when it is evaluated.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHPOLICYOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHPOLICYOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"

def Quench_Matrices : RankedTensorOf<[F64]>;

def Quench_MomentsOp : Quench_ShapedWeightOp<"moments", Quench_LeafProgram> {
  let summary = "sums of products of the vectors along an axis";
  let description = [{
    The matrix `[n + 1, n + 1]` that is the sum of `(v, 1)^T (v, 1)` over all
    vectors `v` of `n` numbers along `axis`: second moments, sums, and in the
    corner the count. `total`, when given, is added, so that a chain of these ops
    sums over many tensors with one of them in memory at a time.

    With `blocks` the axis is cut into so many parts of equal length, and every
    part into vectors of length `size`; the result `[blocks, size + 1, size + 1]`
    has a matrix for each part. Heads of attention that share keys are the
    vectors of one part.

    ```mlir
    %v = quench.param <"model"::"v"> : tensor<8x6xf32>
    %w = quench.param <"model"::"w"> : tensor<4x6xbf16>
    %a = quench.moments of %v axis 1 : (tensor<8x6xf32>) -> tensor<7x7xf64>
    %b = quench.moments total %a of %w axis 1 : (tensor<7x7xf64>, tensor<4x6xbf16>) -> tensor<7x7xf64>
    %c = quench.moments of %v axis 0 blocks 2 size 2 : (tensor<8x6xf32>) -> tensor<2x3x3xf64>
    ```
  }];
  // The total comes first: it is then evaluated before the input is read.
  let arguments = (ins Optional<Quench_Matrices>:$total, Quench_FloatTensor:$input,
                       I64Attr:$axis, OptionalAttr<I64Attr>:$blocks, OptionalAttr<I64Attr>:$size);
  let results = (outs Quench_Matrices:$result);
  let assemblyFormat = [{
    (`total` $total^)? `of` $input `axis` $axis (`blocks` $blocks^)? (`size` $size^)?
    attr-dict `:` functional-type(operands, results)
  }];
}

def Quench_CovarianceOp : Quench_ShapedWeightOp<"covariance", Quench_LeafProgram> {
  let summary = "the covariance that moments stand for";
  let description = [{
    Of moments `[.., n + 1, n + 1]` as `quench.moments` sums them, the covariance
    matrices `[.., n, n]`, divided by the count less one. Evaluation fails where
    fewer than two vectors were counted.

    ```mlir
    %v = quench.param <"model"::"v"> : tensor<8x6xf32>
    %m = quench.moments of %v axis 1 : (tensor<8x6xf32>) -> tensor<7x7xf64>
    %c = quench.covariance %m : (tensor<7x7xf64>) -> tensor<6x6xf64>
    ```
  }];
  let arguments = (ins Quench_Matrices:$moments);
  let results = (outs Quench_Matrices:$result);
  let assemblyFormat = "$moments attr-dict `:` functional-type(operands, results)";
}

def Quench_KLTOp : Quench_ShapedWeightOp<"klt", Quench_LeafProgram> {
  let summary = "the orthogonal matrix that diagonalizes a covariance";
  let description = [{
    For each matrix of `covariance` `[.., n, n]` its eigenvectors as columns, the
    largest eigenvalue first, the largest entry of each positive. With `mean`
    `[.., n]` the first operand is a second moment, and the product of means is
    subtracted from it. Only the symmetric part counts. Evaluation fails on
    numbers that are not finite.

    The Karhunen-Loeve transform alone concentrates variance; followed by a
    Hadamard matrix (`quench.rotate` along axis 1) it makes the variances of all
    channels equal (MambaQuant; OSTQuant's WOMI, where the covariance is one of
    weights).

    ```mlir
    %g = quench.param <"stats"::"site.gram"> : tensor<6x6xf64>
    %m = quench.param <"stats"::"site.mean"> : tensor<6xf64>
    %k = quench.klt %g mean %m : (tensor<6x6xf64>, tensor<6xf64>) -> tensor<6x6xf64>
    ```
  }];
  let arguments = (ins Quench_Matrices:$covariance, Optional<Quench_Matrices>:$mean);
  let results = (outs Quench_Matrices:$result);
  let assemblyFormat = "$covariance (`mean` $mean^)? attr-dict `:` functional-type(operands, results)";
}

def Quench_OrthogonalizeOp : Quench_ShapedWeightOp<"orthogonalize", Quench_LeafProgram> {
  let summary = "the orthogonal matrix nearest to a learned rotation";
  let description = [{
    Replaces each matrix `R` of `[.., n, n]` by the orthogonal factor of its polar
    decomposition, the nearest orthogonal matrix. Optimizers on the Stiefel
    manifold, and storage in short floats, leave `R R^T` off the identity; what is
    found is reported in a remark when it is more than what rounding to f32
    explains. Evaluation fails where an entry of `R R^T - I` is larger than
    `tolerance`: what is that far off is no rotation.

    ```mlir
    %r = quench.param <"learned"::"R1"> : tensor<6x6xf32>
    %d = quench.cast %r : (tensor<6x6xf32>) -> tensor<6x6xf64>
    %o = quench.orthogonalize %d tolerance 5.0e-02 : (tensor<6x6xf64>) -> tensor<6x6xf64>
    ```
  }];
  let arguments = (ins Quench_Matrices:$input, F64Attr:$tolerance);
  let results = (outs Quench_Matrices:$result);
  let assemblyFormat = "$input `tolerance` $tolerance attr-dict `:` functional-type(operands, results)";
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHPOLICYOPS_TD
