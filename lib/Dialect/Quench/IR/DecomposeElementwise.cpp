//===- DecomposeElementwise.cpp - Elementwise ops as loops
//------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace quench;

/// One loop over all elements of the only operand.
static FailureOr<SmallVector<Value>>
decomposeUnary(OpBuilder &b, Operation *op,
               llvm::function_ref<Scalar(Scalar)> body) {
  TensorBuilder builder(b, op->getLoc());
  Value input = op->getOperand(0);
  auto type = cast<RankedTensorType>(input.getType());
  Value result = builder.map(builder.getSizes(input), type.getElementType(),
                             {{input, TensorBuilder::range(type.getRank())}},
                             [&](LoopBody &loop) { return body(loop[0]); });
  return SmallVector<Value>{result};
}

/// One loop over all elements of `lhs`, `rhs` being repeated.
static FailureOr<SmallVector<Value>>
decomposeBinary(OpBuilder &b, Operation *op, Value lhs, Value rhs,
                llvm::function_ref<Scalar(Scalar, Scalar)> body) {
  TensorBuilder builder(b, op->getLoc());
  auto type = cast<RankedTensorType>(lhs.getType());
  SmallVector<unsigned> loops = TensorBuilder::range(type.getRank());
  int64_t rank = cast<RankedTensorType>(rhs.getType()).getRank();
  Value result = builder.map(
      builder.getSizes(lhs), type.getElementType(),
      {{lhs, loops},
       {rhs, llvm::to_vector(ArrayRef<unsigned>(loops).take_back(rank))}},
      [&](LoopBody &loop) { return body(loop[0], loop[1]); });
  return SmallVector<Value>{result};
}

static Scalar relu(Scalar x) { return max(x, x.constant(0)); }

static Scalar sigmoid(Scalar x) { return x.constant(1) / (exp(-x) + 1); }

// Sums of exp of something not positive do not overflow.
static Scalar softplus(Scalar x) {
  return max(x, x.constant(0)) + log1p(exp(-abs(x)));
}

static Scalar gelu(Scalar x, GeluKind kind) {
  switch (kind) {
  case GeluKind::Erf:
    return x * 0.5 * (erf(x * std::sqrt(0.5)) + 1);
  case GeluKind::Tanh:
    return x * 0.5 *
           (tanh((x + x * x * x * 0.044715) *
                 std::sqrt(2 / llvm::numbers::pi)) +
            1);
  case GeluKind::Sigmoid:
    return x * sigmoid(x * 1.702);
  }
  llvm_unreachable("all kinds are covered");
}

static Scalar applyGate(Scalar x, GateKind kind) {
  switch (kind) {
  case GateKind::Silu:
    return x * sigmoid(x);
  case GateKind::GeluErf:
    return gelu(x, GeluKind::Erf);
  case GateKind::GeluTanh:
    return gelu(x, GeluKind::Tanh);
  case GateKind::Relu:
    return relu(x);
  }
  llvm_unreachable("all kinds are covered");
}

FailureOr<SmallVector<Value>> AddOp::decomposeOperation(OpBuilder &b) {
  return decomposeBinary(b, *this, getLhs(), getRhs(),
                         [](Scalar x, Scalar y) { return x + y; });
}

FailureOr<SmallVector<Value>> MulOp::decomposeOperation(OpBuilder &b) {
  return decomposeBinary(b, *this, getLhs(), getRhs(),
                         [](Scalar x, Scalar y) { return x * y; });
}

FailureOr<SmallVector<Value>> ReluOp::decomposeOperation(OpBuilder &b) {
  return decomposeUnary(b, *this, relu);
}

FailureOr<SmallVector<Value>> TanhOp::decomposeOperation(OpBuilder &b) {
  return decomposeUnary(b, *this, [](Scalar x) { return tanh(x); });
}

FailureOr<SmallVector<Value>> SoftplusOp::decomposeOperation(OpBuilder &b) {
  return decomposeUnary(b, *this, softplus);
}

FailureOr<SmallVector<Value>> ExpOp::decomposeOperation(OpBuilder &b) {
  return decomposeUnary(b, *this, [](Scalar x) { return exp(x); });
}

FailureOr<SmallVector<Value>> NegOp::decomposeOperation(OpBuilder &b) {
  return decomposeUnary(b, *this, [](Scalar x) { return -x; });
}

FailureOr<SmallVector<Value>> GeluOp::decomposeOperation(OpBuilder &b) {
  return decomposeUnary(b, *this, [&](Scalar x) { return gelu(x, getKind()); });
}

FailureOr<SmallVector<Value>> SiluOp::decomposeOperation(OpBuilder &b) {
  if (!getScale())
    return decomposeUnary(b, *this, [](Scalar x) { return x * sigmoid(x); });
  return decomposeBinary(
      b, *this, getInput(), getScale(),
      [](Scalar x, Scalar scale) { return x * sigmoid(x * scale); });
}

FailureOr<SmallVector<Value>> GatedOp::decomposeOperation(OpBuilder &b) {
  return decomposeBinary(
      b, *this, getGate(), getUp(),
      [&](Scalar gate, Scalar up) { return applyGate(gate, getKind()) * up; });
}
