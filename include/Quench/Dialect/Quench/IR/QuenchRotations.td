//===- QuenchRotations.td - Orthogonal matrices ----------- -*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHROTATIONS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHROTATIONS_TD

include "Quench/Dialect/Quench/IR/QuenchAttrs.td"
include "Quench/Interfaces/RotationAttrInterface.td"

class Quench_RotationAttr<string name, string attrMnemonic>
    : Quench_Attr<name, attrMnemonic, [
        DeclareAttrInterfaceMethods<RotationAttrInterface>]> {
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Quench_HadamardAttr : Quench_RotationAttr<"Hadamard", "hadamard"> {
  let summary = "the Hadamard matrix of an order";
  let description = [{
    `#quench.hadamard<12>` is the matrix `H` of order 12 divided by the root of 12,
    `#quench.hadamard<12, transposed>` its transpose; they are the same matrix where
    `H` is symmetric, as that of every power of two is.

    The order is `K 2^m` with `K = 1` or an order that Paley or Williamson has a
    matrix of, `K` as small as possible, and `H = H_K (x) H_{2^m}` with that of
    Sylvester. A row `v` is multiplied as `K` rows of `2^m` numbers.
    `include/Quench/Support/Hadamard.h` says which orders there are.
  }];
  let parameters = (ins "int64_t":$n, "bool":$transposed);
  let builders = [AttrBuilder<(ins "int64_t":$n), [{
    return $_get($_ctxt, n, /*transposed=*/false);
  }]>];
}

def Quench_RandomHadamardAttr : Quench_RotationAttr<"RandomHadamard", "random_hadamard"> {
  let summary = "a Hadamard matrix with random signs";
  let description = [{
    `#quench.random_hadamard<12, seed = 7>` is `diag(s) H` with `H` as
    `#quench.hadamard<12>` and `s` random signs: `s[i]` is negative where the
    number `i` of SplitMix64 from `seed` has its highest bit set. With `transposed`
    it is `H^T diag(s)`.
  }];
  let parameters = (ins "int64_t":$n, "uint64_t":$seed, "bool":$transposed);
  let builders = [AttrBuilder<(ins "int64_t":$n, "uint64_t":$seed), [{
    return $_get($_ctxt, n, seed, /*transposed=*/false);
  }]>];
}

def Quench_RandomOrthogonalAttr
    : Quench_RotationAttr<"RandomOrthogonal", "random_orthogonal"> {
  let summary = "a random orthogonal matrix";
  let description = [{
    `#quench.random_orthogonal<12, seed = 7>` is a matrix from the uniform (Haar)
    distribution of orthogonal matrices, as the QR factorization of a matrix of
    normal numbers with positive diagonal of R gives it. It is made as a product of
    `n` reflections by vectors of `n` to 1 normal numbers (Stewart 1980), those by
    the polar method of Marsaglia from SplitMix64 of `seed`. With `transposed` it is
    the transpose.

    A row costs `2 n^2` multiplications: on wide models a Hadamard matrix is
    preferable.
  }];
  let parameters = (ins "int64_t":$n, "uint64_t":$seed, "bool":$transposed);
  let builders = [AttrBuilder<(ins "int64_t":$n, "uint64_t":$seed), [{
    return $_get($_ctxt, n, seed, /*transposed=*/false);
  }]>];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHROTATIONS_TD
