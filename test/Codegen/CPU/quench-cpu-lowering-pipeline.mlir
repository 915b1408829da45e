// RUN: quench-opt %s --quench-cpu-lowering-pipeline | FileCheck %s

// Halves are computed in f32; nothing but the runtime and libm is called.

// CHECK-DAG: llvm.func @qrt_parallel_for(!llvm.ptr, i64, !llvm.ptr, !llvm.ptr)
// CHECK-DAG: llvm.func @erff(f32) -> f32
// CHECK-NOT: memrefCopy
// CHECK-LABEL: llvm.func internal @encode(
// CHECK: llvm.call @qrt_parallel_for(
// CHECK-LABEL: llvm.func @_mlir_ciface_encode(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK-LABEL: llvm.func internal @encode_loop(
// CHECK: llvm.fpext %{{.*}} : f16 to f32
// CHECK: llvm.fadd %{{.*}} : f32
// CHECK: llvm.call @erff
// CHECK: llvm.fptrunc %{{.*}} : f32 to f16
func.func @encode(%params: memref<0xi8>, %x: tensor<?x16xf16> {quench.name = "x", quench.dims = ["n"]})
    -> (tensor<?x16xf16> {quench.name = "y", quench.dims = ["n"]}) attributes {quench.entry} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x16xf16>
  %e = tensor.empty(%n) : tensor<?x16xf16>
  %y = scf.forall (%i) in (%n) shared_outs(%o = %e) -> (tensor<?x16xf16>) {
    %row = tensor.extract_slice %x[%i, 0] [1, 16] [1, 1] : tensor<?x16xf16> to tensor<16xf16>
    %dst = tensor.extract_slice %o[%i, 0] [1, 16] [1, 1] : tensor<?x16xf16> to tensor<16xf16>
    %r = linalg.map ins(%row : tensor<16xf16>) outs(%dst : tensor<16xf16>) (%a: f16, %init: f16) {
      %s = arith.addf %a, %a : f16
      %t = math.erf %s : f16
      linalg.yield %t : f16
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %r into %o[%i, 0] [1, 16] [1, 1] : tensor<16xf16> into tensor<?x16xf16>
    }
  }
  return %y : tensor<?x16xf16>
}
