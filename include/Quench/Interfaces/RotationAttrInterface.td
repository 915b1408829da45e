//===- RotationAttrInterface.td - Orthogonal matrices ----- -*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_ROTATIONATTRINTERFACE_TD
#define QUENCH_INTERFACES_ROTATIONATTRINTERFACE_TD

include "mlir/IR/OpBase.td"

def RotationAttrInterface : AttrInterface<"RotationAttrInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    An orthogonal matrix `R` that a few words describe: by its structure, by a
    seed. Vectors are rows, `v' = v R`.

    The same attribute is the same matrix on every machine and for all time,
    since parts of a model may be rotated apart.
  }];
  let methods = [
    InterfaceMethod<[{
        The number of rows of `R`.
      }],
      "int64_t", "getOrder", (ins)>,
    InterfaceMethod<[{
        The transpose of `R`. The inverse of the inverse of equal matrices is
        equal as an attribute.
      }],
      "::quench::RotationAttrInterface", "getInverse", (ins)>,
    InterfaceMethod<[{
        Multiplies each row of `getOrder` adjacent numbers of `rows`, of which
        there are whole ones, by `R` in place. Several threads may ask at once.
        Making `R` may take as long as some dozen rows do.
      }],
      "void", "applyToRows", (ins "::llvm::MutableArrayRef<double>":$rows)>,
    InterfaceMethod<[{
        The entries of `R`, row-major.
      }],
      "::std::vector<double>", "getMatrix", (ins), "", [{
        return ::quench::makeRotationMatrix($_attr);
      }]>
  ];
}

#endif // QUENCH_INTERFACES_ROTATIONATTRINTERFACE_TD
