//===- Passes.td - Conversions between dialects ------------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CONVERSION_PASSES_TD
#define QUENCH_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuenchExpandReshapes : Pass<"quench-expand-reshapes"> {
  let summary = "lowers memref.expand_shape of one dimension to several dynamic ones";
  let description = [{
    Rewrites `memref.expand_shape` as `memref.reinterpret_cast` where a dimension
    becomes two or more dynamic ones, such as rows that are split in batch and
    tokens again. `expand-strided-metadata` takes the others but not these: run
    this pass before it.

    ```mlir
    func.func @f(%rows: memref<?x8xf32>, %batch: index, %tokens: index) -> memref<?x?x8xf32> {
      %0 = memref.expand_shape %rows [[0, 1], [2]] output_shape [%batch, %tokens, 8]
        : memref<?x8xf32> into memref<?x?x8xf32>
      return %0 : memref<?x?x8xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def QuenchLegalize : Pass<"quench-legalize"> {
  let summary = "computes products of quantized tensors in integers";
  let description = [{
    A `quench.linear` whose input is `quench.fake_quant` and whose weight is
    `quench.dequantize` becomes `quench.integer_linear` of the codes of both: integers
    are summed exactly, floats begin with the epilogue (C28 to C30 of `docs/spec.md`).
    Scales of a weight in f64 are rounded to f32 first. What the type of the model
    rounds in between, f16 or bf16, is no longer rounded.

    Where the input has no quantizer, its numbers are no integers, its scales differ
    within a row, or 32 bits do not hold the sums, the linear becomes
    `quench.weight_only_linear` of floats and the codes of the weight, with a remark
    that says why.

    A linear stays in floats, with a remark that says why, where its weight has no
    codes, where the numbers of the weight are no integers or have a scale each, and
    in f64.

    `quench.attention_values` of quantized values and of what a quantizer makes of
    `quench.attention_probabilities`, with quantized queries and keys, becomes
    `quench.integer_attention`. Formats of queries, keys and values have integers and
    scales that are the same within a sum. Probabilities are uniform and unsigned, or a
    table, such as powers of two; they have a scale for each row that is computed at run
    time or a given one for all. Their codes follow from weights that sum to the same,
    not from the probabilities (C35, C36, C40 and C41). Where something else is found it
    stays in floats, with a remark that says what.

    Where the probabilities are those of `quench.log_int_probabilities`, and queries,
    keys and values have integers, with zero points or without, it becomes
    `quench.log_int_attention` (C38 and C39).

    ```mlir
    func.func @f(%x: tensor<?x8xf32>, %c: tensor<4x8xi8>, %t: tensor<4xf32>) -> tensor<?x4xf32> {
      %s = quench.dynamic_scale %x by(#quench.uniform<i8, token>) : (tensor<?x8xf32>) -> tensor<?xf32>
      %f = quench.fake_quant %x, %s by(#quench.uniform<i8, token>)
        : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
      %d = quench.dequantize %c, %t by(#quench.uniform<i8, axis = 0>)
        : (tensor<4x8xi8>, tensor<4xf32>) -> tensor<4x8xf32>
      %r = quench.linear %f, %d : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      return %r : tensor<?x4xf32>
    }
    // becomes
    func.func @g(%x: tensor<?x8xf32>, %c: tensor<4x8xi8>, %t: tensor<4xf32>) -> tensor<?x4xf32> {
      %s = quench.dynamic_scale %x by(#quench.uniform<i8, token>) : (tensor<?x8xf32>) -> tensor<?xf32>
      %e = quench.encode %x, %s by(#quench.uniform<i8, token>)
        : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xi8>
      %r = quench.integer_linear %e scale %s by(#quench.uniform<i8, token>),
        %c scale %t by(#quench.uniform<i8, axis = 0>)
        : (tensor<?x8xi8>, tensor<?xf32>, tensor<4x8xi8>, tensor<4xf32>) -> tensor<?x4xf32>
      return %r : tensor<?x4xf32>
    }
    ```
  }];
  let dependentDialects = ["::quench::QuenchDialect"];
}

#endif // QUENCH_CONVERSION_PASSES_TD
