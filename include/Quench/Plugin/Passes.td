//===- Passes.td - Passes that users extend Quench with ----*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PLUGIN_PASSES
#define QUENCH_PLUGIN_PASSES

include "mlir/Pass/PassBase.td"

def ApplyPDL : Pass<"quench-apply-pdl"> {
  let summary = "Apply the rewrite patterns of a PDL file";
  let description = [{
    Reads `pdl.pattern` ops from the file, which is IR as text or bytecode, and
    applies them until nothing changes. Patterns that call native functions are
    refused, for a file cannot bring those; so are patterns that do not come to
    an end.

    ```
    $ cat relu.mlir
    pdl.pattern : benefit(1) {
      %type = pdl.type
      %x = pdl.operand : %type
      %relu = pdl.operation "quench.relu"(%x : !pdl.value) -> (%type : !pdl.type)
      pdl.rewrite %relu {
        pdl.replace %relu with (%x : !pdl.value)
      }
    }
    $ quench-opt --quench-apply-pdl=file=relu.mlir model.mlir
    ```

    `mlir-pdll -x=mlir` translates PDLL to such a file.
  }];
  let options = [
    Option<"file", "file", "std::string", "", "The file with the patterns">,
    Option<"maxRewrites", "max-rewrites", "int64_t", "1000000",
           "How many rewrites may take place before the patterns count as "
           "endless">
  ];
  let dependentDialects = ["::mlir::pdl::PDLDialect",
                           "::mlir::pdl_interp::PDLInterpDialect",
                           "::quench::QuenchDialect"];
}

#endif // QUENCH_PLUGIN_PASSES
