//===- KernelsTest.cpp - Kernels against plain loops ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Compiles one op for every level of processor that this machine can run, and
// compares it with loops in double: row counts around the tiles, ragged
// channels, all forms of masks.
//
//===----------------------------------------------------------------------===//

#include "KernelFixture.h"
#include "Quench/Support/Hadamard.h"

#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace quench;
using namespace quench::test;

namespace {

class Kernels : public KernelFixture {};

// 4096 channels are those whose rows are copied.
TEST_P(Kernels, Linear) {
  const int64_t in = 4096, out = 45;
  std::vector<float> w = numbers(in * out, 1), bias = numbers(out, 2);
  std::string bytes(reinterpret_cast<const char *>(w.data()), 4 * w.size());
  bytes.append(reinterpret_cast<const char *>(bias.data()), 4 * bias.size());
  std::string header = llvm::formatv(
      R"({{"w":{{"dtype":"F32","shape":[{0},{1}],"data_offsets":[0,{2}]},)"
      R"("b":{{"dtype":"F32","shape":[{0}],"data_offsets":[{2},{3}]}})",
      out, in, 4 * w.size(), bytes.size());
  folder.write("a.safetensors", makeArchive(header, bytes));
  ASSERT_NO_FATAL_FAILURE(compile(R"(
module @m attributes {quench.archives = {m = "a.safetensors"}, quench.symbols = {rows = [1]}} {
  func.func @f(%x: tensor<?x4096xf32> {quench.name = "x", quench.dims = ["rows"]},
               %r: tensor<?x45xf32> {quench.name = "r", quench.dims = ["rows"]})
      -> (tensor<?x45xf32> {quench.name = "y", quench.dims = ["rows"]}) attributes {quench.entry} {
    %w = quench.param <"m"::"w"> : tensor<45x4096xf32>
    %b = quench.param <"m"::"b"> : tensor<45xf32>
    %0 = quench.linear %x, %w bias %b : (tensor<?x4096xf32>, tensor<45x4096xf32>, tensor<45xf32>) -> tensor<?x45xf32>
    %1 = quench.gelu %0 by erf : tensor<?x45xf32>
    %2 = quench.add %r, %1 residual : (tensor<?x45xf32>, tensor<?x45xf32>) -> tensor<?x45xf32>
    return %2 : tensor<?x45xf32>
  }
})"));
  for (int64_t rows : {1, 2, 3, 5, 7, 11, 12, 13, 48, 61}) {
    std::vector<float> x = numbers(rows * in, 3), r = numbers(rows * out, 4);
    for (float &value : x)
      value /= 16;
    const int64_t xShape[] = {rows, in}, rShape[] = {rows, out};
    std::vector<float> y = run({{"x", QRT_F32, 2, xShape, x.data()},
                                {"r", QRT_F32, 2, rShape, r.data()}});
    ASSERT_EQ(y.size(), r.size());
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < out; ++j) {
        double sum = bias[j];
        for (int64_t k = 0; k < in; ++k)
          sum += double(x[i * in + k]) * w[j * in + k];
        double expected =
            sum / 2 * (1 + std::erf(sum / std::sqrt(2.0))) + r[i * out + j];
        ASSERT_NEAR(y[i * out + j], expected, 1e-5) << rows << " rows";
      }
  }
}

struct Form {
  const char *kind, *attributes;
  bool causal;
  int64_t window;
  /// The group of each head.
  std::vector<int64_t> groups;
  /// Ends that probabilities are stretched to.
  double gamma = 0, zeta = 1;
};

TEST_P(Kernels, Attention) {
  const int64_t batch = 2, heads = 6, groups = 2, keySize = 20, valueSize = 36;
  const std::vector<int64_t> even{0, 0, 0, 1, 1, 1}, odd{1, 0, 1, 1, 0, 0};
  for (const Form &form :
       {Form{"full", "", false, 0, even}, Form{"causal", "", true, 0, even},
        Form{"sliding", "{window = 5 : i64}", true, 5, even},
        Form{"full", "{head_groups = array<i64: 1, 0, 1, 1, 0, 0>}", false, 0,
             odd},
        Form{"causal", "{gamma = -0.02 : f64, zeta = 1.1 : f64}", true, 0, even,
             -0.02, 1.1}})
    for (bool single : {false, true}) {
      SCOPED_TRACE(form.kind);
      std::string source = llvm::formatv(
          R"(
module @m attributes {{quench.symbols = {{b = [1], t = [1], l = [1]}} {{
  func.func @f(%q: tensor<?x{0}x6x20xf32> {{quench.name = "q", quench.dims = [{1}]},
               %k: tensor<?x?x2x20xf32> {{quench.name = "k", quench.dims = ["b", "l"]},
               %v: tensor<?x?x2x36xf32> {{quench.name = "v", quench.dims = ["b", "l"]},
               %m: tensor<?x?xi64> {{quench.name = "m", quench.dims = ["b", "l"]},
               %s: tensor<6x{0}x?xf32> {{quench.name = "s", quench.dims = [{2}]})
      -> (tensor<?x{0}x6x36xf32> {{quench.name = "y", quench.dims = [{1}]}) attributes {{quench.entry} {{
    %0 = quench.attention %q, %k, %v mask %m bias %s scale 0.25 {3} {4}
      : (tensor<?x{0}x6x20xf32>, tensor<?x?x2x20xf32>, tensor<?x?x2x36xf32>, tensor<?x?xi64>, tensor<6x{0}x?xf32>)
      -> tensor<?x{0}x6x36xf32>
    return %0 : tensor<?x{0}x6x36xf32>
  }
})",
          single ? "1" : "?", single ? R"("b")" : R"("b", "t")",
          single ? R"("l")" : R"("t", "l")", form.kind, form.attributes);
      ASSERT_NO_FATAL_FAILURE(compile(source));
      for (auto [queries, keys] :
           {std::pair<int64_t, int64_t>{1, 1}, {1, 70}, {17, 17}, {33, 130}}) {
        if (single && queries != 1)
          continue;
        std::vector<float> q = numbers(batch * queries * heads * keySize, 1),
                           k = numbers(batch * keys * groups * keySize, 2),
                           v = numbers(batch * keys * groups * valueSize, 3),
                           s = numbers(heads * queries * keys, 4);
        // Every window of five keys has one that is not masked.
        std::vector<int64_t> mask(batch * keys, 1);
        for (int64_t i = 0; i < keys; ++i)
          mask[i] = i % 3 != 1;
        const int64_t qShape[] = {batch, queries, heads, keySize},
                      kShape[] = {batch, keys, groups, keySize},
                      vShape[] = {batch, keys, groups, valueSize},
                      mShape[] = {batch, keys},
                      sShape[] = {heads, queries, keys};
        std::vector<float> y = run({{"q", QRT_F32, 4, qShape, q.data()},
                                    {"k", QRT_F32, 4, kShape, k.data()},
                                    {"v", QRT_F32, 4, vShape, v.data()},
                                    {"m", QRT_I64, 2, mShape, mask.data()},
                                    {"s", QRT_F32, 3, sShape, s.data()}});
        ASSERT_EQ(y.size(), size_t(batch * queries * heads * valueSize));
        for (int64_t b = 0; b < batch; ++b)
          for (int64_t h = 0; h < heads; ++h)
            for (int64_t i = 0; i < queries; ++i) {
              int64_t group = form.groups[h], at = keys - queries + i;
              std::vector<double> p(keys);
              double total = 0;
              for (int64_t j = 0; j < keys; ++j) {
                bool seen = mask[b * keys + j] && (!form.causal || j <= at) &&
                            (!form.window || j > at - form.window);
                double score = s[(h * queries + i) * keys + j];
                for (int64_t d = 0; d < keySize; ++d)
                  score += 0.25 *
                           q[((b * queries + i) * heads + h) * keySize + d] *
                           k[((b * keys + j) * groups + group) * keySize + d];
                total += p[j] = seen ? std::exp(score) : 0;
              }
              for (int64_t e = 0; e < valueSize; ++e) {
                double expected = 0;
                for (int64_t j = 0; j < keys; ++j)
                  expected +=
                      std::clamp(p[j] / total * (form.zeta - form.gamma) +
                                     form.gamma,
                                 0.0, 1.0) *
                      v[((b * keys + j) * groups + group) * valueSize + e];
                ASSERT_NEAR(y[((b * queries + i) * heads + h) * valueSize + e],
                            expected, 2e-6)
                    << queries << " queries, " << keys << " keys";
              }
            }
      }
      reset();
    }
}

// Orders with and without a factor that is no power of two, of one step and of
// several, in blocks; the last is too short for some registers.
TEST_P(Kernels, OnlineHadamard) {
  for (auto [order, blocks, transposed] :
       {std::tuple(16, 3, false), std::tuple(128, 1, false),
        std::tuple(2048, 2, false), std::tuple(192, 1, false),
        std::tuple(192, 2, true), std::tuple(896, 1, true),
        std::tuple(24, 2, false)}) {
    const int64_t size = order * blocks;
    ASSERT_NO_FATAL_FAILURE(compile(llvm::formatv(
        R"(
module @m attributes {{quench.symbols = {{rows = [1]}} {{
  func.func @f(%x: tensor<?x{0}xf32> {{quench.name = "x", quench.dims = ["rows"]})
      -> (tensor<?x{0}xf32> {{quench.name = "y", quench.dims = ["rows"]}) attributes {{quench.entry} {{
    %0 = quench.online_hadamard %x by(#quench.hadamard<{1}{2}>) : tensor<?x{0}xf32>
    return %0 : tensor<?x{0}xf32>
  }
})",
        size, order, transposed ? ", transposed" : "")));
    for (int64_t rows : {1, 3}) {
      std::vector<float> x = numbers(rows * size, 5);
      const int64_t shape[] = {rows, size};
      std::vector<float> y = run({{"x", QRT_F32, 2, shape, x.data()}});
      std::vector<double> expected(x.begin(), x.end());
      HadamardMatrix::get(order)->apply(expected, transposed);
      ASSERT_EQ(y.size(), expected.size());
      for (size_t i = 0; i < y.size(); ++i)
        ASSERT_NEAR(y[i], expected[i], 1e-5) << order << " at " << i;
    }
    reset();
  }
}

// Parts that fill panels and that do not, of one panel and of an odd and an
// even number; tokens of one part and of several, with weights and
// without, with themselves and with others.
TEST_P(Kernels, SecondMoments) {
  for (auto [blocks, size, isWeighted, hasOther] :
       {std::tuple(1, 5, false, false), std::tuple(1, 53, true, true),
        std::tuple(3, 16, true, false), std::tuple(2, 32, false, true)}) {
    const int64_t channels = blocks * size;
    ASSERT_NO_FATAL_FAILURE(compile(llvm::formatv(
        R"(
module @m attributes {{quench.symbols = {{batch = [1], tokens = [1]}} {{
  func.func @f(%x: tensor<?x?x{0}xf32> {{quench.name = "x", quench.dims = ["batch", "tokens"]},
               %o: tensor<?x?x{0}xf32> {{quench.name = "o", quench.dims = ["batch", "tokens"]},
               %w: tensor<?x?xf64> {{quench.name = "w", quench.dims = ["batch", "tokens"]})
      -> (tensor<{1}x{2}x{2}xf64> {{quench.name = "m"}) attributes {{quench.entry} {{
    %0 = quench.second_moments %x {3} {4} blocks {1} : (tensor<?x?x{0}xf32>{5}{6}) -> tensor<{1}x{2}x{2}xf64>
    return %0 : tensor<{1}x{2}x{2}xf64>
  }
})",
        channels, blocks, size, hasOther ? "with %o" : "",
        isWeighted ? "weights %w" : "",
        hasOther ? llvm::formatv(", tensor<?x?x{0}xf32>", channels).str() : "",
        isWeighted ? ", tensor<?x?xf64>" : "")));
    for (int64_t tokens : {1, 64, 67, 150}) {
      const int64_t rows = 2 * tokens;
      std::vector<float> x = numbers(rows * channels, 5),
                         o = numbers(rows * channels, 7),
                         numbersOfRows = numbers(rows, 6);
      std::vector<double> w(numbersOfRows.begin(), numbersOfRows.end());
      const int64_t shape[] = {2, tokens, channels};
      auto y = run<double>({{"x", QRT_F32, 3, shape, x.data()},
                            {"o", QRT_F32, 3, shape, o.data()},
                            {"w", QRT_F64, 2, shape, w.data()}});
      ASSERT_EQ(y.size(), static_cast<size_t>(blocks * size * size));
      for (int64_t p = 0; p < blocks; ++p)
        for (int64_t i = 0; i < size; ++i)
          for (int64_t j = 0; j < size; ++j) {
            double expected = 0;
            for (int64_t row = 0; row < rows; ++row) {
              int64_t at = row * channels + p * size;
              expected += double(x[at + i]) * (hasOther ? o : x)[at + j] *
                          (isWeighted ? w[row] : 1);
            }
            ASSERT_NEAR(y[(p * size + i) * size + j], expected, 1e-12)
                << "part " << p << " of " << blocks << ", " << i << ", " << j
                << " of " << size << ", " << tokens << " tokens";
          }
    }
    reset();
  }
}

/// The least and the greatest rows of blocks, and some between.
constexpr int64_t integerRows[] = {1, 2, 3, 15, 16, 17, 31, 32, 33, 300};

/// A quantized linear: how its input and its weights are codes.
struct IntegerForm {
  int64_t in, group;
  bool isAsymmetric, isGated;
};

class IntegerKernels : public Kernels {};

// To the bit what loops give (C28 to C30 of docs/spec.md): steps of 64
// channels, of fewer, and of none that tile registers could take; channels that
// fill no panel; zero points of rows; groups; pairs of linears.
TEST_P(IntegerKernels, Linear) {
  for (const IntegerForm &form :
       {IntegerForm{192, 192, false, false}, IntegerForm{112, 112, true, false},
        IntegerForm{100, 100, false, false}, IntegerForm{39, 39, false, true},
        IntegerForm{192, 64, true, true}}) {
    const int64_t in = form.in, out = 45, groups = in / form.group;
    const int64_t count = form.isGated ? 2 : 1;
    SCOPED_TRACE(
        llvm::formatv("{0} channels, groups of {1}", in, form.group).str());
    const std::string scaleShape =
        groups > 1 ? llvm::formatv("45x{0}", groups).str() : "45";
    std::vector<int8_t> w;
    for (float value : numbers(count * out * in, 1))
      w.push_back(static_cast<int8_t>(128 * value));
    std::vector<float> scales = numbers(count * out * groups, 2),
                       bias = numbers(count * out, 3);
    std::string header, bytes;
    auto add = [&](std::string name, const char *type, std::string shape,
                   const void *data, size_t size) {
      std::replace(shape.begin(), shape.end(), 'x', ',');
      header += llvm::formatv(
          R"({0}"{1}":{{"dtype":"{2}","shape":[{3}],"data_offsets":[{4},{5}]})",
          header.empty() ? "{" : ",", name, type, shape, bytes.size(),
          bytes.size() + size);
      bytes.append(static_cast<const char *>(data), size);
    };
    const char *x = form.isAsymmetric ? "u8, asymmetric, token" : "i8, token";
    std::string body;
    for (int64_t i = 0; i < count; ++i) {
      add(llvm::formatv("t{0}", i), "F32", scaleShape,
          &scales[i * out * groups], 4 * out * groups);
      add(llvm::formatv("b{0}", i), "F32", "45", &bias[i * out], 4 * out);
      body += llvm::formatv(
          R"(
    %w{0} = quench.param <"m"::"w{0}"> : tensor<45x{1}xi8>
    %t{0} = quench.param <"m"::"t{0}"> : tensor<{2}xf32>
    %b{0} = quench.param <"m"::"b{0}"> : tensor<45xf32>
    %y{0} = quench.integer_linear %c scale %s {3} by(#quench.uniform<{4}>), %w{0} scale %t{0} by(#quench.uniform<i8, axis = 0{5}>) bias %b{0}
      : (tensor<?x{1}xi8>, tensor<?xf32>, {6}tensor<45x{1}xi8>, tensor<{2}xf32>, tensor<45xf32>) -> tensor<?x45xf32>)",
          i, in, scaleShape, form.isAsymmetric ? "zero %z" : "", x,
          groups > 1 ? llvm::formatv(", group = {0}", form.group).str() : "",
          form.isAsymmetric ? "tensor<?xi8>, " : "");
    }
    for (int64_t i = 0; i < count; ++i)
      add(llvm::formatv("w{0}", i), "I8", llvm::formatv("45x{0}", in),
          &w[i * out * in], out * in);
    folder.write("a.safetensors", makeArchive(header + "}", bytes));
    ASSERT_NO_FATAL_FAILURE(compile(llvm::formatv(
        R"(
module @m attributes {{quench.archives = {{m = "a.safetensors"}, quench.symbols = {{rows = [1]}} {{
  func.func @f(%x: tensor<?x{0}xf32> {{quench.name = "x", quench.dims = ["rows"]},
               %s: tensor<?xf32> {{quench.name = "s", quench.dims = ["rows"]},
               {1}
               %r: tensor<?x45xf32> {{quench.name = "r", quench.dims = ["rows"]})
      -> (tensor<?x45xf32> {{quench.name = "y", quench.dims = ["rows"]}) attributes {{quench.entry} {{
    %c = quench.encode %x, %s{2} by(#quench.uniform<{3}>) : (tensor<?x{0}xf32>, tensor<?xf32>{4}) -> tensor<?x{0}xi8>{5}
    %0 = {6} : tensor<?x45xf32>
    %1 = quench.add %r, %0 residual : (tensor<?x45xf32>, tensor<?x45xf32>) -> tensor<?x45xf32>
    return %1 : tensor<?x45xf32>
  }
})",
        in,
        form.isAsymmetric
            ? R"(%z: tensor<?xi8> {quench.name = "z", quench.dims = ["rows"]},)"
            : "",
        form.isAsymmetric ? ", %z" : "", x,
        form.isAsymmetric ? ", tensor<?xi8>" : "", body,
        form.isGated ? "quench.gated %y0, %y1 by relu" : "quench.relu %y0")));

    for (int64_t rows : integerRows) {
      std::vector<float> input = numbers(rows * in, 4),
                         r = numbers(rows * out, 5), s(rows);
      std::vector<uint8_t> zeros(rows);
      for (int64_t i = 0; i < rows; ++i) {
        s[i] = 1.0f / (100 + i);
        zeros[i] = form.isAsymmetric ? 100 + i : 0;
      }
      const int64_t xShape[] = {rows, in}, rShape[] = {rows, out};
      std::vector<qrt_tensor> inputs{{"x", QRT_F32, 2, xShape, input.data()},
                                     {"s", QRT_F32, 1, xShape, s.data()}};
      if (form.isAsymmetric)
        inputs.push_back({"z", QRT_I8, 1, xShape, zeros.data()});
      inputs.push_back({"r", QRT_F32, 2, rShape, r.data()});
      std::vector<float> y = run(inputs);
      ASSERT_EQ(y.size(), r.size());
      auto product = [&](int64_t i, int64_t channel) {
        float result = 0;
        for (int64_t g = 0; g < groups; ++g) {
          int32_t sum = 0;
          for (int64_t k = g * form.group; k < (g + 1) * form.group; ++k) {
            float low = form.isAsymmetric ? 0 : -128;
            float code = std::nearbyint(input[i * in + k] / s[i]) + zeros[i];
            code = std::min(std::max(code, low), low + 255);
            sum +=
                (static_cast<int32_t>(code) - zeros[i]) * w[channel * in + k];
          }
          float scale = scales[channel * groups + g];
          result = groups == 1
                       ? static_cast<float>(sum) * (s[i] * scale)
                       : std::fma(static_cast<float>(sum), scale, result);
        }
        if (groups > 1)
          result *= s[i];
        return result + bias[channel];
      };
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < out; ++j) {
          float expected = std::max(product(i, j), 0.0f);
          if (form.isGated)
            expected *= product(i, out + j);
          ASSERT_EQ(y[i * out + j], expected + r[i * out + j])
              << "row " << i << " of " << rows;
        }
    }
    reset();
  }
}

// Codes are those that division gives, of rows of all magnitudes and of numbers
// beside the ends of their intervals: a product with the unit matrix shows
// them.
TEST_P(IntegerKernels, DynamicCodes) {
  const int64_t size = 64;
  std::string w(size * size, 0);
  for (int64_t i = 0; i < size; ++i)
    w[i * size + i] = 1;
  folder.write("a.safetensors",
               makeArchive(R"({"w":{"dtype":"I8","shape":[64,64],)"
                           R"("data_offsets":[0,4096]}})",
                           w));
  ASSERT_NO_FATAL_FAILURE(compile(R"(
module @m attributes {quench.archives = {m = "a.safetensors"}, quench.symbols = {rows = [1]}} {
  func.func @f(%x: tensor<?x64xf32> {quench.name = "x", quench.dims = ["rows"]})
      -> (tensor<?x64xf32> {quench.name = "y", quench.dims = ["rows"]}) attributes {quench.entry} {
    %w = quench.param <"m"::"w"> : tensor<64x64xi8>
    %one = quench.fill 1.0 : tensor<f32>
    %s = quench.dynamic_scale %x by(#quench.uniform<i8, token>) : (tensor<?x64xf32>) -> tensor<?xf32>
    %c = quench.encode %x, %s by(#quench.uniform<i8, token>) : (tensor<?x64xf32>, tensor<?xf32>) -> tensor<?x64xi8>
    %y = quench.integer_linear %c scale %s by(#quench.uniform<i8, token>), %w scale %one by(#quench.uniform<i8>)
      : (tensor<?x64xi8>, tensor<?xf32>, tensor<64x64xi8>, tensor<f32>) -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
})"));
  const int64_t rows = 4096;
  std::vector<float> x = numbers(rows * size, 6), random = numbers(rows, 7);
  for (int64_t i = 0; i < rows; ++i) {
    float *row = &x[i * size];
    // The scale of the row, about, and numbers next to n + 1/2 times it.
    float scale = std::ldexp(1.5f + random[i] / 2, i % 240 - 120);
    for (int64_t j = 0; j < size; ++j) {
      row[j] = (std::floor(127 * row[j]) + 0.5f) * scale;
      if (j % 3 != 0)
        row[j] = std::nextafter(row[j], j % 3 == 1 ? 0.0f : INFINITY);
    }
    row[0] = 127 * scale;
  }
  std::fill_n(x.begin(), size, 0.0f);
  const int64_t shape[] = {rows, size};
  std::vector<float> y = run({{"x", QRT_F32, 2, shape, x.data()}});
  ASSERT_EQ(y.size(), x.size());
  for (int64_t i = 0; i < rows; ++i) {
    float largest = 0;
    for (int64_t j = 0; j < size; ++j)
      largest = std::max(largest, std::abs(x[i * size + j]));
    float scale = largest == 0 ? 1 : largest / 127;
    for (int64_t j = 0; j < size; ++j) {
      float code = std::nearbyint(x[i * size + j] / scale);
      ASSERT_EQ(y[i * size + j], std::min(code, 127.0f) * scale)
          << "row " << i << ", number " << j;
    }
  }
}

class NormCodes : public KernelFixture {};

// Codes from the kernels of norms, with the result beside them and without, are
// those of kernels that read the result: these are called where something reads
// a norm before its codes are taken.
TEST_P(NormCodes, AreThoseOfTheResult) {
  const int64_t size = 75, rows = 19;
  std::string w;
  for (float number : numbers(size * size, 8))
    w += static_cast<char>(127 * number);
  folder.write("a.safetensors",
               makeArchive(R"({"w":{"dtype":"I8","shape":[75,75],)"
                           R"("data_offsets":[0,5625]}})",
                           w));
  auto makeChain = [](int64_t i, bool isApart) -> std::string {
    std::string read0 = "%k0_{0} = quench.relu %n0_{0} : tensor<?x75xf32>",
                read1 = "%k1_{0} = arith.subf %n1_{0}, %n1_{0} : "
                        "tensor<?x75xf32>";
    std::string body =
        R"(
    %n0_{0} = quench.layer_norm %x{0} gamma %g beta %g eps 1.0e-5
      : (tensor<?x75xf32>, tensor<75xf32>, tensor<75xf32>) -> tensor<?x75xf32>
    )" + (isApart ? read0 : "") +
        R"(
    %s0_{0} = quench.dynamic_scale %n0_{0} by(#quench.uniform<i8, token>) : (tensor<?x75xf32>) -> tensor<?xf32>
    %c0_{0} = quench.encode %n0_{0}, %s0_{0} by(#quench.uniform<i8, token>)
      : (tensor<?x75xf32>, tensor<?xf32>) -> tensor<?x75xi8>
    )" + (isApart ? "" : read0) +
        R"(
    %l0_{0} = quench.integer_linear %c0_{0} scale %s0_{0} by(#quench.uniform<i8, token>), %w scale %t by(#quench.uniform<i8>)
      : (tensor<?x75xi8>, tensor<?xf32>, tensor<75x75xi8>, tensor<f32>) -> tensor<?x75xf32>
    %h_{0} = quench.add %l0_{0}, %k0_{0} residual : (tensor<?x75xf32>, tensor<?x75xf32>) -> tensor<?x75xf32>
    %n1_{0} = quench.rms_norm %h_{0} gamma %g eps 1.0e-5 : (tensor<?x75xf32>, tensor<75xf32>) -> tensor<?x75xf32>
    )" + (isApart ? read1 : "") +
        R"(
    %c1_{0} = quench.encode %n1_{0}, %s1 by(#quench.uniform<i8>) : (tensor<?x75xf32>, tensor<f32>) -> tensor<?x75xi8>
    %l1_{0} = quench.integer_linear %c1_{0} scale %s1 by(#quench.uniform<i8>), %w scale %t by(#quench.uniform<i8>)
      : (tensor<?x75xi8>, tensor<f32>, tensor<75x75xi8>, tensor<f32>) -> tensor<?x75xf32>
    )" +
        (isApart ? "%y{0} = arith.addf %l1_{0}, %k1_{0} : tensor<?x75xf32>"
                 : "");
    return llvm::formatv(body.c_str(), i);
  };
  ASSERT_NO_FATAL_FAILURE(compile(R"(
module @m attributes {quench.archives = {m = "a.safetensors"}, quench.symbols = {rows = [1]}} {
  func.func @f(%x0: tensor<?x75xf32> {quench.name = "x0", quench.dims = ["rows"]},
               %x1: tensor<?x75xf32> {quench.name = "x1", quench.dims = ["rows"]},
               %g: tensor<75xf32> {quench.name = "g"})
      -> (tensor<?x75xf32> {quench.name = "y0", quench.dims = ["rows"]},
          tensor<?x75xf32> {quench.name = "y1", quench.dims = ["rows"]}) attributes {quench.entry} {
    %w = quench.param <"m"::"w"> : tensor<75x75xi8>
    %t = quench.fill 0.01 : tensor<f32>
    %s1 = quench.fill 0.015 : tensor<f32>)" +
                                  makeChain(0, /*isApart=*/false) +
                                  makeChain(1, /*isApart=*/true) +
                                  R"(
    return %l1_0, %y1 : tensor<?x75xf32>, tensor<?x75xf32>
  }
})"));
  // One row is zeros, the codes of which have a scale of 1.
  std::vector<float> x = numbers(rows * size, 9), g = numbers(size, 10);
  std::fill_n(x.begin(), size, 0.0f);
  const int64_t shape[] = {rows, size};
  std::vector<std::vector<float>> y =
      runAll({{"x0", QRT_F32, 2, shape, x.data()},
              {"x1", QRT_F32, 2, shape, x.data()},
              {"g", QRT_F32, 1, shape + 1, g.data()}});
  ASSERT_EQ(y.size(), 2u);
  ASSERT_EQ(y[0].size(), x.size());
  EXPECT_EQ(y[0], y[1]);
}

/// Levels that sum quads.
std::vector<std::string> integerLevels() {
  std::vector<std::string> names;
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  if (features.lookup("avx512vnni"))
    names.push_back("x86-64-v4+vnni");
  if (features.lookup("amx-int8"))
    names.push_back("x86-64-v4+amx");
  return names;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(IntegerKernels);
INSTANTIATE_TEST_SUITE_P(Levels, IntegerKernels,
                         testing::ValuesIn(integerLevels()), levelName);

/// The least level, and the highest.
std::vector<std::string> endsOfLevels() {
  std::vector<std::string> names = levels(), quads = integerLevels();
  names.insert(names.end(), quads.begin(), quads.end());
  return {names.front(), names.back()};
}

INSTANTIATE_TEST_SUITE_P(Levels, NormCodes, testing::ValuesIn(endsOfLevels()),
                         levelName);

INSTANTIATE_TEST_SUITE_P(Levels, Kernels, testing::ValuesIn(levels()),
                         levelName);

} // namespace
