// RUN: %mutants %s %models/gpt2 | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: quench-fold-norm-affine,quench-insert-online-hadamard{sites=mlp.c_proj}
// CHECK: e-1{{[2-9]}} twin:
// MUTANT: transposes on one side :: set quench.rotate rotation #quench.hadamard<48, transposed> #0
// MUTANT: forgets the weight :: drop quench.rotate #0
// MUTANT: forgets the product :: drop quench.online_hadamard #0
// MUTANT: blocks on one side :: set quench.online_hadamard rotation #quench.hadamard<12> #0
// CHECK-COUNT-4: rejected:
