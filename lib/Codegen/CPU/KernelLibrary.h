//===- KernelLibrary.h - Kernels of model ops ------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function gives the kernel of a description, writing it into the module
// when it is not there: equal descriptions share one function. All operands are
// buffers or numbers; outputs come last.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_CODEGEN_CPU_KERNELLIBRARY_H
#define QUENCH_LIB_CODEGEN_CPU_KERNELLIBRARY_H

#include "KernelBuilder.h"
#include "Quench/Codegen/CPU/Schedule.h"
#include "Quench/Interfaces/QuantizerAttrInterface.h"

namespace quench {

/// Where kernels are written.
struct KernelLibrary {
  mlir::ModuleOp module;
  CPUKernelOptions options;

  /// Output channels of a panel of packed weights.
  int64_t panel(mlir::Type element) const;

  /// The function `name`; where it is missing, it is made with arguments of
  /// `types` and `write` fills its body through `builder`.
  mlir::func::FuncOp
  getOrCreate(llvm::StringRef name, mlir::TypeRange types,
              KernelBuilder &builder,
              llvm::function_ref<void(mlir::func::FuncOp)> write) const;
};

/// A type as a part of a symbol name.
std::string typeName(mlir::Type type);

/// How the rows that an integer product reads lie in memory: codes as the
/// instruction takes them.
struct IntegerRows {
  IntegerDot dot; ///< Bytes are unsigned; pairs: differences, 16 bits.
  int64_t size;   ///< Codes of a row.

  /// The distance of rows in elements: an odd number of cache lines, so that
  /// rows below each other do not share a set of the cache.
  int64_t stride() const;
  /// The type of the elements.
  mlir::IntegerType element(mlir::MLIRContext *context) const;
};

/// How `x` of a linear is codes.
struct IntegerInput {
  IntegerDot dot = IntegerDot::None; ///< None: `x` is floats.
  bool rowScales = false;            ///< Rows have scales of their own.
  bool zero = false;    ///< There are zero points, as many as scales.
  bool isSigned = true; ///< Zero points are two's complement.

  /// What is added to all codes.
  int64_t offset() const { return hasByteRows(dot) && isSigned ? 128 : 0; }
  /// Whether what rows hold differs from what codes stand for.
  bool isShifted() const { return zero || offset() != 0; }
};

/// Codes of 4 bits in a word of a packed weight.
inline constexpr int64_t wordCodes = 8;

/// Numbers of a table for them.
inline constexpr int64_t tableSize = 16;

/// How `w` of a linear is codes.
struct CodedWeight {
  int64_t group = 0; ///< Input channels that share a scale; 0: `w` is floats.
  bool wide = false; ///< Integers have 16 bits.
  bool isNibbles = false; ///< Codes of 4 bits, eight in a word.
  bool isSigned = false; ///< 8 was added to codes of 4 bits, or is for a table.
  bool zero = false;     ///< Codes of 4 bits have zero points.
  bool isTable = false;  ///< Codes are places in a table, beside floats.

  bool operator==(const CodedWeight &other) const {
    auto fields = [](const CodedWeight &w) {
      return std::tie(w.group, w.wide, w.isNibbles, w.isSigned, w.zero,
                      w.isTable);
    };
    return fields(*this) == fields(other);
  }
};

/// out = f(x w^T + bias) [* (x w2^T + bias2)] [+ residual].
struct LinearKernel {
  int64_t in, out;
  mlir::Type element;
  IntegerInput input = {};
  CodedWeight weight = {};
  bool bias = false;
  Activation activation = Activation::None;
  bool gated = false;
  bool residual = false;

  /// Whether x and w are codes.
  bool isInteger() const { return input.dot != IntegerDot::None; }
  /// Whether w is codes.
  bool hasCodes() const { return weight.group != 0; }
};

/// Operands: x `[M, in]`, w `[panels, in, panel]`, bias `[out]`, with `gated`
/// w2 and bias2, with `residual` a summand `[M, out]`; output `[M, out]`.
///
/// With codes, x is `[M, stride]` as `IntegerRows` says, followed by scales
/// and, where zero points are not in the rows yet, zero points, `[M]` or `[]`;
/// w is
/// `[panels, ceil(in / depth), panel * depth]`, followed by the sums of its
/// integers, where x is shifted, and scales, `[panels, groups, panel]`.
///
/// With codes of 4 bits, w is `[panels, ceil(in / 8), panel]`, followed by zero
/// points where it has some, `[panels, groups, panel]`, both as
/// `quench.pack_nibbles` and `quench.pack_zeros` lay them out. Beside an x of
/// floats, codes are those, or bytes as above with a depth of 1; a table
/// `[tableSize]`, first what code 0 or, signed, -8 stands for, follows scales.
///
/// `schedule` is one that verifySchedule() takes; it is an attribute of the
/// function, whose name is getSymbolName() and `suffix`.
mlir::func::FuncOp getKernel(const KernelLibrary &library,
                             const LinearKernel &kernel,
                             const KernelSchedule &schedule,
                             llvm::StringRef suffix = "");

/// The symbol of `kernel`, which says all about it but the schedule.
std::string getSymbolName(const LinearKernel &kernel);

/// The rows of an integer product from floats.
struct EncodeKernel {
  IntegerRows rows;
  mlir::Type element;
  QuantizerAttrInterface quantizer;
  bool dynamic = false;   ///< Scales come from the rows: an output.
  bool rowScales = false; ///< Rows have scales of their own.
};

/// Operands: x `[M, size]`, unless `dynamic` the scales, and the zero points
/// that the quantizer has, `[M]` or `[]`; outputs: rows `[M, stride]`, with
/// `dynamic` the scales `[M]`.
mlir::func::FuncOp getKernel(const KernelLibrary &library,
                             const EncodeKernel &kernel);

/// What a symbol calls codes like those of `kernel`.
std::string getSymbolPart(const EncodeKernel &kernel);

/// The operands of an `EncodeKernel` but x, for kernels that compute x.
struct EncodeOperands {
  mlir::Value scales, zeros, rows;

  /// Adds the types of inputs, or of outputs.
  static void addInputs(KernelBuilder &builder, const EncodeKernel &kernel,
                        llvm::SmallVectorImpl<mlir::Type> &types);
  static void addOutputs(KernelBuilder &builder, const EncodeKernel &kernel,
                         llvm::SmallVectorImpl<mlir::Type> &types);
  /// Takes them from `take`, which gives one after the other.
  void takeInputs(const EncodeKernel &kernel,
                  llvm::function_ref<mlir::Value()> take);
  void takeOutputs(const EncodeKernel &kernel,
                   llvm::function_ref<mlir::Value()> take);
};

/// Writes the codes of row `place` of `x` as row `row`.
void writeCodes(KernelBuilder &builder, const EncodeKernel &kernel,
                mlir::Value x, mlir::Value place, mlir::Value row,
                const EncodeOperands &operands);

/// Scaled dot product attention as `quench.attention` defines it.
struct AttentionKernel {
  int64_t heads, groups, keySize, valueSize;
  mlir::Type element;
  bool single = false;  ///< There is one query.
  bool clipped = false; ///< Probabilities are stretched and cut to [0, 1].
  mlir::Type mask = {}; ///< Element type of the mask; null: none.
  int64_t biasRank = 0; ///< 0: no bias.
  bool causal = false;
  std::optional<int64_t> window = {}; ///< Implies `causal`.
  llvm::ArrayRef<int64_t> headGroups = {};
};

/// What a symbol calls an attention like `kernel`.
std::string getSymbolPart(const AttentionKernel &kernel);

/// The group of keys and values that `head` reads.
mlir::Value getHeadGroup(KernelBuilder &builder, const AttentionKernel &kernel,
                         mlir::Value head);

/// The types of mask and bias, where they are, and of the output.
void addAttentionTypes(const AttentionKernel &kernel,
                       llvm::SmallVectorImpl<mlir::Type> &types);

/// Operands: query, key, value, the scale in the compute type, when clipped
/// also zeta - gamma and gamma, mask, bias; output. Shapes as in
/// `quench.attention`.
mlir::func::FuncOp getKernel(const KernelLibrary &library,
                             const AttentionKernel &kernel);

/// Attention as `quench.integer_attention` defines it, of codes that it gives
/// to queries and keys for each token and head, to values for each sequence
/// and head, and to probabilities for each row, or with given scales.
/// Elements are f16, bf16 or f32.
struct IntegerAttentionKernel {
  AttentionKernel attention;
  IntegerDot dot;
  bool tiles = false; ///< Many queries are multiplied on tile registers.
  /// Uniform formats but the last one. Those of operands are signed where
  /// scales follow from the numbers; given ones are those of the tensor or of
  /// each head.
  QuantizerAttrInterface query, key, value, probabilities;
  /// Of a table of probabilities its numbers, up to the next power of two from
  /// 16 on; 0 where they are uniform.
  int64_t tableSlots = 0;
  int64_t numBytes = 1; ///< Of the integers of probabilities.
};

/// Operands: query, key, value, f32 the scale in octaves; given scales and zero
/// points of these three, f32 and i8, `[]` or `[heads]`; where probabilities
/// have a given scale, that, f32 `[]`; of a table its greatest number, f32,
/// and, `[tableSlots]`, what each number ends before and, as bits, its integer;
/// mask, bias; output.
mlir::func::FuncOp getKernel(const KernelLibrary &library,
                             const IntegerAttentionKernel &kernel);

/// Layer norm or RMS norm of rows.
struct NormKernel {
  int64_t size;
  mlir::Type element;
  bool centered; ///< Layer norm: the mean goes.
  bool gamma = false, beta = false;
  std::optional<EncodeKernel> codes = {}; ///< Codes of the result.
  bool floats = true;                     ///< The result itself is an output.
};

/// Operands: x `[M, size]`, epsilon in the compute type, gamma, beta `[size]`,
/// with `codes` the inputs of that kernel but x; outputs: with `floats` the
/// result `[M, size]`, with `codes` the outputs of that kernel.
mlir::func::FuncOp getKernel(const KernelLibrary &library,
                             const NormKernel &kernel);

/// Rows, in blocks, times a Hadamard matrix H_K (x) H_{2^m}.
struct HadamardKernel {
  int64_t size;       ///< Of a row: whole blocks.
  int64_t factor;     ///< K: 1 or a multiple of 4.
  int64_t powerOfTwo; ///< 2^m.
  mlir::Type element;
};

/// Whether there is such a kernel: 2^m numbers fill a register.
bool hasKernel(const KernelLibrary &library, const HadamardKernel &kernel);

/// Operands: x `[M, size]`, unless K is 1 the signs of H_K `[K, K]` in the
/// compute type; output `[M, size]`.
mlir::func::FuncOp getKernel(const KernelLibrary &library,
                             const HadamardKernel &kernel);

/// The sums of `quench.second_moments`.
struct SecondMomentsKernel {
  int64_t blocks, size; ///< Parts of a row, and channels of a part.
  mlir::Type element;
  mlir::Type other = {}; ///< Null: the products are those of x with itself.
  bool weights = false;
};

/// Operands: x `[M, blocks * size]`, with `other` the second factors, with
/// `weights` those of the rows `[M]`; output `[blocks, size, size]`, both f64.
mlir::func::FuncOp getKernel(const KernelLibrary &library,
                             const SecondMomentsKernel &kernel);

/// The recurrence of `quench.selective_scan`.
struct ScanKernel {
  int64_t channels, states;
  mlir::Type element;
  bool skip = false;     ///< There is `d`.
  bool hasState = false; ///< The state starts as what its output holds.
};

/// Operands: input, delta, a, b, c, d; outputs: the result, the state.
mlir::func::FuncOp getKernel(const KernelLibrary &library,
                             const ScanKernel &kernel);

/// `quench.causal_conv1d` and the activation after it.
struct ConvKernel {
  int64_t channels, taps;
  mlir::Type element;
  bool bias = false;
  bool hasState = false; ///< The state starts as what its output holds.
  Activation activation = Activation::None;
};

/// Operands: input, weight, bias; outputs: the result, the state.
mlir::func::FuncOp getKernel(const KernelLibrary &library,
                             const ConvKernel &kernel);

/// `quench.depthwise_conv2d` of a map with its padding, and the activation
/// after it.
struct DepthwiseKernel {
  int64_t channels, height, width; ///< Of the weight.
  int64_t strides[2];
  mlir::Type element;
  bool bias = false;
  Activation activation = Activation::None;
};

/// Operands: the map, the weight `[height * width, channels]`, bias; output:
/// the result.
mlir::func::FuncOp getKernel(const KernelLibrary &library,
                             const DepthwiseKernel &kernel);

} // namespace quench

#endif // QUENCH_LIB_CODEGEN_CPU_KERNELLIBRARY_H
