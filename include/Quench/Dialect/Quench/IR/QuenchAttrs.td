//===- QuenchAttrs.td - Attributes of the quench dialect ---*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHATTRS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHATTRS_TD

include "Quench/Dialect/Quench/IR/QuenchBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"

class Quench_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Quench_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Quench_RefAttr : Quench_Attr<"Ref", "ref"> {
  let summary = "name of a parameter in an archive";
  let description = [{
    `#quench.ref<"scope"::"key">` names the tensor `key` of the archive that the
    module (`quench.archives`) or the command line (`--param scope=PATH`) binds
    to `scope`. The bytes are never part of the IR.
  }];
  let parameters = (ins StringRefParameter<>:$scope, StringRefParameter<>:$key);
  let hasCustomAssemblyFormat = 1;
}

class Quench_I32Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::quench";
  let genSpecializedAttr = 0;
}
class Quench_EnumAttr<I32EnumAttr e, string attrMnemonic>
    : EnumAttr<Quench_Dialect, e, attrMnemonic>;

def Quench_GeluKind : Quench_I32Enum<"GeluKind", "form of GELU", [
    I32EnumAttrCase<"Erf", 0, "erf">, I32EnumAttrCase<"Tanh", 1, "tanh">,
    I32EnumAttrCase<"Sigmoid", 2, "sigmoid">]>;
def Quench_GeluKindAttr : Quench_EnumAttr<Quench_GeluKind, "gelu_kind">;

def Quench_GateKind : Quench_I32Enum<"GateKind", "activation of a gated product", [
    I32EnumAttrCase<"Silu", 0, "silu">, I32EnumAttrCase<"GeluErf", 1, "gelu_erf">,
    I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">, I32EnumAttrCase<"Relu", 3, "relu">]>;
def Quench_GateKindAttr : Quench_EnumAttr<Quench_GateKind, "gate_kind">;

def Quench_MaskKind : Quench_I32Enum<"MaskKind", "which keys a query sees", [
    I32EnumAttrCase<"Full", 0, "full">, I32EnumAttrCase<"Causal", 1, "causal">,
    I32EnumAttrCase<"Sliding", 2, "sliding">]>;
def Quench_MaskKindAttr : Quench_EnumAttr<Quench_MaskKind, "mask_kind">;

def Quench_PoolKind : Quench_I32Enum<"PoolKind", "how tokens become one vector", [
    I32EnumAttrCase<"Mean", 0, "mean">, I32EnumAttrCase<"Max", 1, "max">,
    I32EnumAttrCase<"First", 2, "first">, I32EnumAttrCase<"Last", 3, "last">]>;
def Quench_PoolKindAttr : Quench_EnumAttr<Quench_PoolKind, "pool_kind">;

def Quench_RopeLayout : Quench_I32Enum<"RopeLayout", "which channels are a pair", [
    I32EnumAttrCase<"Half", 0, "half">, I32EnumAttrCase<"Interleaved", 1, "interleaved">]>;
def Quench_RopeLayoutAttr : Quench_EnumAttr<Quench_RopeLayout, "rope_layout">;

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHATTRS_TD
