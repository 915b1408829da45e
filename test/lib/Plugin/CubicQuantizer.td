//===- CubicQuantizer.td - A quantizer from outside ------ -*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TEST_LIB_PLUGIN_CUBICQUANTIZER_TD
#define QUENCH_TEST_LIB_PLUGIN_CUBICQUANTIZER_TD

include "Quench/Interfaces/QuantizerAttrInterface.td"
include "mlir/IR/AttrTypeBase.td"

def Cubic_Dialect : Dialect {
  let name = "cubic";
  let cppNamespace = "::cubic";
  let useDefaultAttributePrinterParser = 1;
}

def Cubic_CubicAttr : AttrDef<Cubic_Dialect, "Cubic", [
    DeclareAttrInterfaceMethods<QuantizerAttrInterface, ["getTable"]>]> {
  let summary = "codes dense next to 0, as cubes are";
  let description = [{
    The code `q` stands for `(q / (L / 2) - 1)^3`, `q` from 0 to `L = 2^bits - 2`.
  }];
  let mnemonic = "cubic";
  let parameters = (ins "unsigned":$bits, "::quench::QuantScaling":$scaling);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // QUENCH_TEST_LIB_PLUGIN_CUBICQUANTIZER_TD
