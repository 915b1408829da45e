//===- QuenchQuantizers.td - Formats of quantizers ------- -*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHQUANTIZERS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHQUANTIZERS_TD

include "Quench/Dialect/Quench/IR/QuenchAttrs.td"
include "Quench/Interfaces/QuantizerAttrInterface.td"

def Quench_UniformAttr : Quench_Attr<"Uniform", "uniform", [
    DeclareAttrInterfaceMethods<QuantizerAttrInterface,
        ["emitScale", "getScale", "quantize", "dequantize"]>]> {
  let summary = "codes at equal distances";
  let description = [{
    `#quench.uniform<i4>` has the signed codes of 4 bits, `#quench.uniform<u8>` the
    unsigned ones of 8; 2 to 8 bits are possible. A code `q` stands for
    `(q - zero) * scale`; only with `asymmetric` is there a zero point, else it is 0.

    Parameters are shared by the whole tensor unless these words follow:

    | words | shape of the parameters |
    |---|---|
    | `axis = A` | `[dim A]`: one for each channel of dimension `A` |
    | `token` | all dimensions but the last: one for each row |
    | `group = G` | `[last / G]`, after the above: one for each `G` consecutive elements of the last dimension |

    So `#quench.uniform<i4, axis = 0, group = 128>` on a weight `[out, in]` has
    scales `[out, in / 128]`, and `#quench.uniform<i8, asymmetric, token>` on
    `[batch, tokens, channels]` has scales and zero points `[batch, tokens]`.
    `docs/spec.md` says what is computed.
  }];
  let parameters = (ins "unsigned":$bits, "bool":$is_signed, "bool":$asymmetric,
                        OptionalParameter<"std::optional<int64_t>">:$axis, "bool":$per_token,
                        OptionalParameter<"std::optional<int64_t>">:$group);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHQUANTIZERS_TD
