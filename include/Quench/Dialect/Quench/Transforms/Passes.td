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

def QuenchBindArchive : Pass<"quench-bind-archive", "::mlir::ModuleOp"> {
  let summary = "makes the tensors of an archive known to policies";
  let description = [{
    Binds the archive `file` to `scope` in `quench.archives`, and writes its header
    into the module as `quench.bound`: the types of its tensors and its metadata.
    Policies of other passes look there for statistics (scope `stats`) and for
    learned rotations and scales (scope `learned`). Fails where the archive cannot
    be read, and where it holds statistics of a version that is not known.

    An archive with a tensor `R1` of 8 x 8 numbers, for example, makes of
    `quench.archives = {model = "model.safetensors"}`

    ```
    quench.archives = {learned = "R.safetensors", model = "model.safetensors"},
    quench.bound = {learned = {metadata = {}, tensors = {R1 = tensor<8x8xf32>}}}
    ```

    `quench build --recipe` does the same for what a recipe needs.
  }];
  let options = [
    Option<"scope", "scope", "std::string", "", "name that parameters use">,
    Option<"file", "file", "std::string", "",
           "safetensors file; the IR is to lie where the path starts">
  ];
}

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_PASSES_TD
