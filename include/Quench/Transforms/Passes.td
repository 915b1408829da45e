//===- Passes.td - Passes that evaluate parameters ---------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TRANSFORMS_PASSES_TD
#define QUENCH_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuenchMaterializeParams : Pass<"quench-materialize-params", "::mlir::ModuleOp"> {
  let summary = "evaluates weight programs into a new archive";
  let description = [{
    Evaluates the program of every parameter that model ops read into one new
    safetensors archive, and replaces the programs by parameters of that archive,
    in the scope `model`. Equal programs are evaluated once. Programs are exact
    until their last cast, and that rounds once. The bytes do not depend on the
    number of threads or the memory.

    A tensor keeps its name when its program changes one tensor without another
    shape; others are named after what reads them, `h.0.attn.c_attn.weight`.

    The work goes on where it was interrupted when the pass runs again on the
    same IR and archives, see docs/dev/materializing.md.

    ```mlir
    func.func @f(%x: tensor<4x8xf32>) -> tensor<4x6xf32> attributes {quench.entry} {
      %w = quench.param <"model"::"w"> : tensor<8x6xf32>
      %t = quench.transpose %w [1, 0] : (tensor<8x6xf32>) -> tensor<6x8xf32>
      %0 = quench.linear %x, %t : (tensor<4x8xf32>, tensor<6x8xf32>) -> tensor<4x6xf32> loc("fc")
      return %0 : tensor<4x6xf32>
    }
    ```

    becomes, with `archive=new.safetensors`,

    ```mlir
    func.func @f(%x: tensor<4x8xf32>) -> tensor<4x6xf32> attributes {quench.entry} {
      %w = quench.param <"model"::"fc.weight"> : tensor<6x8xf32>
      %0 = quench.linear %x, %w : (tensor<4x8xf32>, tensor<6x8xf32>) -> tensor<4x6xf32>
      return %0 : tensor<4x6xf32>
    }
    ```
  }];
  let options = [
    Option<"archive", "archive", "std::string", "\"\"",
           "path of the archive, *.safetensors">,
    Option<"baseDir", "base-dir", "std::string", "\".\"",
           "folder that the paths of the module's archives start from">,
    Option<"accumulate", "accumulate", "std::string", "\"f64\"",
           "type that programs compute in: f64, or f32, which is less exact">,
    Option<"maxMemory", "max-memory", "std::string", "\"2\"",
           "memory of the process: GiB, or MiB with that suffix">,
    Option<"threads", "threads", "unsigned", "0",
           "threads at most, 0 for those of the context">,
    Option<"force", "force", "bool", "false",
           "replace an archive that exists">
  ];
}

def QuenchChooseFormats : Pass<"quench-choose-formats", "::mlir::ModuleOp"> {
  let summary = "chooses what formats leave open, by the error of outputs";
  let description = [{
    Formats of `quench.formats` with the range `adaptive` get what they leave open, which
    no program could compute, since it is in the attribute: the step of `#quench.log`
    (AdaLog), the shift of `#quench.twin_uniform` (PTQ4ViT), with or without zero points
    for `#quench.uniform` (Q-HyViT). The format is taken with which the outputs of a sample
    of the input, or of probabilities, have the least error (`quench.output_format`,
    `quench.probabilities_format`); this evaluates programs, and needs the archives of
    the weights and of the statistics. The range becomes `output`, or `unit` for
    probabilities.

    ```mlir
    %0 = quench.linear %x, %w {quench.formats = {input = {
        format = #quench.log<u4, step = 37 : 37, unit = 30>, range = "adaptive", site = "fc2.input"}}}
      : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32>
    ```

    becomes, for example,

    ```mlir
    %0 = quench.linear %x, %w {quench.formats = {input = {
        format = #quench.log<u4, step = 20 : 37, unit = 30>, range = "output", site = "fc2.input"}}}
      : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32>
    ```
  }];
  let options = [
    Option<"baseDir", "base-dir", "std::string", "\".\"",
           "folder that the paths of the module's archives start from">
  ];
  let dependentDialects = ["::quench::QuenchDialect"];
}

#endif // QUENCH_TRANSFORMS_PASSES_TD
