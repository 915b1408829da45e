//===- Mutation.h - Wrong versions of a model -------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TEST_LIB_MUTANTS_MUTATION_H
#define QUENCH_TEST_LIB_MUTANTS_MUTATION_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

/// Makes of `module` the wrong version that `text` describes; the steps of
/// several, separated by `;`, follow each other. A step is an operator, the
/// name of an op, arguments, and which of these ops it changes:
///
///     drop OP              its result is its first operand of the same type
///     set OP ATTR VALUE    an attribute is another one
///     unset OP ATTR        an attribute is missing
///     toggle OP ATTR       a unit attribute is there where it was not, or not
///     omit OP N            its operand N, an optional one, is missing
///     swap OP M N          its operands M and N change places
///     take OP N from SRC#M its operand N is that of the op SRC number M; SRC# may
///                          be left out where it is OP
///     exchange OP          it and what gives its first operand change places
///     wrap OP WITH {...}   its result goes through an op WITH of one operand,
///                          with these attributes
///
/// followed by `#K`, only the op number K from 0; `where=TEXT`, only ops whose
/// weights come from a parameter with TEXT in its key. Without, all of them.
/// Fails where there is no such op.
llvm::Error mutate(mlir::ModuleOp module, llvm::StringRef text);

#endif // QUENCH_TEST_LIB_MUTANTS_MUTATION_H
