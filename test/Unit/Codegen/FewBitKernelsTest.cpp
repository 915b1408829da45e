//===- FewBitKernelsTest.cpp - Kernels of packed weights ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles linears with weights of few bits for every level of processor that
// this machine can run. Sums of integers are those of plain loops to the bit
// (C28 to C30 of docs/spec.md), sums of floats within the bound of C33; what a
// table has for a code comes out to the bit.
//
//===----------------------------------------------------------------------===//

#include "KernelFixture.h"

#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace quench;
using namespace quench::test;

namespace {

/// How the weight of a linear is codes.
struct Format {
  int64_t in, out;
  int bits;
  bool isSigned, isAsymmetric;
  int64_t group; ///< 0: none.
  bool hasRows;  ///< Channels have parameters of their own.
  bool isGated;
  /// The format, of codes without signs, of what a table has for them, without
  /// what shares scales.
  const char *book = nullptr;

  bool isLearned() const { return book && StringRef(book).contains("learned"); }
  int64_t numGroups() const { return group == 0 ? 1 : in / group; }
  int64_t numParameters() const { return (hasRows ? out : 1) * numGroups(); }
  std::string text() const {
    std::string codes = llvm::formatv("uniform<{0}{1}{2}", isSigned ? "i" : "u",
                                      bits, isAsymmetric ? ", asymmetric" : "");
    return llvm::formatv(
        "#quench.{0}{1}{2}>", book ? book : codes, hasRows ? ", axis = 0" : "",
        group ? llvm::formatv(", group = {0}", group).str() : "");
  }
  /// The dimensions of the parameters, each followed by `separator`.
  std::string dims(const char *separator) const {
    std::string result;
    if (hasRows)
      result += std::to_string(out) + separator;
    if (group)
      result += std::to_string(numGroups()) + separator;
    return result;
  }
};

const Format formats[] = {
    // Ragged in all dimensions, panels of odd and even number, and more than
    // one part without groups.
    {1037, 45, 4, true, false, 0, true, false},
    {37, 21, 3, true, false, 0, true, true},
    {512, 77, 4, true, false, 128, true, false},
    {192, 70, 4, true, true, 64, true, true},
    {160, 33, 4, false, true, 32, false, false},
};
// Beside floats codes of 8 bits, too, which may need 9.
const Format weightOnlyFormats[] = {
    {397, 77, 4, false, true, 0, true, false},
    {192, 70, 4, true, true, 64, true, true},
    {397, 21, 8, true, false, 0, true, false},
    {192, 40, 8, false, true, 64, false, false},
};
// Words of whole groups, and bytes.
const Format tableFormats[] = {
    {397, 45, 4, false, false, 0, true, false, "code_book<nf4"},
    {192, 70, 3, false, false, 64, true, true, "code_book<learned 3"},
    {160, 21, 4, false, false, 20, true, false, "small_float<e2m1"},
};
// Around the rows that are few, the tiles, and the tiles of a task.
const int64_t rowCounts[] = {1, 2, 3, 4, 5, 7, 13, 15, 29, 169};

class FewBitKernels : public KernelFixture {
protected:
  /// The matrices of a linear, one or, where it is gated, two.
  struct Matrices {
    std::vector<int8_t> codes, zeros;
    std::vector<float> scales, bias;
    std::vector<float> tables; ///< One after the other.
  };

  /// What the codes of `count` matrices of `format` are places in.
  static std::vector<float> getTables(const Format &format, int64_t count) {
    StringRef book = format.book ? format.book : "";
    std::vector<float> table = numbers(1 << format.bits, 6);
    if (book.contains("nf4"))
      table = {-1.0f,
               -0.6961928009986877f,
               -0.5250730514526367f,
               -0.39491748809814453f,
               -0.28444138169288635f,
               -0.18477343022823334f,
               -0.09105003625154495f,
               0.0f,
               0.07958029955625534f,
               0.16093020141124725f,
               0.24611230194568634f,
               0.33791524171829224f,
               0.44070982933044434f,
               0.5626170039176941f,
               0.7229568362236023f,
               1.0f};
    else if (book.contains("e2m1"))
      table = {0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6};
    llvm::sort(table.begin(), format.isLearned() ? table.end() : table.begin());
    std::vector<float> tables;
    for (int64_t i = 0; i < count; ++i)
      for (float number : table)
        tables.push_back(format.isLearned() ? number / (i + 1) : number);
    return tables;
  }

