//===- QuenchBase.td - The quench dialect ------------------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHBASE_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHBASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Quench_Dialect : Dialect {
  let name = "quench";
  let cppNamespace = "::quench";
  let summary = "Transformers, their parameters and their quantizers";
  let description = [{
    The dialect holds a transformer (encoder, decoder or state-space model) the
    way its authors describe it: linear layers, norms, attention, scans, on
    ranked tensors of f16, bf16, f32 or f64. Parameters stay in archives outside
    the IR and are referred to by name. Activations are token-major: a sequence
    is `[batch, tokens, channels]`, attention heads are
    `[batch, tokens, heads, head_dim]`.

    An *entry point* is a public `func.func` with the unit attribute
    `quench.entry`. Its arguments and results carry these attributes:

    | attribute | on | meaning |
    |---|---|---|
    | `quench.name` : string | arguments, results | the name that users give the tensor; unique within arguments and within results |
    | `quench.dims` : array of string | arguments, results | names of the dynamic dimensions, in order |
    | `quench.role` : string | arguments | `data` (default), `state` or `position` |
    | `quench.default` : number | arguments | the argument is optional and filled with this |
    | `quench.range` : `[low, high)` as array of two i64 | integer arguments | values outside are refused |
    | `quench.state` : string | results | the result is the new value of the state argument of that name |

    The module holds `quench.symbols`, a dictionary from the name of a dimension
    to `[min]` or `[min, max]` (array of i64); `quench.model_type`, a string;
    `quench.archives`, a dictionary from a parameter scope to the path of its
    archive, relative paths being relative to the IR file; and, where the model
    brings one, `quench.tokenizer`, a dictionary.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect"];
}

class Quench_Op<string mnemonic, list<Trait> traits = []>
    : Op<Quench_Dialect, mnemonic, traits>;

// A pure op whose result types follow from its operands and attributes. One
// function, `inferShapes`, checks them and gives the results; the verifier, the
// builders and the reification of dynamic dimensions all derive from it.
class Quench_ShapedOp<string mnemonic, list<Trait> traits = []>
    : Quench_Op<mnemonic, !listconcat([Pure,
        DeclareOpInterfaceMethods<InferTypeOpInterface>,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>], traits)> {
  let hasVerifier = 1;
  code shapeDeclaration = [{
    /// Checks the operands and attributes in `op` and adds the results to
    /// `shapes`.
    static ::llvm::LogicalResult inferShapes(Adaptor op, ::quench::ShapeInference &shapes);
  }];
  let extraClassDeclaration = shapeDeclaration;
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(
        ::mlir::MLIRContext *context, std::optional<::mlir::Location> location,
        ::mlir::ValueRange operands, ::mlir::DictionaryAttr attributes,
        ::mlir::OpaqueProperties properties, ::mlir::RegionRange regions,
        ::llvm::SmallVectorImpl<::mlir::Type> &inferredReturnTypes) {
      ::quench::ShapeInference shapes(context, location, getOperationName(), operands);
      if (::mlir::failed(shapes.checkOperands()) ||
          ::mlir::failed(inferShapes(Adaptor(operands, attributes, properties, regions), shapes)))
        return ::mlir::failure();
      shapes.getTypes(inferredReturnTypes);
      return ::mlir::success();
    }
    ::llvm::LogicalResult $cppClass::reifyResultShapes(
        ::mlir::OpBuilder &builder, ::mlir::ReifiedRankedShapedTypeDims &reified) {
      ::quench::ShapeInference shapes(getContext(), getLoc(), getOperationName(), (*this)->getOperands());
      if (::mlir::failed(inferShapes(Adaptor(*this), shapes)))
        return ::mlir::failure();
      shapes.reify(builder, getLoc(), reified);
      return ::mlir::success();
    }
    ::llvm::LogicalResult $cppClass::verify() {
      ::quench::ShapeInference shapes(getContext(), getLoc(), getOperationName(), (*this)->getOperands());
      return inferShapes(Adaptor(*this), shapes);
    }
  }];
}

def Quench_Float : AnyTypeOf<[F16, BF16, F32, F64], "f16, bf16, f32 or f64">;
def Quench_FloatTensor
    : RankedTensorOf<[Quench_Float]>;
// What is computed in.
def Quench_WideTensor : RankedTensorOf<[F32, F64]>;
// Codes of quantizers, one a byte.
def Quench_CodeTensor : RankedTensorOf<[I8]>;
def Quench_IntTensor : RankedTensorOf<[AnySignlessInteger]>;
def Quench_AnyTensor : RankedTensorOf<[AnyType]>;

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHBASE_TD
