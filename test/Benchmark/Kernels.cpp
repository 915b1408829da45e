//===- Kernels.cpp - Times of single kernels ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles modules of one op for this processor and times calls of them with
// Google Benchmark, one thread unless QUENCH_THREADS says otherwise:
//
//   cmake --preset release -DQUENCH_ENABLE_BENCHMARKS=ON
//   ninja -C build quench-kernels
//   build/bin/quench-kernels --benchmark_filter=linear/W4A8
//
// Operands stay in the caches as far as they fit. `ops` are those of products,
// a multiplication and an addition each; bytes are those of operands and
// results. Ratios to ceilings and to libraries are what linear.py prints.
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Jit.h"
#include "Quench/InitAll.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

#include <benchmark/benchmark.h>

using namespace mlir;
using namespace quench;
using llvm::formatv;

namespace {
/// A module of one op, to be compiled when its benchmark is run.
struct Kernel {
  std::string name;
  /// What the function does; %x0, %x1 are its inputs, %y its result.
  std::string body;
  /// Dimensions of the inputs and of the result, of f32.
  std::vector<std::vector<int64_t>> inputs;
  std::vector<int64_t> result;
  /// Products of numbers in a call.
  double products = 0;
  /// Bytes of the parameters.
  double parameterBytes = 0;
};
} // namespace

static int64_t count(ArrayRef<int64_t> shape) {
  int64_t product = 1;
  for (int64_t size : shape)
    product *= size;
  return product;
}

static std::string typeOf(ArrayRef<int64_t> shape) {
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + "f32>";
}

static std::string writeModule(const Kernel &kernel) {
  std::string arguments;
  for (auto [i, shape] : llvm::enumerate(kernel.inputs))
    arguments += formatv("{0}%x{1}: {2} {{quench.name = \"x{1}\"}",
                         i == 0 ? "" : ", ", i, typeOf(shape));
  return formatv(R"(module @m {{
  func.func @f({0}) -> ({1} {{quench.name = "y"}) attributes {{quench.entry} {{
    {2}
    return %y : {1}
  }
})",
                 arguments, typeOf(kernel.result), kernel.body);
}

/// The session of a compiled kernel.
class Session {
public:
  explicit Session(const Kernel &kernel) {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>(writeModule(kernel), &context);
    llvm::Expected<CPUTarget> target = CPUTarget::parse("native");
    if (!target)
      llvm::report_fatal_error(target.takeError());
    if (!module)
      return;
    FailureOr<ArchiveSet> archives = ArchiveSet::open(*module, {}, ".");
    if (failed(archives))
      return;
    FailureOr<std::unique_ptr<JitModel>> compiled =
        JitModel::create(*module, *target, *archives);
    if (failed(compiled))
      return;
    jit = std::move(*compiled);
    qrt_options options = {};
    options.num_threads = 1;
    if (std::optional<std::string> threads =
            llvm::sys::Process::GetEnv("QUENCH_THREADS"))
      StringRef(*threads).getAsInteger(10, options.num_threads);
    if (qrt_session_create(jit->model(), &options, &session) != QRT_OK)
      llvm::errs() << "error: " << qrt_last_error() << "\n";
  }
  ~Session() { qrt_session_destroy(session); }

  qrt_session *get() const { return session; }

private:
  MLIRContext context;
  std::unique_ptr<JitModel> jit;
  qrt_session *session = nullptr;
};

static void run(benchmark::State &state, const Kernel &kernel) {
  Session session(kernel);
  if (!session.get())
    return state.SkipWithError("it does not compile");
  std::vector<std::unique_ptr<float[]>> data;
  std::vector<std::string> names;
  std::vector<qrt_tensor> inputs;
  double bytes = kernel.parameterBytes + 4.0 * count(kernel.result);
  for (size_t i = 0; i < kernel.inputs.size(); ++i)
    names.push_back("x" + std::to_string(i));
  for (auto [name, shape] : llvm::zip_equal(names, kernel.inputs)) {
    int64_t size = count(shape);
    bytes += 4.0 * size;
    data.emplace_back(new (std::align_val_t(64)) float[size]);
    for (int64_t i = 0; i < size; ++i)
      data.back()[i] = static_cast<float>(i * 2654435761u % 2001) / 1000 - 1;
    inputs.push_back({name.c_str(), QRT_F32, static_cast<int32_t>(shape.size()),
                      shape.data(), data.back().get()});
  }
  for (auto _ : state) {
    qrt_tensor *outputs = nullptr;
    size_t numOutputs = 0;
    if (qrt_run(session.get(), nullptr, inputs.data(), inputs.size(), &outputs,
                &numOutputs) != QRT_OK) {
      state.SkipWithError(qrt_last_error());
      break;
    }
    qrt_tensors_free(outputs, numOutputs);
  }
  using benchmark::Counter;
  if (kernel.products != 0)
    state.counters["ops"] =
        Counter(2 * kernel.products, Counter::kIsIterationInvariantRate);
  state.counters["bytes"] =
      Counter(bytes, Counter::kIsIterationInvariantRate, Counter::kIs1024);
}

//===----------------------------------------------------------------------===//
// The kernels
//===----------------------------------------------------------------------===//

/// `scheme`: float, W8A8, W4A8 or W4A16, the last two with groups of 128.
static Kernel linear(StringRef scheme, int64_t rows, int64_t out, int64_t in) {
  Kernel kernel;
  kernel.name = formatv("linear/{0}/{1}x{2}x{3}", scheme, rows, out, in);
  kernel.inputs = {{rows, in}};
  kernel.result = {rows, out};
  kernel.products = static_cast<double>(rows) * out * in;
  std::string x = typeOf({rows, in}), y = typeOf({rows, out});
  std::string w = typeOf({out, in}), s = typeOf({rows});
  std::string body = formatv("%w = quench.noise seed 3 : {0}\n", w);
  std::string weight = "%w", input = "%x0";
  int64_t bits = 32;
  if (scheme != "float") {
    const bool isWide = scheme.starts_with("W8");
    std::string group = isWide ? "" : ", group = 128";
    std::vector<int64_t> scales{out};
    if (!isWide)
      scales.push_back(in / 128);
    bits = isWide ? 8 : 4;
    std::string format =
        formatv("#quench.uniform<i{0}, axis = 0{1}>", bits, group);
    std::string codes = formatv("tensor<{0}x{1}xi8>", out, in);
    body += formatv(R"(%s = quench.quant_scale %w by({0}) : ({1}) -> {2}
    %q = quench.quantize %w, %s by({0}) : ({1}, {2}) -> {3}
    %d = quench.dequantize %q, %s by({0}) : ({3}, {2}) -> {1}
    )",
                    format, w, typeOf(scales), codes);
    weight = "%d";
    kernel.parameterBytes = 4.0 * count(scales);
  }
  if (scheme.ends_with("A8")) {
    body += formatv(
        R"(%t = quench.dynamic_scale %x0 by(#quench.uniform<i8, token>) : ({0}) -> {1}
    %c = quench.fake_quant %x0, %t by(#quench.uniform<i8, token>) : ({0}, {1}) -> {0}
    )",
        x, s);
    input = "%c";
  }
  kernel.parameterBytes += bits / 8.0 * out * in;
  kernel.body = formatv("{0}%y = quench.linear {1}, {2} : ({3}, {4}) -> {5}",
                        body, input, weight, x, w, y);
  return kernel;
}

static Kernel attention(int64_t batch, int64_t queries, int64_t keys,
                        int64_t heads, int64_t size, StringRef mask) {
  Kernel kernel;
  kernel.name = formatv("attention/{0}/{1}x{2}x{3}x{4}x{5}", mask, batch,
                        queries, keys, heads, size);
  std::vector<int64_t> q{batch, queries, heads, size},
      k{batch, keys, heads, size};
  kernel.inputs = {q, k, k};
  kernel.result = q;
  kernel.products = 2.0 * batch * heads * queries * keys * size;
  kernel.body = formatv("%y = quench.attention %x0, %x1, %x2 scale 0.125 {0} : "
                        "({1}, {2}, {2}) -> {1}",
                        mask, typeOf(q), typeOf(k));
  return kernel;
}

/// An op from rows to rows, `text` with {0} for their type.
static Kernel rows(StringRef name, const char *text, int64_t rows,
                   int64_t size) {
  Kernel kernel;
  kernel.name = formatv("{0}/{1}x{2}", name, rows, size);
  kernel.inputs = {{rows, size}};
  kernel.result = {rows, size};
  kernel.body = formatv(false, text, typeOf({rows, size}), typeOf({rows}));
  return kernel;
}

int main(int argc, char **argv) {
  std::vector<Kernel> kernels;
  for (StringRef scheme : {"float", "W8A8", "W4A8", "W4A16"})
    for (int64_t rows : {1, 128, 512})
      for (auto [out, in] :
           {std::pair(384, 1536), std::pair(768, 3072), std::pair(4096, 4096)})
        kernels.push_back(linear(scheme, rows, out, in));
  kernels.push_back(attention(1, 128, 128, 12, 32, "full"));
  kernels.push_back(attention(1, 197, 197, 12, 64, "full"));
  kernels.push_back(attention(1, 512, 512, 32, 64, "causal"));
  kernels.push_back(attention(1, 1, 512, 32, 64, "causal"));
  for (int64_t size : {384, 4096}) {
    kernels.push_back(rows(
        "layer_norm", "%y = quench.layer_norm %x0 eps 1.0e-5 : ({0}) -> {0}",
        128, size));
    kernels.push_back(rows("rms_norm",
                           "%y = quench.rms_norm %x0 eps 1.0e-5 : ({0}) -> {0}",
                           128, size));
    kernels.push_back(
        rows("gelu", "%y = quench.gelu %x0 by erf : {0}", 128, size));
    kernels.push_back(
        rows("online_hadamard",
             "%y = quench.online_hadamard %x0 by(#quench.hadamard<128>) : {0}",
             128, size));
  }

  for (const Kernel &kernel : kernels)
    benchmark::RegisterBenchmark(
        kernel.name.c_str(),
        [&](benchmark::State &state) { run(state, kernel); })
        ->Unit(benchmark::kMicrosecond)
        ->UseRealTime();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