  /// Compiles a linear of `format` and of an input that is rounded to codes of
  /// `rounding`, or floats. Weights have all codes, or stand for the integer of
  /// the greatest magnitude.
  void compileLinear(const Format &format, StringRef rounding,
                     bool isExtreme = false) {
    const int64_t count = format.isGated ? 2 : 1,
                  low = format.isSigned ? -(1 << (format.bits - 1)) : 0;
    auto codes = [&](int64_t count, uint32_t seed) {
      std::vector<int8_t> result;
      for (float value : numbers(count, seed))
        result.push_back(static_cast<int8_t>(
            low + static_cast<int64_t>((value + 1) / 2 * (1 << format.bits))));
      return result;
    };
    const int64_t parameters = format.numParameters();
    matrices = {codes(count * format.out * format.in, 1),
                codes(count * parameters, 2), numbers(count * parameters, 3),
                numbers(count * format.out, 4), getTables(format, count)};
    for (float &scale : matrices.scales)
      scale = 0.01f + std::fabs(scale);
    if (isExtreme) {
      llvm::fill(matrices.codes, static_cast<int8_t>(low));
      llvm::fill(matrices.zeros,
                 static_cast<int8_t>(low + (1 << format.bits) - 1));
    }
    if (!format.isAsymmetric)
      llvm::fill(matrices.zeros, 0);

    std::string header = "{", bytes, body;
    auto add = [&](Twine name, StringRef type, std::string shape,
                   const void *data, size_t size) {
      StringRef dims(shape);
      dims.consume_back(",");
      header += llvm::formatv(
          R"({0}"{1}":{{"dtype":"{2}","shape":[{3}],"data_offsets":[{4},{5}]})",
          header.size() > 1 ? "," : "", name.str(), type, dims, bytes.size(),
          bytes.size() + size);
      bytes.append(static_cast<const char *>(data), size);
    };
    const std::string shape = llvm::formatv("{0},{1}", format.out, format.in);
    for (int64_t i = 0; i < count; ++i) {
      add("s" + Twine(i), "F32", format.dims(","),
          &matrices.scales[i * parameters], 4 * parameters);
      add("b" + Twine(i), "F32", std::to_string(format.out),
          &matrices.bias[i * format.out], 4 * format.out);
      add("t" + Twine(i), "F32", std::to_string(1 << format.bits),
          &matrices.tables[i << format.bits], 4 << format.bits);
    }
    const std::string tableType =
        "tensor<" + std::to_string(1 << format.bits) + "xf32>";
    for (int64_t i = 0; i < count; ++i) {
      add("w" + Twine(i), "I8", shape,
          &matrices.codes[i * format.out * format.in], format.out * format.in);
      add("z" + Twine(i), "I8", format.dims(","),
          &matrices.zeros[i * parameters], parameters);
      body += llvm::formatv(
          R"(
    %w{0} = quench.param <"m"::"w{0}"> : tensor<{1}x{2}xi8>
    %s{0} = quench.param <"m"::"s{0}"> : tensor<{3}f32>
    %z{0} = quench.param <"m"::"z{0}"> : tensor<{3}i8>
    %b{0} = quench.param <"m"::"b{0}"> : tensor<{1}xf32>
    %t{0} = quench.param <"m"::"t{0}"> : {8}
    %d{0} = quench.dequantize %w{0}, %s{0}{4} by({5})
      : (tensor<{1}x{2}xi8>, tensor<{3}f32>{6}) -> tensor<{1}x{2}xf32>
    %y{0} = quench.linear {7}, %d{0} bias %b{0}
      : (tensor<?x{2}xf32>, tensor<{1}x{2}xf32>, tensor<{1}xf32>) -> tensor<?x{1}xf32>)",
          i, format.out, format.in, format.dims("x"),
          format.isAsymmetric  ? ", %z" + std::to_string(i)
          : format.isLearned() ? " table %t" + std::to_string(i)
                               : "",
          format.text(),
          format.isAsymmetric  ? ", tensor<" + format.dims("x") + "i8>"
          : format.isLearned() ? ", " + tableType
                               : "",
          rounding.empty() ? "%x0" : "%x1", tableType);
    }
    folder.write("a.safetensors", makeArchive(header + "}", bytes));
    compile(llvm::formatv(
        R"(
module @m attributes {{quench.archives = {{m = "a.safetensors"}, quench.symbols = {{rows = [1]}} {{
  func.func @f(%x0: tensor<?x{0}xf32> {{quench.name = "x", quench.dims = ["rows"]})
      -> (tensor<?x{1}xf32> {{quench.name = "y", quench.dims = ["rows"]}) attributes {{quench.entry} {{
    {2}{3}
    {4}
    return %y : tensor<?x{1}xf32>
  }
})",
        format.in, format.out,
        rounding.empty()
            ? std::string()
            : llvm::formatv(
                  R"(%xs = quench.dynamic_scale %x0 by({0}) : (tensor<?x{1}xf32>) -> tensor<?xf32>
    %x1 = quench.fake_quant %x0, %xs by({0}) : (tensor<?x{1}xf32>, tensor<?xf32>) -> tensor<?x{1}xf32>)",
                  rounding, format.in)
                  .str(),
        body,
        llvm::formatv(
            format.isGated
                ? "%y = quench.gated %y0, %y1 by relu : tensor<?x{0}xf32>"
                : "%y = quench.relu %y0 : tensor<?x{0}xf32>",
            format.out)));
  }

  /// What code `i` of channel `channel` of matrix `matrix` stands for at scale
  /// 1, and the scale.
  std::pair<int32_t, float> getWeight(const Format &format, int64_t matrix,
                                      int64_t channel, int64_t i) const {
    auto widen = [&](int8_t code) {
      return format.isSigned ? int32_t(code) : int32_t(uint8_t(code));
    };
    int64_t place = matrix * format.numParameters() +
                    (format.hasRows ? channel * format.numGroups() : 0) +
                    (format.group ? i / format.group : 0);
    return {
        widen(matrices.codes[(matrix * format.out + channel) * format.in + i]) -
            widen(matrices.zeros[place]),
        matrices.scales[place]};
  }

  /// What code `i` stands for at scale 1, and the scale, of any format.
  std::pair<float, float> getNumber(const Format &format, int64_t matrix,
                                    int64_t channel, int64_t i) const {
    auto [integer, scale] = getWeight(format, matrix, channel, i);
    if (!format.book)
      return {static_cast<float>(integer), scale};
    return {matrices.tables[(matrix << format.bits) + integer], scale};
  }

  /// Compares what the compiled linear makes of `rows` rows of `x`, with
  /// `check`, which gets a row, a channel and the number found.
  void runRows(const Format &format, int64_t rows, std::vector<float> &x,
               llvm::function_ref<void(int64_t, int64_t, float)> check) {
    const int64_t shape[] = {rows, format.in};
    std::vector<float> y = run({{"x", QRT_F32, 2, shape, x.data()}});
    ASSERT_EQ(y.size(), size_t(rows * format.out));
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < format.out; ++j)
        check(i, j, y[i * format.out + j]);
  }

  /// The same with what must come out to the bit: `product` gives that of a
  /// matrix, a row and a channel.
  void
  runExactRows(const Format &format, int64_t rows, std::vector<float> &x,
               llvm::function_ref<float(int64_t, int64_t, int64_t)> product) {
    runRows(format, rows, x, [&](int64_t row, int64_t channel, float found) {
      float expected = std::max(product(0, row, channel), 0.0f);
      if (format.isGated)
        expected *= product(1, row, channel);
      ASSERT_EQ(found, expected) << "row " << row << " of " << rows;
    });
  }

  Matrices matrices;
};

class FewBitIntegerKernels : public FewBitKernels {
protected:
  /// Compares `rows` rows with sums of integers. Codes of a row are all, or of
  /// the greatest magnitude, with one sign.
  void checkIntegers(const Format &format, int64_t rows, bool isExtreme) {
    // The greatest magnitude of a row is 127 times a power of two, which then
    // is its scale, so that codes are known.
    std::vector<float> x = numbers(rows * format.in, 5), scales(rows);
    std::vector<int32_t> codes;
    for (float value : x)
      codes.push_back(static_cast<int32_t>(127 * value));
    for (int64_t i = 0; i < rows; ++i) {
      int32_t largest = i % 2 ? 127 : -127;
      codes[i * format.in + i % format.in] = largest;
      if (isExtreme)
        std::fill_n(codes.begin() + i * format.in, format.in, largest);
      scales[i] = std::ldexp(1.0f, i % 5 - 2);
      for (int64_t j = 0; j < format.in; ++j)
        x[i * format.in + j] = codes[i * format.in + j] * scales[i];
    }
    auto product = [&](int64_t matrix, int64_t row, int64_t channel) {
      float result = 0;
      const int64_t size = format.group ? format.group : format.in;
      for (int64_t first = 0; first < format.in; first += size) {
        int32_t sum = 0;
        for (int64_t i = first; i < first + size; ++i)
          sum += codes[row * format.in + i] *
                 getWeight(format, matrix, channel, i).first;
        float scale = getWeight(format, matrix, channel, first).second;
        result = format.numGroups() == 1
                     ? static_cast<float>(sum) * (scales[row] * scale)
                     : std::fma(static_cast<float>(sum), scale, result);
      }
      if (format.numGroups() > 1)
        result *= scales[row];
      return result + matrices.bias[matrix * format.out + channel];
    };
    runExactRows(format, rows, x, product);
  }

  void checkFormats(ArrayRef<int64_t> rowCounts, bool isExtreme) {
    for (const Format &format : formats) {
      SCOPED_TRACE(format.text());
      ASSERT_NO_FATAL_FAILURE(
          compileLinear(format, "#quench.uniform<i8, token>", isExtreme));
      for (int64_t rows : rowCounts)
        ASSERT_NO_FATAL_FAILURE(checkIntegers(format, rows, isExtreme));
      reset();
    }
  }
};

TEST_P(FewBitIntegerKernels, Linear) {
  checkFormats(rowCounts, /*isExtreme=*/false);
}

// Sums of 16 bits hold as many products as they are given.
TEST_P(FewBitIntegerKernels, LargestSums) {
  checkFormats({1, 2, 4, 13}, /*isExtreme=*/true);
}

class WeightOnlyKernels : public FewBitKernels {
protected:
  /// Compares sums of `rows` rows with the real ones.
  void checkSums(const Format &format, int64_t rows) {
    std::vector<float> x = numbers(rows * format.in, 5);
    // The result and the bound of its error.
    auto product = [&](int64_t matrix, int64_t row, int64_t channel) {
      double result = matrices.bias[matrix * format.out + channel];
      double magnitude = std::fabs(result);
      for (int64_t i = 0; i < format.in; ++i) {
        auto [number, scale] = getNumber(format, matrix, channel, i);
        double term = double(x[row * format.in + i]) * number * scale;
        result += term;
        magnitude += std::fabs(term);
      }
      return std::pair(result, std::ldexp(magnitude, -24) *
                                   (format.in + format.numGroups() + 2));
    };
    runRows(format, rows, x, [&](int64_t row, int64_t channel, float found) {
      auto [expected, bound] = product(0, row, channel);
      expected = std::max(expected, 0.0);
      if (format.isGated) {
        auto [up, upBound] = product(1, row, channel);
        bound =
            bound * (std::fabs(up) + upBound) + upBound * std::fabs(expected);
        expected *= up;
      }
      ASSERT_NEAR(found, expected, bound) << "row " << row << " of " << rows;
    });
  }

  /// Sums of one product are what the code stands for.
  void checkNumbers(const Format &format, int64_t rows) {
    auto column = [&](int64_t row) { return row * 37 % format.in; };
    std::vector<float> x(rows * format.in, 0);
    for (int64_t row = 0; row < rows; ++row)
      x[row * format.in + column(row)] = 1;
    auto product = [&](int64_t matrix, int64_t row, int64_t channel) {
      auto [number, scale] = getNumber(format, matrix, channel, column(row));
      return number * scale + matrices.bias[matrix * format.out + channel];
    };
    runExactRows(format, rows, x, product);
  }
};

TEST_P(WeightOnlyKernels, Linear) {
  for (const Format &format : weightOnlyFormats) {
    SCOPED_TRACE(format.text());
    ASSERT_NO_FATAL_FAILURE(compileLinear(format, /*rounding=*/""));
    for (int64_t rows : rowCounts)
      ASSERT_NO_FATAL_FAILURE(checkSums(format, rows));
    reset();
  }
}

TEST_P(WeightOnlyKernels, Tables) {
  for (const Format &format : tableFormats) {
    SCOPED_TRACE(format.text());
    ASSERT_NO_FATAL_FAILURE(compileLinear(format, /*rounding=*/""));
    for (int64_t rows : {1, 2, 4, 5, 29}) {
      ASSERT_NO_FATAL_FAILURE(checkSums(format, rows));
      ASSERT_NO_FATAL_FAILURE(checkNumbers(format, rows));
    }
    reset();
  }
}

/// Levels of all instructions that sum integers.
std::vector<std::string> integerLevels() {
  std::vector<std::string> names = levels();
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  if (features.lookup("avxvnni"))
    names.push_back("x86-64-v3+avxvnni");
  if (features.lookup("avx512vnni"))
    names.push_back("x86-64-v4+vnni");
  if (features.lookup("amx-int8"))
    names.push_back("x86-64-v4+amx");
  return names;
}

INSTANTIATE_TEST_SUITE_P(Levels, WeightOnlyKernels, testing::ValuesIn(levels()),
                         levelName);
INSTANTIATE_TEST_SUITE_P(Levels, FewBitIntegerKernels,
                         testing::ValuesIn(integerLevels()), levelName);

} // namespace
