//===- VectorClones.h - Code for the registers of the machine ---*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_VECTORCLONES_H
#define QUENCH_SUPPORT_VECTORCLONES_H

/// A function marked with this is compiled for vectors of several widths, and
/// the loader takes the widest that the machine has. Its numbers must be the
/// same on every machine: it adds no product that is inexact, since that would
/// be fused where there is an instruction for it.
#if defined(__x86_64__) && defined(__linux__)
#define QUENCH_VECTOR_CLONES                                                   \
  __attribute__((target_clones("avx512bw", "avx2", "default")))
#else
#define QUENCH_VECTOR_CLONES
#endif

/// What such a function calls in its loops.
#define QUENCH_INLINE __attribute__((always_inline)) inline

#endif // QUENCH_SUPPORT_VECTORCLONES_H
