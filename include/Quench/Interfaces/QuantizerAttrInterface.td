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

    A quantizer whose numbers are a table (C12 of `docs/spec.md`) has three
    methods: `getStorageType`, `getScaling` and `getTable`. The others follow.
    Where the numbers are a parameter beside the scales (`hasLearnedTable`), which
    only weights have, nothing is emitted and the host computes nothing without it.
    One that computes its numbers has no table and gives all of the methods that
    say so below; it agrees with itself to the bit on the host and in what it
    emits.

    What is emitted follows `docs/spec.md`. It takes numbers, vectors or tensors of
    static shape: `input` and `scale` of one type with elements of f32 or f64,
    `zero` and codes with elements of the storage type. `zero` is null where the
    format has none.
  }];
  let methods = [
    InterfaceMethod<[{
        The type of a code, and of a zero point: signless, of as many bits as a
        code has, 8 at most.
      }],
      "::mlir::IntegerType", "getStorageType", (ins)>,
    InterfaceMethod<[{
        Whether codes are two's complement.
      }],
      "bool", "hasSignedCodes", (ins), /*methodBody=*/"",
      /*defaultImplementation=*/[{ return false; }]>,
    InterfaceMethod<[{
        Whether a zero point belongs to every scale.
      }],
      "bool", "hasZeroPoint", (ins), /*methodBody=*/"",
      /*defaultImplementation=*/[{ return false; }]>,
    InterfaceMethod<[{
        How parameters are shared, and what scales may be.
      }],
      "::quench::QuantScaling", "getScaling", (ins)>,
    InterfaceMethod<[{
        Adds the dimensions of the parameters of a tensor of rank `rank`, in order.
        None are added where the whole tensor shares its parameters. A dimension
        that the tensor lacks may be named; the user of the attribute refuses it.
      }],
      "void", "getQuantAxes",
      (ins "int64_t":$rank, "::llvm::SmallVectorImpl<::quench::QuantAxis> &":$axes),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        $_attr.getScaling().getAxes(rank, axes);
      }]>,
    InterfaceMethod<[{
        The format as a table; no numbers where it computes them or they are learned.
      }],
      "::quench::QuantTable", "getTable", (ins), /*methodBody=*/"",
      /*defaultImplementation=*/[{ return {}; }]>,
    InterfaceMethod<[{
        Whether the numbers are a parameter, one for each code, that an op takes beside
        scales (C37).
      }],
      "bool", "hasLearnedTable", (ins), /*methodBody=*/"",
      /*defaultImplementation=*/[{ return false; }]>,
    InterfaceMethod<[{
        The least and the greatest number at scale 1, with zero point 0. Without a
        table: needed.
      }],
      "std::pair<double, double>", "getNumberRange", (ins), /*methodBody=*/"",
      /*defaultImplementation=*/[{
        ::quench::QuantTable table = $_attr.getTable();
        return {table.numbers.front(), table.numbers.back()};
      }]>,
    InterfaceMethod<[{
        What a product with codes is computed with.
      }],
      "::quench::IntegerForm", "getIntegerForm", (ins), /*methodBody=*/"",
      /*defaultImplementation=*/[{ return ::quench::IntegerForm::Table; }]>,
    InterfaceMethod<[{
        Whether numbers that are multiplied by a positive factor for every index of
        dimension `dim` of a tensor of rank `rank` keep their codes when the factors
        go into the scales.
      }],
      "bool", "absorbsChannelScale", (ins "int64_t":$rank, "int64_t":$dim),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        ::llvm::SmallVector<::quench::QuantAxis> axes;
        $_attr.getQuantAxes(rank, axes);
        return ::quench::quantizer::absorbsChannelScale(axes, $_attr.getScaling().form, dim);
      }]>,
    InterfaceMethod<[{
        The codes of `input`. Without a table: needed.
      }],
      "::mlir::Value", "emitQuantize",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$input, "::mlir::Value":$scale, "::mlir::Value":$zero),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        return ::quench::quantizer::quantizeByTable(builder, loc, $_attr.getTable(),
                                                 $_attr.getStorageType(), input, scale);
      }]>,
    InterfaceMethod<[{
        The numbers that `codes` stand for. Without a table: needed.
      }],
      "::mlir::Value", "emitDequantize",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$codes, "::mlir::Value":$scale, "::mlir::Value":$zero),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        return ::quench::quantizer::dequantizeByTable(builder, loc, $_attr.getTable(), codes,
                                                   scale);
      }]>,
    InterfaceMethod<[{
        The numbers that the codes of `input` stand for: what `emitDequantize`
        makes of `emitQuantize`, bit for bit. Without a table: needed.
      }],
      "::mlir::Value", "emitFakeQuantize",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$input, "::mlir::Value":$scale, "::mlir::Value":$zero),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        return ::quench::quantizer::fakeQuantizeByTable(builder, loc, $_attr.getTable(), input,
                                                     scale);
      }]>,
    InterfaceMethod<[{
        Where the derivative of `emitFakeQuantize` counts as 1, an i1; elsewhere it
        counts as 0 (C27).
      }],
      "::mlir::Value", "emitStraightThrough",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$input, "::mlir::Value":$scale, "::mlir::Value":$zero),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        return ::quench::quantizer::isWithin(builder, loc, $_attr.getNumberRange(), input, scale);
      }]>,
    InterfaceMethod<[{
        The parameters that cover `range` (C23 to C25).
      }],
      "::quench::QuantParameters", "emitParameters",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::quench::QuantRange &":$range),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        return ::quench::quantizer::coverRange(builder, loc, $_attr.getNumberRange(),
                                            $_attr.getScaling().form, range);
      }]>,
    InterfaceMethod<[{
        The scale with which the codes reach the magnitude `absmax`, which is of the
        type of a scale: that of `emitParameters`. Null where the format has zero
        points.
      }],
      "::mlir::Value", "emitScale",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$absmax), /*methodBody=*/"", /*defaultImplementation=*/[{
        if ($_attr.hasZeroPoint())
          return {};
        ::quench::QuantRange range = ::quench::quantizer::getRange(builder, loc, absmax);
        return $_attr.emitParameters(builder, loc, range).scale;
      }]>,
    InterfaceMethod<[{
        What `emitParameters` makes of numbers, in the arithmetic of f64 if `wide`,
        else of f32.
      }],
      "::quench::HostQuantParameters", "getParameters",
      (ins "const ::quench::HostQuantRange &":$range, "bool":$wide),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        return ::quench::quantizer::coverRange($_attr.getNumberRange(), $_attr.getScaling().form,
                                            range, wide);
      }]>,
    InterfaceMethod<[{
        What `emitScale` makes of a number, in the arithmetic of f64 if `wide`, else
        of f32; none where that is null.
      }],
      "::std::optional<double>", "getScale", (ins "double":$absmax, "bool":$wide),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        if ($_attr.hasZeroPoint())
          return ::std::nullopt;
        return $_attr.getParameters({-absmax, absmax}, wide).scale;
      }]>,
    InterfaceMethod<[{
        What `emitQuantize` makes of numbers, in the arithmetic of f64 if `wide`, else
        of f32, one code a byte. Without a table: needed, else it fails.
      }],
      "::llvm::LogicalResult", "quantize",
      (ins "::llvm::ArrayRef<double>":$input, "double":$scale, "int8_t":$zero,
           "bool":$wide, "::llvm::MutableArrayRef<int8_t>":$codes),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        return ::quench::quantizer::quantizeByTable($_attr.getTable(), input, scale, wide, codes);
      }]>,
    InterfaceMethod<[{
        What `emitDequantize` makes of codes, as `quantize`.
      }],
      "::llvm::LogicalResult", "dequantize",
      (ins "::llvm::ArrayRef<int8_t>":$codes, "double":$scale, "int8_t":$zero,
           "bool":$wide, "::llvm::MutableArrayRef<double>":$numbers),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        return ::quench::quantizer::dequantizeByTable($_attr.getTable(), $_attr.hasSignedCodes(),
                                                   codes, scale, wide, numbers);
      }]>
  ];
}

#endif // QUENCH_INTERFACES_QUANTIZERATTRINTERFACE_TD
