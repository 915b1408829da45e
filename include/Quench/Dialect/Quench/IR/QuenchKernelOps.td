//===- QuenchKernelOps.td - Generated kernels --------------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHKERNELOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHKERNELOPS_TD

include "Quench/Dialect/Quench/IR/QuenchBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Quench_CallKernelOp : Quench_Op<"call_kernel", [Pure, AttrSizedOperandSegments,
    DestinationStyleOpInterface, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel on tensors";
  let description = [{
    A kernel is a function on buffers that code generation wrote: it reads the
    buffers of `inputs`, which may also be numbers, and updates the buffers of
    `outputs`. The results are the outputs afterwards.
    Bufferization turns this into a plain call, with a copy of an input whose
    layout the kernel does not take.

    ```mlir
    func.func private @scale(%in: memref<?x8xf32>, %out: memref<?x8xf32>)
    func.func @call_kernel(%x: tensor<?x8xf32>, %empty: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %y = quench.call_kernel @scale(%x : tensor<?x8xf32>)
        outs(%empty : tensor<?x8xf32>) -> tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<AnyType>:$inputs,
                       Variadic<Quench_AnyTensor>:$outputs);
  let results = (outs Variadic<Quench_AnyTensor>:$results);
  let assemblyFormat = [{
    $callee `(` ($inputs^ `:` type($inputs))? `)` `outs` `(` $outputs `:`
    type($outputs) `)` attr-dict `->` type($results)
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutputsMutable(); }
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHKERNELOPS_TD
