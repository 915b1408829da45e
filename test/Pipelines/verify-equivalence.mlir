// Passes that claim equivalence are checked on the model before and after them.

// RUN: %claim='builtin.module(test-claim{mutation="swap quench.add 0 1"})' --verify-equivalence \
// RUN:   --certificates %t.json | FileCheck %s --check-prefix=SWAPPED
// RUN: FileCheck %s --check-prefix=EQUAL --input-file=%t.json
// SWAPPED: quench.add %{{.*}}, %arg0
// EQUAL: "format": "quench-certificates"
// EQUAL: "parameters": {
// EQUAL-NEXT: "model": {
// EQUAL-NEXT: "source": "random"
// EQUAL: "passes": [
// EQUAL: "error": 0,
// EQUAL: "after": "[[AFTER:[0-9a-f]{32}]]",
// EQUAL-NEXT: "before": "[[BEFORE:[0-9a-f]{32}]]"
// EQUAL: "output": "y"
// EQUAL: "pass": "test-claim{claims=true mutation={swap quench.add 0 1}}"
// EQUAL: "result": "equal"
// EQUAL: "note": "did swap quench.add 0 1"

// RUN: not %claim='builtin.module(test-claim{mutation="set quench.layer_norm eps 1.0e-6"})' --verify-equivalence \
// RUN:   --certificates %t.json 2>&1 | FileCheck %s --check-prefix=BROKEN
// RUN: FileCheck %s --check-prefix=DIFFERENT --input-file=%t.json
// BROKEN: error: pass 'test-claim{{.*}}' does not keep what the model computes: output 'y' of entry 'f' differs by
// DIFFERENT: "block": "layer.0"
// DIFFERENT: "failure": "output 'y' of entry 'f' differs by {{.*}}; the first block that differs is 'layer.0'"
// DIFFERENT: "result": "different"
// RUN: %claim='builtin.module(test-claim{mutation="set quench.layer_norm eps 1.0e-6"})' --verify-equivalence=0.1
// RUN: %claim='builtin.module(test-claim{mutation="set quench.layer_norm eps 1.0e-6"})'

// A claim to have done what was not done.
// RUN: not %claim='builtin.module(test-claim)' --verify-equivalence 2>&1 | FileCheck %s --check-prefix=VACUOUS
// VACUOUS: error: pass 'test-claim{{.*}}' claims 1 rewritten sites, but changed nothing

// Nothing to do is no failure; why is in the certificate.
// RUN: %claim='builtin.module(test-claim{claims=false})' --certificates %t.json
// RUN: FileCheck %s --check-prefix=REFUSED --input-file=%t.json
// REFUSED: "name": "layer"
// REFUSED-NEXT: "op": "builtin.module"
// REFUSED-NEXT: "reason": "it is as it was"
// REFUSED: "result": "unchanged"

// Only whole models are compared.
// RUN: not %claim='builtin.module(func.func(test-claim-anywhere))' --verify-equivalence 2>&1 | FileCheck %s --check-prefix=FUNCTION
// FUNCTION: error: pass 'test-claim-anywhere' claims equivalence and runs on 'func.func'; only models, 'builtin.module', are compared

// RUN: not quench-opt %s --verify-equivalence=x 2>&1 | FileCheck %s --check-prefix=NUMBER
// NUMBER: error: --verify-equivalence: found 'x', expected a number, 0 or more

module attributes {quench.symbols = {n = [1]}} {
  func.func @f(%x: tensor<?x16xf32> {quench.name = "x", quench.dims = ["n"]})
      -> (tensor<?x16xf32> {quench.name = "y", quench.dims = ["n"]})
      attributes {quench.entry} {
    %gamma = quench.param <"model"::"gamma"> : tensor<16xf32>
    %beta = quench.param <"model"::"beta"> : tensor<16xf32>
    %w = quench.param <"model"::"w"> : tensor<16x16xf32>
    %0 = quench.layer_norm %x gamma %gamma beta %beta eps 1.0e-5
        : (tensor<?x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
    %1 = quench.linear %0, %w
        : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %2 = quench.add %x, %1 residual
        : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32> loc("layer.0")
    return %2 : tensor<?x16xf32>
  }
}
