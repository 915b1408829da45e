//===- QuenchWeightQuantOps.td - Quantizing weights by data *- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weight programs that choose scales, zero points and codes of weights: by the
// weights alone, or by second moments of what the weights are multiplied by.
// docs/weight-quantizers.md says which make up which published method.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHWEIGHTQUANTOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHWEIGHTQUANTOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Dialect/Quench/IR/QuenchQuantizers.td"

def Quench_ReadsInPlace : NativeOpTrait<"ReadsInPlace"> { let cppNamespace = "::quench"; }

//===----------------------------------------------------------------------===//
// Scales and zero points from weights
//===----------------------------------------------------------------------===//

def Quench_SearchScaleOp : Quench_ShapedWeightOp<"search_scale", Quench_RowProgram> {
  let summary = "scales that leave the least error, of those for shrunken ranges";
  let description = [{
    For each set of elements that shares a scale, their range is multiplied by
    `1 - i / grid` for `i` from 0 to `steps - 1`, and of the scales that the format has
    for these ranges (C23, C24 of `docs/spec.md`) the first is taken that leaves the
    least sum of `|error|^norm`. One step is the scale of the whole range. Formats with
    zero points have those of the whole range, see `quench.quant_zero`: shrinking does
    not move them.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf64>
    %s = quench.search_scale %w by(#quench.uniform<i4, axis = 0>) steps 80 of 100 norm 2.4
      : (tensor<8x6xf64>) -> tensor<8xf64>
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, QuantizerAttrInterface:$quantizer,
                       I64Attr:$steps, I64Attr:$grid, F64Attr:$norm);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = [{
    $input `by` `(` $quantizer `)` `steps` $steps `of` $grid `norm` $norm attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_QuantZeroOp : Quench_ShapedWeightOp<"quant_zero", Quench_RowProgram> {
  let summary = "zero points for the ranges of a parameter";
  let description = [{
    For each set of elements that shares a zero point, that of their range, extended to
    contain 0 (C25 of `docs/spec.md`). A NaN among them counts as 0.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf64>
    %z = quench.quant_zero %w by(#quench.uniform<u4, asymmetric, axis = 0>)
      : (tensor<8x6xf64>) -> tensor<8xi8>
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, QuantizerAttrInterface:$quantizer);
  let results = (outs Quench_CodeTensor:$result);
  let assemblyFormat = [{
    $input `by` `(` $quantizer `)` attr-dict `:` functional-type(operands, results)
  }];
}

def Quench_RMSScaleOp : Quench_ShapedWeightOp<"rms_scale", Quench_RowProgram> {
  let summary = "scales that are a multiple of the root mean square";
  let description = [{
    For each set of elements that shares a scale, `factor` times the root of the mean of
    their squares, in the form that the format asks for (C22 of `docs/spec.md`), and 1
    where that is 0. With the factor that leaves the least error of normally distributed
    numbers these are the scales of QuEST: weights are nearly that after a rotation.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf64>
    %s = quench.rms_scale %w by(#quench.uniform<i4, axis = 0>) factor 0.33860794
      : (tensor<8x6xf64>) -> tensor<8xf64>
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, QuantizerAttrInterface:$quantizer,
                       F64Attr:$factor);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = [{
    $input `by` `(` $quantizer `)` `factor` $factor attr-dict `:`
    functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Weights and the second moments of what they are multiplied by
//===----------------------------------------------------------------------===//

def Quench_KMeansOp : Quench_ShapedOp<"k_means", [Quench_LeafProgram, Quench_ReadsInPlace]> {
  let summary = "the numbers of a code book that leave the least error of a weight";
  let description = [{
    The table of `quantizer`, a code book whose numbers are learned, for the weight `input`
    with the scales `scale`: ascending numbers of f32, from -1 to 1, one for each code, that
    leave the least sum of squares of errors of the weight (C37 of `docs/spec.md`). With
    `moments` squares are multiplied by the number that it has for their index of the
    last dimension: the diagonal of the second moments of the input, for errors of the
    products (weighted k-means, as SqueezeLLM has it with gradients instead).

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf64>
    %s = quench.quant_scale %w by(#quench.code_book<learned 3, axis = 0>)
      : (tensor<8x6xf64>) -> tensor<8xf64>
    %m = quench.param <"stats"::"m"> : tensor<6xf64>
    %t = quench.k_means %w, %s moments %m by(#quench.code_book<learned 3, axis = 0>)
      : (tensor<8x6xf64>, tensor<8xf64>, tensor<6xf64>) -> tensor<8xf32>
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_WideTensor:$scale,
                       Optional<Quench_WideTensor>:$moments, QuantizerAttrInterface:$quantizer);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = [{
    $input `,` $scale (`moments` $moments^)? `by` `(` $quantizer `)` attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_ClipByGramOp : Quench_ShapedOp<"clip_by_gram", [Quench_RowProgram, Quench_ReadsInPlace]> {
  let summary = "weights whose magnitudes are limited where that helps their product";
  let description = [{
    For each set of elements of a row that shares a scale, magnitudes are limited to
    `1 - i / grid` of the greatest, `i` from 0 to `steps - 1`, and of what is so limited
    the first is taken whose codes leave the least `e G e^T`: `e` the error against the
    weights before, `G` the part of `gram` for the set. That is the mean square error of
    the sums of products with inputs whose second moments `gram` are (AWQ's clipping, for
    which inputs were samples).

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf64>
    %g = quench.param <"stats"::"site.gram"> : tensor<6x6xf64>
    %c = quench.clip_by_gram %w, %g by(#quench.uniform<i4, axis = 0, group = 3>) steps 10 of 20
      : (tensor<8x6xf64>, tensor<6x6xf64>) -> tensor<8x6xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$input, Quench_WideTensor:$gram,
                       QuantizerAttrInterface:$quantizer, I64Attr:$steps, I64Attr:$grid);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = [{
    $input `,` $gram `by` `(` $quantizer `)` `steps` $steps `of` $grid attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_DiagonalOp : Quench_ShapedOp<"diagonal", [Quench_LeafProgram, Quench_ReadsInPlace]> {
  let summary = "the diagonal of a square matrix";
  let description = [{
    ```mlir
    %g = quench.param <"stats"::"site.gram"> : tensor<6x6xf64>
    %d = quench.diagonal %g : (tensor<6x6xf64>) -> tensor<6xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$input);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Quench_IsPositiveOp : Quench_ShapedWeightOp<"is_positive", Quench_RowProgram> {
  let summary = "1 where a number is positive, else 0";
  let description = [{
    Of a diagonal of second moments: which inputs are ever anything but 0. GPTQ sets
    weights of the others to 0.

    ```mlir
    %d = quench.param <"stats"::"d"> : tensor<6xf64>
    %l = quench.is_positive %d : (tensor<6xf64>) -> tensor<6xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$input);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Quench_GramFactorOp : Quench_ShapedOp<"gram_factor", [Quench_LeafProgram, Quench_ReadsInPlace]> {
  let summary = "the upper triangular factor of second moments, as GPTQ uses it";
  let description = [{
    The upper triangular `R` for which `R R^T = H`; `H` is `gram` with 1 in place of zeros
    of the diagonal, `damping` times the mean of its diagonal added to the diagonal, and
    rows and columns in descending order of `order`, when given (equal ones in the order
    of columns). The inverse of `R` is the Cholesky factor of `H^-1` that publications of
    GPTQ have. Only the triangle of `gram` up to the diagonal counts. Evaluation fails
    where `H` is not positive definite.

    ```mlir
    %g = quench.param <"stats"::"site.gram"> : tensor<6x6xf64>
    %r = quench.gram_factor %g damping 0.01 : (tensor<6x6xf64>) -> tensor<6x6xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$gram, Optional<Quench_WideTensor>:$order,
                       F64Attr:$damping);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = [{
    $gram (`order` $order^)? `damping` $damping attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_GPTQOp : Quench_ShapedOp<"gptq", [
    Quench_RowProgram, Quench_ReadsInPlace, AttrSizedOperandSegments]> {
  let summary = "codes of a weight, each rounded with the errors of those before";
  let description = [{
    The codes of `input` `[out, in]` with the parameters `scale` and, for formats that
    have them, `zero`. Columns are rounded one by one; what is rounded is what leaves the
    least `e R R^T e^T` for the errors `e` of the columns before, `R` being the factor
    `factor` of the second moments of the input (`quench.gram_factor`). That is GPTQ, and
    equal to it: the factor of the inverse is not needed. `order`, the same as that of the
    factor, takes columns in descending order of it (act-order); parameters stay with
    their columns, so no index of groups is needed (static groups). `table` is that of
    `quench.quantize`.

    Columns are taken `block` at a time, which only changes the speed. Rows do not depend
    on each other.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf64>
    %g = quench.param <"stats"::"site.gram"> : tensor<6x6xf64>
    %r = quench.gram_factor %g damping 0.01 : (tensor<6x6xf64>) -> tensor<6x6xf64>
    %s = quench.quant_scale %w by(#quench.uniform<i4, axis = 0>) : (tensor<8x6xf64>) -> tensor<8xf64>
    %c = quench.gptq %w, %s factor %r by(#quench.uniform<i4, axis = 0>) block 128
      : (tensor<8x6xf64>, tensor<8xf64>, tensor<6x6xf64>) -> tensor<8x6xi8>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$input, Quench_WideTensor:$scale,
                       Optional<Quench_CodeTensor>:$zero, Optional<Quench_WideTensor>:$table,
                       Quench_WideTensor:$factor, Optional<Quench_WideTensor>:$order,
                       QuantizerAttrInterface:$quantizer, I64Attr:$block);
  let results = (outs Quench_CodeTensor:$result);
  let assemblyFormat = [{
    $input `,` $scale (`zero` $zero^)? (`table` $table^)? `factor` $factor (`order` $order^)?
    `by` `(` $quantizer `)` `block` $block attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = shapeDeclaration # [{
    /// Whether operand `operand` is that of the scales or the zero points.
    bool isParameter(unsigned operand) {
      return operand == 1 || (operand == 2 && getZero());
    }
  }];
}

class Quench_GPTQGridOp<string mnemonic, Type result>
    : Quench_ShapedOp<mnemonic, [Quench_RowProgram, Quench_ReadsInPlace]> {
  let arguments = (ins Quench_WideTensor:$input, Quench_WideTensor:$factor,
                       QuantizerAttrInterface:$quantizer, I64Attr:$steps, I64Attr:$grid,
                       F64Attr:$norm);
  let results = (outs result:$result);
  let assemblyFormat = [{
    $input `factor` $factor `by` `(` $quantizer `)` `steps` $steps `of` $grid `norm` $norm
    attr-dict `:` functional-type(operands, results)
  }];
}

def Quench_GPTQScaleOp : Quench_GPTQGridOp<"gptq_scale", Quench_WideTensor> {
  let summary = "scales of groups of columns as they are when GPTQ comes to them";
  let description = [{
    The scale of each group of columns is that of `quench.search_scale` for the columns
    after GPTQ spread the errors of the columns before the group over them, as published
    code has it where groups are not static. `quench.gptq` with these scales makes the
    same codes; it does the work once more.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf64>
    %g = quench.param <"stats"::"site.gram"> : tensor<6x6xf64>
    %r = quench.gram_factor %g damping 0.01 : (tensor<6x6xf64>) -> tensor<6x6xf64>
    %s = quench.gptq_scale %w factor %r by(#quench.uniform<i4, axis = 0, group = 3>)
      steps 1 of 100 norm 2.4 : (tensor<8x6xf64>, tensor<6x6xf64>) -> tensor<8x2xf64>
    ```
  }];
}

def Quench_GPTQZeroOp : Quench_GPTQGridOp<"gptq_zero", Quench_CodeTensor> {
  let summary = "zero points of groups of columns as they are when GPTQ comes to them";
  let description = [{
    The zero points that belong to the scales of `quench.gptq_scale`.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf64>
    %g = quench.param <"stats"::"site.gram"> : tensor<6x6xf64>
    %r = quench.gram_factor %g damping 0.01 : (tensor<6x6xf64>) -> tensor<6x6xf64>
    %z = quench.gptq_zero %w factor %r by(#quench.uniform<u4, asymmetric, axis = 0, group = 3>)
      steps 1 of 100 norm 2.4 : (tensor<8x6xf64>, tensor<6x6xf64>) -> tensor<8x2xi8>
    ```
  }];
}

def Quench_RidgeMapOp : Quench_ShapedWeightOp<"ridge_map", Quench_LeafProgram> {
  let summary = "what makes up for the errors of an input, as a matrix for weights";
  let description = [{
    For inputs `x` that became `q`, with `gram` the second moments `sum(q^T q)` and
    `cross` the products `sum(q^T x)`, the matrix `M = (cross^T - gram) (gram + lambda
    I)^-1`. With `W + W M` in place of `W`, outputs `q W^T` come next to `x W^T`: that is
    the ridge regression of the closed-form reconstruction of ERQ. `lambda` is `ridge`
    plus `damping` times the mean of the diagonal of `gram`. A bias takes part as one
    more column of weights, with an input that is 1.

    ```mlir
    %g = quench.param <"stats"::"site.gram"> : tensor<6x6xf64>
    %c = quench.param <"stats"::"site.cross"> : tensor<6x6xf64>
    %m = quench.ridge_map %g, %c ridge 0.0 damping 0.01 : (tensor<6x6xf64>, tensor<6x6xf64>) -> tensor<6x6xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$gram, Quench_WideTensor:$cross, F64Attr:$ridge,
                       F64Attr:$damping);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = [{
    $gram `,` $cross `ridge` $ridge `damping` $damping attr-dict `:`
    functional-type(operands, results)
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHWEIGHTQUANTOPS_TD
