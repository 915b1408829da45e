//===- KernelBuilder.h - Writes vector kernels on buffers ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_CODEGEN_CPU_KERNELBUILDER_H
#define QUENCH_LIB_CODEGEN_CPU_KERNELBUILDER_H

#include "Quench/Codegen/CPU/Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace quench {

/// What an activation computes; `None` is the identity.
enum class Activation {
  None,
  Relu,
  GeluErf,
  GeluTanh,
  GeluSigmoid,
  Silu,
  Tanh,
  Softplus
};

/// Returns the lower-case name of `activation` for symbol names.
llvm::StringRef stringify(Activation activation);

struct KernelLibrary;

/// A table of 16 numbers: registers, or where no instruction finds something in
/// those, the buffer.
using LookupTable = llvm::SmallVector<mlir::Value, 2>;

/// The number of products that one lane of `dot` sums; 1 for none.
int64_t getDepth(IntegerDot dot);

/// Whether rows of `dot` are unsigned bytes.
bool hasByteRows(IntegerDot dot);

/// Vectors in a panel of packed weights.
inline constexpr int64_t panelVectors = 2;

/// Chains of a loop over the channels of a row.
inline constexpr int64_t channelChains = 4;

/// Where a line is to be that is asked for.
enum class CacheLevel { First, Second };

/// Writes the body of one kernel: index arithmetic, loops, and arithmetic on
/// vectors of the register width in the compute type (f64 for f64, else f32).
/// Elements of another type are converted where they are loaded and stored.
class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  /// A builder for `library` of kernels on elements of type `storage`.
  KernelBuilder(const KernelLibrary &library, mlir::Type storage);

  /// The type that arithmetic is done in.
  mlir::FloatType compute() const { return computeType; }
  /// Lanes of one register of the compute type.
  int64_t lanes() const { return numLanes; }
  mlir::VectorType vector() const {
    return mlir::VectorType::get({numLanes}, computeType);
  }
  /// The type of `factor` integers of `bits` bits a lane.
  mlir::VectorType integers(unsigned bits = 32, int64_t factor = 1) {
    return mlir::VectorType::get({numLanes * factor}, getIntegerType(bits));
  }
  /// Vector registers of the target.
  int64_t registers() const { return options.registers(); }
  /// Whether code is to be short rather than fast.
  bool isCompact() const { return options.compact; }
  /// Whether fma() rounds once.
  bool hasFMA() const { return options.fma; }

  // Index arithmetic; constants fold.
  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b) { return add(a, index(b)); }
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, int64_t b) { return mul(a, index(b)); }
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);
  mlir::Value ceilDiv(mlir::Value a, int64_t b);
  mlir::Value floorDiv(mlir::Value a, mlir::Value b);
  mlir::Value floorDiv(mlir::Value a, int64_t b) {
    return floorDiv(a, index(b));
  }
  mlir::Value less(mlir::Value a, mlir::Value b);
  mlir::Value dim(mlir::Value buffer, int64_t i);

  // Control flow.
  using Body = llvm::function_ref<void(mlir::Value)>;
  using CarriedBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      mlir::Value, mlir::ValueRange)>;
  void loop(mlir::Value begin, mlir::Value end, int64_t step, Body body);
  llvm::SmallVector<mlir::Value> loop(mlir::Value begin, mlir::Value end,
                                      int64_t step, mlir::ValueRange init,
                                      CarriedBody body);
  /// Iterations that may run at once, the last index fastest. Scratch that the
  /// body allocates lives as long as one iteration.
  void parallel(llvm::ArrayRef<mlir::Value> counts,
                llvm::function_ref<void(mlir::ValueRange)> body);
  void ifThen(mlir::Value condition, llvm::function_ref<void()> then);
  /// A loop over [begin, end) in blocks of the largest of `sizes` (descending,
  /// the last is 1) that still fits; `body` is written once for each size and
  /// `after` once for all of them.
  void blocks(mlir::Value begin, mlir::Value end, llvm::ArrayRef<int64_t> sizes,
              llvm::function_ref<void(int64_t size, mlir::Value at)> body,
              llvm::function_ref<void(mlir::Value size, mlir::Value at)> after);
  /// `body` for `size`, which is one of `sizes`; it is written once for each.
  void choose(mlir::Value size, llvm::ArrayRef<int64_t> sizes,
              llvm::function_ref<void(int64_t size)> body);
  using ChannelStep = llvm::function_ref<mlir::Value(
      mlir::Value at, mlir::Value mask, mlir::Value carried)>;
  /// Runs `step` over the channels of a row of `size`. It gets the first
  /// channel of a vector, the mask of its lanes (null: all), and what the last
  /// step of its chain gave; there are `channelChains` interleaved chains,
  /// which begin as `chains` and end there, or none.
  void forChannels(int64_t size, llvm::MutableArrayRef<mlir::Value> chains,
                   ChannelStep step);

  // Memory. Indices address the first element.
  /// Scratch of the compute type on the stack.
  mlir::Value scratch(llvm::ArrayRef<int64_t> shape) {
    return scratch(shape, computeType);
  }
  /// Scratch of elements of `type` on the stack.
  mlir::Value scratch(llvm::ArrayRef<int64_t> shape, mlir::Type type);
  /// A register of consecutive elements; with `mask`, zeros where it is off.
  mlir::Value load(mlir::Value buffer, mlir::ValueRange indices,
                   mlir::Value mask = {});
  void store(mlir::Value value, mlir::Value buffer, mlir::ValueRange indices,
             mlir::Value mask = {});
  mlir::Value loadScalar(mlir::Value buffer, mlir::ValueRange indices);
  void storeScalar(mlir::Value value, mlir::Value buffer,
                   mlir::ValueRange indices);
  /// Consecutive elements of any type as they are, `factor` for each lane.
  mlir::Value loadVector(mlir::Value buffer, mlir::ValueRange indices,
                         int64_t factor = 1);
  void storeVector(mlir::Value value, mlir::Value buffer,
                   mlir::ValueRange indices);
  /// The consecutive elements of an integer buffer that 32 bits hold, in every
  /// lane.
  mlir::Value loadRepeated(mlir::Value buffer, mlir::ValueRange indices);
  /// Asks for the cache line of an element, which need not exist.
  void prefetch(mlir::Value buffer, mlir::ValueRange indices,
                CacheLevel level = CacheLevel::Second);
  /// A mask of the first `count` lanes.
  mlir::Value mask(mlir::Value count);
  /// A mask for lanes [at, at + lanes) of `size` elements, null when all of
  /// them exist.
  mlir::Value tailMask(int64_t at, int64_t size);

  // Vectors of the compute type.
  mlir::Value splat(double value);
  mlir::Value splat(mlir::Value scalar);
  mlir::Value fadd(mlir::Value a, mlir::Value b);
  mlir::Value fsub(mlir::Value a, mlir::Value b);
  mlir::Value fmul(mlir::Value a, mlir::Value b);
  mlir::Value fdiv(mlir::Value a, mlir::Value b);
  mlir::Value fmax(mlir::Value a, mlir::Value b);
  mlir::Value fmin(mlir::Value a, mlir::Value b);
  /// a * b + c, in one instruction where the target has it.
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c);
  /// Rows of a square to its columns.
  llvm::SmallVector<mlir::Value> transpose(llvm::ArrayRef<mlir::Value> rows);
  /// A constant vector of integers of any width.
  mlir::Value constant(mlir::VectorType type, uint64_t value);
  // Vectors of i32.
  mlir::Value integerSplat(int64_t value);
  mlir::Value integerSplat(mlir::Value scalar);
  /// As numbers of the compute type.
  mlir::Value toFloats(mlir::Value integers);

  /// The elements of `buffer`, of the compute type, at `places`, of i32, one
  /// lane after the other.
  mlir::Value gather(mlir::Value buffer, mlir::Value places);
  /// The table of f32 in `buffer`.
  LookupTable loadTable(mlir::Value buffer);
  /// The number of `table` for the 4 bits of each lane of `integers`, of i32,
  /// from bit `shift` on.
  mlir::Value lookup(const LookupTable &table, mlir::Value integers,
                     int64_t shift);

  /// The sum, or the largest, of all lanes as a scalar.
  mlir::Value reduceAdd(mlir::Value value);
  mlir::Value reduceMax(mlir::Value value);

  // Functions on vectors. f32: polynomials, errors stated where they are
  // defined; f64: the ops of the math dialect, which become calls of libm.
  mlir::Value exp(mlir::Value x);
  mlir::Value sigmoid(mlir::Value x);
  mlir::Value activate(Activation activation, mlir::Value x);

  /// acc[r][v] += sum over k in [0, depth) of a(k, r) * b(k, v): the loop that
  /// every contraction runs in, accumulators in registers. `a` gives scalars,
  /// `b` vectors; `accumulators` is row-major.
  llvm::SmallVector<mlir::Value>
  contract(int64_t rows, int64_t columns, mlir::Value depth,
           llvm::ArrayRef<mlir::Value> accumulators,
           llvm::function_ref<mlir::Value(mlir::Value k, int64_t row)> a,
           llvm::function_ref<mlir::Value(mlir::Value k, int64_t column)> b);

  /// The same for integers, `dot` of them in a lane and a step: `a` and `b`
  /// give registers of 16 or, for quads, of 8 bits; those of `a` are unsigned
  /// then. What `b` gives of narrow quads is at most `largest`.
  llvm::SmallVector<mlir::Value>
  contract(IntegerDot dot, int64_t rows, int64_t columns, mlir::Value depth,
           llvm::ArrayRef<mlir::Value> accumulators,
           llvm::function_ref<mlir::Value(mlir::Value k, int64_t row)> a,
           llvm::function_ref<mlir::Value(mlir::Value k, int64_t column)> b,
           int64_t largest = 0);

  /// The same where `b` gives vectors that hold what `parts` consecutive steps
  /// multiply, and `unpack` gives one of them. `a` gives registers or, without
  /// a `dot`, scalars, `b` packed vectors; `depth` counts these. Of quads that
  /// are `isSwapped` what `unpack` gives is unsigned, in place of `a`. Of
  /// narrow ones its magnitude is at most `largest`.
  llvm::SmallVector<mlir::Value> contractPacked(
      IntegerDot dot, int64_t rows, int64_t columns, int64_t parts,
      mlir::Value depth, llvm::ArrayRef<mlir::Value> accumulators,
      llvm::function_ref<mlir::Value(mlir::Value k, int64_t part, int64_t row)>
          a,
      llvm::function_ref<mlir::Value(mlir::Value k, int64_t column)> b,
      llvm::function_ref<mlir::Value(mlir::Value packed, int64_t part,
                                     int64_t column)>
          unpack,
      bool isSwapped = false, int64_t largest = 0);

private:
  /// What a contraction computes with.
  struct Arithmetic {
    mlir::Value zero;
    llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> add;
    /// a * b + c.
    llvm::function_ref<mlir::Value(mlir::Value, mlir::Value, mlir::Value)>
        multiplyAdd;
  };
  llvm::SmallVector<mlir::Value> contractPacked(
      const Arithmetic &arithmetic, int64_t rows, int64_t columns,
      int64_t parts, mlir::Value depth,
      llvm::ArrayRef<mlir::Value> accumulators,
      llvm::function_ref<mlir::Value(mlir::Value k, int64_t part, int64_t row)>
          a,
      llvm::function_ref<mlir::Value(mlir::Value k, int64_t column)> b,
      llvm::function_ref<mlir::Value(mlir::Value packed, int64_t part,
                                     int64_t column)>
          unpack);
  /// Sums of narrow quads: of 16 bits for as many steps as these hold.
  llvm::SmallVector<mlir::Value> contractNarrow(
      int64_t rows, int64_t columns, int64_t parts, mlir::Value depth,
      llvm::ArrayRef<mlir::Value> accumulators,
      llvm::function_ref<mlir::Value(mlir::Value k, int64_t part, int64_t row)>
          a,
      llvm::function_ref<mlir::Value(mlir::Value k, int64_t column)> b,
      llvm::function_ref<mlir::Value(mlir::Value packed, int64_t part,
                                     int64_t column)>
          unpack,
      bool isSwapped, int64_t largest);
  /// c plus, in each lane, the sum of the products of `a` and `b`.
  mlir::Value multiplyAdd(IntegerDot dot, mlir::Value a, mlir::Value b,
                          mlir::Value c);
  /// The result, of type `type`, of an intrinsic of LLVM.
  mlir::Value callIntrinsic(llvm::StringRef name, mlir::Type type,
                            mlir::ValueRange operands);
  const CPUKernelOptions &options;
  mlir::FloatType computeType;
  int64_t numLanes;

  mlir::Value horner(mlir::Value x, llvm::ArrayRef<double> coefficients);
  mlir::Value erf(mlir::Value x);
  /// Calls `body` with each lane, whether `mask` has it, and the indices of its
  /// element.
  void forLanes(
      mlir::ValueRange indices, mlir::Value mask,
      llvm::function_ref<void(int64_t, mlir::Value, mlir::ValueRange)> body);
};

/// A memref type whose offset and outer strides are unknown and whose last
/// dimension is contiguous: what kernels take.
mlir::MemRefType rowsType(llvm::ArrayRef<int64_t> shape, mlir::Type element);

/// A memref type of dense rows at any offset.
mlir::MemRefType denseType(llvm::ArrayRef<int64_t> shape, mlir::Type element);

} // namespace quench

#endif // QUENCH_LIB_CODEGEN_CPU_KERNELBUILDER_H
