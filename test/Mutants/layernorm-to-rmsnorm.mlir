// RUN: %mutants %s %models/gpt2 | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: quench-fold-norm-affine,quench-layernorm-to-rmsnorm
// CHECK: e-1{{[2-9]}} twin:
// MUTANT: forgets the tokens :: drop quench.center where=wte
// MUTANT: forgets the positions :: drop quench.center where=wpe
// MUTANT: forgets the output of attention :: drop quench.center where=h.0.attn.c_proj.weight
// MUTANT: forgets the bias of the output of attention :: drop quench.center where=h.0.attn.c_proj.bias
// MUTANT: forgets the bias of the last layer :: drop quench.center where=h.1.mlp.c_proj.bias
// MUTANT: centres inputs :: set quench.center axis 1 where=h.0.attn.c_proj.weight
// MUTANT: [QuaRot] an epsilon whatever that of the model is :: set quench.rms_norm eps 1.0e-6
// CHECK-COUNT-7: rejected:
