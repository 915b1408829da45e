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

#endif // QUENCH_CONVERSION_PASSES_TD
