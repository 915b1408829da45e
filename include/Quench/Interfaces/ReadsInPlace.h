//===- ReadsInPlace.h - Weight programs that copy no operand ----*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_READSINPLACE_H
#define QUENCH_INTERFACES_READSINPLACE_H

#include "mlir/IR/OpDefinition.h"

namespace quench {

/// A weight program that makes no other form of the operands that it needs as
/// a whole, so that its evaluation needs no more memory than they have.
template <typename ConcreteType>
class ReadsInPlace
    : public mlir::OpTrait::TraitBase<ConcreteType, ReadsInPlace> {};

} // namespace quench

#endif // QUENCH_INTERFACES_READSINPLACE_H
