// Queries and keys behind their rotary embedding; keys are cached as products.

// RUN: %mutants %s %models/llama-bytes | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: quench-insert-online-hadamard{weights=false pairs}
// CHECK: e-1{{[2-9]}} twin:
// MUTANT: forgets queries :: drop quench.online_hadamard #0
// MUTANT: forgets keys :: drop quench.online_hadamard #1
// MUTANT: blocks on one side :: set quench.online_hadamard rotation #quench.hadamard<16> #0
// CHECK-COUNT-3: rejected:
