//===- ProgramMain.cpp - main() of a program that is one model ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "quench-rt/quench_rt.h"

// A member of the archive of its own: only a program that links a compiled
// model and has no main() takes it in.

extern "C" const qrt_model quench_model;

int main(int argc, char **argv) { return qrt_main(argc, argv, &quench_model); }
