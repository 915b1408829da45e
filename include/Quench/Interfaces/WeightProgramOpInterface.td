//===- WeightProgramOpInterface.td - Ops on parameters -----*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_TD
#define QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def WeightProgramOpInterface : OpInterface<"WeightProgramOpInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    An op that computes a parameter from parameters, on the bytes of the host,
    once, before any code runs.

    An op that makes rows of its result from rows of its operands implements
    `getOperandRows` and `evaluateRows`, so that a chain of such ops is evaluated
    piece by piece with little memory. Any other op implements
    `evaluateWeights`. Both may be called by several threads at once, and fail
    with a diagnostic at the op. Bytes are dense and row-major in the element
    type of their value, at any alignment: archives promise none. A parameter
    reads its archive and is never asked.

    Where rows are no help, since an op mixes all of them, an op that treats the
    elements along another axis apart says so by `getOperandAxis`: a panel, which
    is a range of that axis, is then computed by the same op from panels of its
    operands.
  }];
  let methods = [
    InterfaceMethod<[{
        Computes the result from the bytes of all operands. `result` has room
        for the bytes of the result.
      }],
      "::llvm::LogicalResult", "evaluateWeights",
      (ins "::llvm::ArrayRef<::llvm::ArrayRef<char>>":$operands,
           "::llvm::MutableArrayRef<char>":$result), "", [{
        return ::quench::evaluateAllRows($_op.getOperation(), operands, result);
      }]>,
    InterfaceMethod<[{
        The rows of operand `operand` that the rows `rows` of the result are
        made of, or none when rows cannot be computed alone.
      }],
      "::std::optional<::quench::RowRange>", "getOperandRows",
      (ins "unsigned":$operand, "::quench::RowRange":$rows), "",
      [{ return ::std::nullopt; }]>,
    InterfaceMethod<[{
        Computes the rows `rows` of the result from the bytes of those rows of
        the operands that `getOperandRows` says.
      }],
      "::llvm::LogicalResult", "evaluateRows",
      (ins "::llvm::ArrayRef<::llvm::ArrayRef<char>>":$operands,
           "::quench::RowRange":$rows,
           "::llvm::MutableArrayRef<char>":$result), "",
      [{ return $_op->emitOpError("cannot be evaluated"); }]>,
    InterfaceMethod<[{
        The axis of operand `operand` of which this op, as it stands but for the
        types, needs the indices [b, e) to compute the indices [b, e) along
        `axis` of its result, whatever b and e are; `wholeOperand` when it needs
        all of the operand, none when such a panel cannot be computed alone.
      }],
      "::std::optional<int64_t>", "getOperandAxis",
      (ins "unsigned":$operand, "int64_t":$axis), "",
      [{ return ::std::nullopt; }]>
  ];
}

#endif // QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_TD
