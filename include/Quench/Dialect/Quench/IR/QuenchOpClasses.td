//===- QuenchOpClasses.td - Classes of ops -----------------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file of ops includes this one and no other file of ops: its header holds its
// own ops alone, so that a change rebuilds what uses them.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHOPCLASSES_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHOPCLASSES_TD

include "Quench/Dialect/Quench/IR/QuenchAttrs.td"
include "Quench/Interfaces/CostOpInterface.td"
include "Quench/Interfaces/WeightProgramOpInterface.td"
include "mlir/Dialect/Linalg/IR/LinalgInterfaces.td"

// Every model op is pure, infers its result types, gives its dynamic result
// dimensions, and decomposes to linalg on demand (AggregatedOpInterface).
class Quench_ModelOp<string mnemonic, list<Trait> traits = []>
    : Quench_ShapedOp<mnemonic, !listconcat([AggregatedOpInterface,
        DeclareOpInterfaceMethods<CostOpInterface>], traits)> {
  // Declared by hand: upstream names its types without their namespaces.
  let extraClassDeclaration = shapeDeclaration # [{
    /// Builds the op from linalg, tensor, scf, arith and math ops.
    ::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>> decomposeOperation(::mlir::OpBuilder &builder);
  }];
}

def Quench_LeafProgram
    : DeclareOpInterfaceMethods<WeightProgramOpInterface, ["evaluateWeights"]>;
// Only panels of the result are made of panels of the operands.
def Quench_WholeProgram
    : DeclareOpInterfaceMethods<WeightProgramOpInterface,
                                ["evaluateWeights", "getOperandAxis"]>;
// Rows of the result are made of rows of the operands, panels of panels.
def Quench_RowProgram
    : DeclareOpInterfaceMethods<WeightProgramOpInterface,
                                ["getOperandRows", "evaluateRows",
                                 "getOperandAxis"]>;

class Quench_WeightOp<string mnemonic, Trait program>
    : Quench_Op<mnemonic, [Pure, program]>;

// A weight op whose result type follows from its operands and attributes.
class Quench_ShapedWeightOp<string mnemonic, Trait program>
    : Quench_ShapedOp<mnemonic, [program]>;

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHOPCLASSES_TD
