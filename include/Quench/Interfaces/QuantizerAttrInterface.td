//===- QuantizerAttrInterface.td - Formats of quantizers - -*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_QUANTIZERATTRINTERFACE_TD
#define QUENCH_INTERFACES_QUANTIZERATTRINTERFACE_TD

include "mlir/IR/OpBase.td"

def QuantizerAttrInterface : AttrInterface<"QuantizerAttrInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    A quantizer: which codes there are, how numbers become codes and codes
    numbers, and which part of a tensor shares its parameters. The format is the
    attribute; the parameters, a scale and where `hasZeroPoint` a zero point, are
    values.

    What is emitted follows `docs/spec.md`. It takes numbers, vectors or tensors of
    static shape: `input` and `scale` of one type with elements of f32 or f64,
    `zero` and codes with elements of the storage type. `zero` is null where the
    format has none.
  }];
  let methods = [
    InterfaceMethod<[{
        The type of a code, and of a zero point: signless, of as many bits as a
        code has.
      }],
      "::mlir::IntegerType", "getStorageType", (ins)>,
    InterfaceMethod<[{
        Whether a zero point belongs to every scale.
      }],
      "bool", "hasZeroPoint", (ins)>,
    InterfaceMethod<[{
        Adds the dimensions of the parameters of a tensor of rank `rank`, in order.
        None are added where the whole tensor shares its parameters. A dimension
        that the tensor lacks may be named; the user of the attribute refuses it.
      }],
      "void", "getQuantAxes",
      (ins "int64_t":$rank, "::llvm::SmallVectorImpl<::quench::QuantAxis> &":$axes)>,
    InterfaceMethod<[{
        The codes of `input`.
      }],
      "::mlir::Value", "emitQuantize",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$input, "::mlir::Value":$scale, "::mlir::Value":$zero)>,
    InterfaceMethod<[{
        The numbers that `codes` stand for.
      }],
      "::mlir::Value", "emitDequantize",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$codes, "::mlir::Value":$scale, "::mlir::Value":$zero)>,
    InterfaceMethod<[{
        The numbers that the codes of `input` stand for: what `emitDequantize`
        makes of `emitQuantize`, bit for bit.
      }],
      "::mlir::Value", "emitFakeQuantize",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$input, "::mlir::Value":$scale, "::mlir::Value":$zero)>,
    InterfaceMethod<[{
        The scale with which the codes reach the magnitude `absmax`, which is of the
        type of a scale: positive, and finite where `absmax` is. Null where the
        format has none, as one with zero points.
      }],
      "::mlir::Value", "emitScale",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$absmax), "", [{ return {}; }]>,
    InterfaceMethod<[{
        What `emitScale` makes of a number, in the arithmetic of f64 if `wide`, else
        of f32; none where that is null.
      }],
      "::std::optional<double>", "getScale", (ins "double":$absmax, "bool":$wide), "",
      [{ return ::std::nullopt; }]>,
    InterfaceMethod<[{
        What `emitQuantize` makes of numbers, in the arithmetic of f64 if `wide`, else
        of f32, one code a byte. Fails where the format is not known to the host.
      }],
      "::llvm::LogicalResult", "quantize",
      (ins "::llvm::ArrayRef<double>":$input, "double":$scale, "int8_t":$zero,
           "bool":$wide, "::llvm::MutableArrayRef<int8_t>":$codes), "",
      [{ return ::llvm::failure(); }]>,
    InterfaceMethod<[{
        What `emitDequantize` makes of codes, as `quantize`.
      }],
      "::llvm::LogicalResult", "dequantize",
      (ins "::llvm::ArrayRef<int8_t>":$codes, "double":$scale, "int8_t":$zero,
           "bool":$wide, "::llvm::MutableArrayRef<double>":$numbers), "",
      [{ return ::llvm::failure(); }]>
  ];
}

#endif // QUENCH_INTERFACES_QUANTIZERATTRINTERFACE_TD
