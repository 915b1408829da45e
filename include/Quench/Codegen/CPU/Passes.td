//===- Passes.td - Passes of the CPU code generator --------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CODEGEN_CPU_PASSES
#define QUENCH_CODEGEN_CPU_PASSES

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// From model ops to kernels
//===----------------------------------------------------------------------===//

def SelectKernelsPass : Pass<"quench-select-kernels", "::mlir::ModuleOp"> {
  let summary = "Call generated kernels for model ops";
  let description = [{
    Writes kernels, private functions on buffers, for the model ops that have
    one, and replaces the ops by `quench.call_kernel`. Ops of equal shape share
    a kernel, whose name says what it computes. A linear takes the activation or
    the gated product and the residual that follow it into its kernel; its
    weight is packed in panels when the parameters are prepared. Codes that an
    integer linear reads come from a kernel, too, as its instruction takes them:
    from that of the norm before, or from one of their own.
    Ops without a kernel (a weight that is computed at run time, a dynamic number of channels)
    stay.

    Kernels of linears say in `quench.schedule` how they go through rows and
    channels. A cost model chooses that, unless a file of schedules has an entry
    for the kernel.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x4xf32>
    %0 = quench.linear %x, %w : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    %1 = quench.relu %0 : tensor<?x8xf32>
    // becomes
    %p = quench.pack %w panel 32 : (tensor<8x4xf32>) -> tensor<1x4x32xf32>
    %1 = quench.call_kernel @kernel_linear_8x4_f32_relu(%x, %p : tensor<?x4xf32>, tensor<1x4x32xf32>)
      outs(%empty : tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let options = [
    Option<"vectorBytes", "vector-bytes", "int64_t", "64",
           "bytes of a vector register: 16, 32 or 64">,
    Option<"fma", "fma", "bool", "true",
           "whether the target multiplies and adds in one instruction">,
    Option<"dot", "dot", "::quench::IntegerDot", "::quench::IntegerDot::Quads",
           "what the target sums products of integers by",
           [{::llvm::cl::values(
             clEnumValN(::quench::IntegerDot::None, "none",
                        "nothing: loops compute such products"),
             clEnumValN(::quench::IntegerDot::Pairs, "pairs",
                        "two products of 16 bits"),
             clEnumValN(::quench::IntegerDot::Quads, "quads",
                        "four products of 8 bits"))}]>,
    Option<"narrowQuads", "narrow-quads", "bool", "false",
           "whether the target sums four products of 8 bits and codes of up to "
           "4 bits in 16 bits, beside pairs">,
    Option<"tiles", "tiles", "bool", "false",
           "whether the target sums four products on tile registers, too">,
    Option<"compact", "compact", "bool", "false",
           "whether kernels are short rather than fast: the same numbers">,
    Option<"schedules", "schedules", "std::string", "",
           "file of schedules of kernels">,
    Option<"level", "level", "std::string", "",
           "processor whose schedules count">,
    Option<"candidates", "candidates", "bool", "false",
           "whether to write kernels with all schedules that are worth "
           "measuring, too">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::vector::VectorDialect",
                           "::quench::QuenchDialect"];
}

def ExpandMathPass : Pass<"quench-expand-math"> {
  let summary = "Compute functions of f32 by polynomials";
  let description = [{
    Exponentials, logarithms, error functions and hyperbolic tangents of f32,
    and of f16 and bf16 by way of f32, become arithmetic that the vector units
    can do. f64 stays with libm, which is exact to the last bits.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

//===----------------------------------------------------------------------===//
// From tensors to machine code
//===----------------------------------------------------------------------===//

def OutlineParamsPass : Pass<"quench-outline-params", "::mlir::ModuleOp"> {
  let summary = "Collect the parameters that code reads in one function";
  let description = [{
    Every value that a weight program computes and that something else reads
    becomes a *root*: a result of `@quench_params`, which holds the programs of
    the whole module, equal ones once. The attribute `quench.offsets` places
    root `i` in the parameter bytes, at a multiple of 64; and
    `quench.payload_bytes` is the size of all of them. Entry points get the
    parameter bytes as their first argument and view the roots in it.

    ```mlir
    func.func @encode(%x: tensor<2xf32>) -> tensor<2xf32> attributes {quench.entry} {
      %w = quench.param <"model"::"w"> : tensor<2xf32>
      ...
    }
    // becomes
    func.func @encode(%params: memref<64xi8>, %x: tensor<2xf32>) -> tensor<2xf32> ... {
      %c0 = arith.constant 0 : index
      %view = memref.view %params[%c0][] : memref<64xi8> to memref<2xf32>
      %w = bufferization.to_tensor %view restrict : memref<2xf32> to tensor<2xf32>
      ...
    }
    func.func private @quench_params() -> tensor<2xf32>
        attributes {quench.offsets = array<i64: 0>, quench.payload_bytes = 64 : i64} {
      %0 = quench.param <"model"::"w"> : tensor<2xf32>
      return %0 : tensor<2xf32>
    }
    ```

    An entry point may read parameters; any other function is given them.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect"];
}

def LowerEntryPointsPass
    : Pass<"quench-lower-entry-points", "::mlir::ModuleOp"> {
  let summary = "Give entry points arguments that are buffers";
  let description = [{
    An entry point on tensors becomes one on buffers: the parameter bytes, the
    inputs and states, then a buffer for every result that is not the new value
    of a state. Results are computed in these buffers where bufferization can,
    and copied to them where it cannot. States are updated in place. A result
    whose size does not follow from the sizes of arguments with the same
    `quench.dims` is compared with its buffer first; `@quench_wrong_shape` ends
    the run when they differ.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SpaceRowsPass : Pass<"quench-space-rows", "::mlir::ModuleOp"> {
  let summary = "Put gaps between rows that collide in caches";
  let description = [{
    A linear computes a panel of channels for all rows, and so writes a piece of
    each row. Where rows lie a multiple of 1 KiB apart, the pieces share a quarter
    of the sets of the first level cache, or fewer, and evict each other. Such an
    output of `quench.call_kernel` gets a cache line behind each row, unless
    something that reads it would need a copy without gaps: a kernel that takes
    dense rows, or the result of an entry point.

    ```mlir
    %empty = tensor.empty(%n) : tensor<?x768xf32>
    %0 = quench.call_kernel @linear(%x, %w : tensor<?x768xf32>, tensor<24x768x32xf32>)
      outs(%empty : tensor<?x768xf32>) -> tensor<?x768xf32>
    // becomes
    %all = tensor.empty(%n) : tensor<?x784xf32>
    %rows = tensor.extract_slice %all[0, 0] [%n, 768] [1, 1] : tensor<?x784xf32> to tensor<?x768xf32>
    %0 = quench.call_kernel @linear(%x, %w : tensor<?x768xf32>, tensor<24x768x32xf32>)
      outs(%rows : tensor<?x768xf32>) -> tensor<?x768xf32>
    ```
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def BufferizePass : Pass<"quench-bufferize", "::mlir::ModuleOp"> {
  let summary = "Compute in buffers instead of on tensors";
  let description = [{
    Runs upstream's one-shot bufferization on the whole module, after making
    producers write straight into the places where their results are inserted.
    Results that begin as the same empty or filled tensor get one each. Private
    functions take buffers whose rows may be apart but whose innermost elements are
    contiguous, and give results through arguments.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect"];
}

def SplitCopiesPass : Pass<"quench-split-copies", "::mlir::func::FuncOp"> {
  let summary = "Copy between buffers with gaps run by run";
  let description = [{
    Makes of a `memref.copy` that is not one run of bytes loops over the outer
    dimensions, down to runs that are contiguous on both sides.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def HoistLoadsPass : Pass<"quench-hoist-loads", "::mlir::func::FuncOp"> {
  let summary = "Load once what every iteration of a loop loads";
  let description = [{
    Takes loads whose indices do not change out of loops that run at least once
    and write nothing that may be the same memory, and what is computed from them.
    LLVM, which sees pointers only, cannot tell the memory apart; a loop that adds
    rows of embeddings would look for its row again for each channel, and stay
    scalar.

    ```mlir
    scf.for %c = %c0 to %c384 step %c1 {
      %id = memref.load %ids[%t] : memref<?xindex>
      %e = memref.load %table[%id, %c] : memref<100x384xf32>
      memref.store %e, %out[%t, %c] : memref<?x384xf32>
    }
    // becomes, where %out is an allocation
    %id = memref.load %ids[%t] : memref<?xindex>
    scf.for %c = %c0 to %c384 step %c1 {
      %e = memref.load %table[%id, %c] : memref<100x384xf32>
      memref.store %e, %out[%t, %c] : memref<?x384xf32>
    }
    ```
  }];
}

def OutlineParallelLoopsPass
    : Pass<"quench-outline-parallel-loops", "::mlir::ModuleOp"> {
  let summary = "Make functions of the bodies of parallel loops";
  let description = [{
    The outermost `scf.forall` and `scf.parallel` on buffers become calls, marked
    `quench.parallel`, of private functions that take a range of the linearized
    iterations and what the body uses. Read as a plain call, the whole range runs
    on one thread; `quench-lower-runtime-calls` gives it to the threads. Loops
    inside a parallel loop, and loops that reduce, stay.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::scf::SCFDialect"];
}

def ShareLoopsPass : Pass<"quench-share-loops", "::mlir::ModuleOp"> {
  let summary = "Make one function of equal loops";
  let description = [{
    The layers of a model repeat the same loops on other buffers. Loops of entry
    points become private functions that take what the loops use, and of private
    functions that differ in nothing but their names one is kept: so compilation
    takes as long as the model has different loops.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def PlaceBuffersPass : Pass<"quench-place-buffers", "::mlir::func::FuncOp"> {
  let summary = "Put small buffers on the stack and free the others";
  let description = [{
    A buffer of a static size up to `max-stack-buffer` goes to the stack of its
    function, once, however often the code around it runs, as long as all such
    buffers of the function stay within `max-stack`. Every other buffer is freed
    after its last use. The pass fails on a buffer that outlives the block that
    allocates it.
  }];
  let options = [
    Option<"maxStackBuffer", "max-stack-buffer", "int64_t", "16384",
           "largest buffer on the stack, in bytes">,
    Option<"maxStack", "max-stack", "int64_t", "131072",
           "most bytes on the stack of one function">
  ];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def ExpandArithPass : Pass<"quench-expand-arith", "::mlir::func::FuncOp"> {
  let summary = "Write out arithmetic that LLVM has no instructions for";
  let description = [{
    Divisions that round up or down become divisions and corrections. The
    conversion between f32 and bf16 becomes integer arithmetic that rounds to
    nearest even: LLVM would call a function that compilers of 2022 do not bring,
    and the instruction of some processors takes small numbers for zero.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::vector::VectorDialect"];
}

def LowerRuntimeCallsPass
    : Pass<"quench-lower-runtime-calls", "::mlir::ModuleOp"> {
  let summary = "Call the runtime for memory and threads";
  let description = [{
    Works on the LLVM dialect. Functions that allocate, or run parallel loops, or
    call such functions, take the context of the run as their first argument;
    allocation goes to `qrt_alloc` and `qrt_free`, `@quench_wrong_shape` to
    `qrt_wrong_shape`; calls marked `quench.parallel` go to `qrt_parallel_for`
    with a closure on the stack. The C interface of an
    entry point becomes a function of the type `qrt_entry_fn` that keeps its
    name, everything else becomes private.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // QUENCH_CODEGEN_CPU_PASSES
