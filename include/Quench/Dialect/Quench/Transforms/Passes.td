//===- Passes.td - Passes on the quench dialect ------------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_PASSES_TD
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuenchLowerToLinalg : Pass<"quench-lower-to-linalg"> {
  let summary = "decomposes model ops to loops on tensors";
  let description = [{
    Replaces every op that implements `AggregatedOpInterface`, but those of
    linalg, by its decomposition: linalg, scf, tensor, arith and math ops on
    tensors. Ops named in `keep` stay, for passes that have a better lowering of
    them. Parameters and weight programs stay as well.

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %0 = quench.softmax %x : tensor<?x8xf32>
      return %0 : tensor<?x8xf32>
    }
    ```
  }];
  let options = [
    ListOption<"keep", "keep", "std::string",
               "names of ops that are not decomposed, such as quench.attention">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_PASSES_TD
