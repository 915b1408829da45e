// RUN: %mutants %s %models/gpt2 | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: quench-fold-norm-affine
// CHECK: e-1{{[2-9]}} twin:
// MUTANT: forgets the offset :: drop quench.shift #0
// MUTANT: skips a reader :: drop quench.channel_scale #1
// MUTANT: divides by the gain :: toggle quench.channel_scale inverse #0
// MUTANT: scales outputs :: set quench.channel_scale axis 0 #2
// MUTANT: subtracts the offset :: toggle quench.shift negative #0
// MUTANT: another epsilon than that of the model :: set quench.layer_norm eps 1.0e-6
// CHECK-COUNT-6: rejected:
