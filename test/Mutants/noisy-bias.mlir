// RUN: %mutants %s %models/vit-17 | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: quench-noisy-bias{seed=3 sites=layer.0}
// CHECK: e-1{{[2-9]}} twin:
// MUTANT: does not remove the noise :: drop quench.shift where=layer.0.attention.attention.query.bias
// MUTANT: adds it again :: toggle quench.shift negative where=layer.0.attention.attention.query.bias
// MUTANT: does not remove it for one reader of the norm :: drop quench.shift where=layer.0.attention.attention.value.bias
// MUTANT: does not add it :: drop quench.shift where=layernorm_before.bias
// CHECK-COUNT-4: rejected:
