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

#include "../Support/TestArchives.h"
#include "Quench/Codegen/CPU/Jit.h"
#include "Quench/InitAll.h"
#include "Quench/Support/Hadamard.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/TargetParser/Host.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace quench;
using namespace quench::test;

namespace {

std::vector<std::string> levels() {
  std::vector<std::string> names{"x86-64"};
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  if (features.lookup("avx2") && features.lookup("fma"))
    names.push_back("x86-64-v3");
  if (features.lookup("avx512f"))
    names.push_back("x86-64-v4");
  return names;
}

/// Numbers that look random, between -1 and 1.
std::vector<float> numbers(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (float &value : values) {
    seed = seed * 1664525 + 1013904223;
    value = static_cast<float>(seed >> 8) / (1 << 23) - 1;
  }
  return values;
}

class Kernels : public testing::TestWithParam<std::string> {
protected:
  Kernels() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
      errors.push_back(diagnostic.str());
      return success();
    });
  }
  ~Kernels() override { qrt_session_destroy(session); }

  void compile(const std::string &source) {
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>(source, &context);
    ASSERT_TRUE(module) << llvm::join(errors, "\n");
    FailureOr<ArchiveSet> archives =
        ArchiveSet::open(*module, {}, folder.path());
    ASSERT_TRUE(succeeded(archives)) << llvm::join(errors, "\n");
    llvm::Expected<CPUTarget> target = CPUTarget::parse(GetParam());
    ASSERT_TRUE(bool(target)) << llvm::toString(target.takeError());
    FailureOr<std::unique_ptr<JitModel>> result =
        JitModel::create(*module, *target, *archives);
    ASSERT_TRUE(succeeded(result)) << llvm::join(errors, "\n");
    jit = std::move(*result);
    ASSERT_EQ(qrt_session_create(jit->model(), nullptr, &session), QRT_OK)
        << qrt_last_error();
  }

  std::vector<float> run(llvm::ArrayRef<qrt_tensor> inputs) {
    qrt_tensor *outputs = nullptr;
    size_t count = 0;
    EXPECT_EQ(qrt_run(session, nullptr, inputs.data(), inputs.size(), &outputs,
                      &count),
              QRT_OK)
        << qrt_last_error();
    if (count != 1)
      return {};
    size_t size = 1;
    for (int32_t i = 0; i < outputs[0].rank; ++i)
      size *= outputs[0].shape[i];
    auto *data = static_cast<const float *>(outputs[0].data);
    std::vector<float> result(data, data + size);
    qrt_tensors_free(outputs, count);
    return result;
  }

  TempFolder folder;
  MLIRContext context;
  std::vector<std::string> errors;
  std::unique_ptr<JitModel> jit;
  qrt_session *session = nullptr;
};

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
};

TEST_P(Kernels, Attention) {
  const int64_t batch = 2, heads = 6, groups = 2, keySize = 20, valueSize = 36;
  const std::vector<int64_t> even{0, 0, 0, 1, 1, 1}, odd{1, 0, 1, 1, 0, 0};
  for (const Form &form :
       {Form{"full", "", false, 0, even}, Form{"causal", "", true, 0, even},
        Form{"sliding", "{window = 5 : i64}", true, 5, even},
        Form{"full", "{head_groups = array<i64: 1, 0, 1, 1, 0, 0>}", false, 0,
             odd}})
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
                      p[j] / total *
                      v[((b * keys + j) * groups + group) * valueSize + e];
                ASSERT_NEAR(y[((b * queries + i) * heads + h) * valueSize + e],
                            expected, 2e-6)
                    << queries << " queries, " << keys << " keys";
              }
            }
      }
      qrt_session_destroy(session);
      session = nullptr;
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
    qrt_session_destroy(session);
    session = nullptr;
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Kernels, testing::ValuesIn(levels()),
                         [](const testing::TestParamInfo<std::string> &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
