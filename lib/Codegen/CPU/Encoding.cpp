//===- Encoding.cpp - Codes of vectors of floats --------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Encoding.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace mlir;
using namespace quench;

Value quench::foldMagnitude(KernelBuilder &b, Value x, Value largest) {
  Value bits = arith::BitcastOp::create(b, b.integers(), x);
  bits = arith::AndIOp::create(b, bits, b.integerSplat(INT32_MAX));
  return arith::MaxSIOp::create(b, bits, largest);
}

Value quench::isOrdinary(KernelBuilder &b, Value bits) {
  Type type = bits.getType();
  auto compare = [&](arith::CmpIPredicate predicate, float bound) -> Value {
    auto number = llvm::bit_cast<int32_t>(bound);
    auto vector = dyn_cast<VectorType>(type);
    Value constant =
        vector ? b.integerSplat(int64_t(number))
               : arith::ConstantOp::create(b, b.getI32IntegerAttr(number));
    return arith::CmpIOp::create(b, predicate, bits, constant);
  };
  Value both = arith::AndIOp::create(
      b, compare(arith::CmpIPredicate::sge, std::ldexp(1.0f, -50)),
      compare(arith::CmpIPredicate::sle, std::ldexp(1.0f, 50)));
  Value all =
      arith::OrIOp::create(b, both, compare(arith::CmpIPredicate::eq, 0.0f));
  if (isa<VectorType>(type))
    all = vector::ReductionOp::create(b, vector::CombiningKind::AND, all);
  return arith::IndexCastUIOp::create(b, b.getIndexType(), all);
}

Value quench::getQuotient(KernelBuilder &b, Value x, Value scale,
                          Value inverse) {
  Value quotient = b.fmul(x, inverse);
  for (int step = 0; step < 2; ++step) {
    Value remainder = b.fma(b.fsub(b.splat(-0.0), quotient), scale, x);
    quotient = b.fma(remainder, inverse, quotient);
  }
  return quotient;
}
