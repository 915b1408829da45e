//===- JitTest.cpp - From an archive to numbers ---------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Jit.h"
#include "../Support/TestArchives.h"
#include "Quench/InitAll.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace quench;
using namespace quench::test;

namespace {

/// y = tanh(x w^T + b), in rows on all threads; x also goes into the cache from
/// the row `position` on, and `sum` is the sum of the whole new cache.
constexpr llvm::StringLiteral source = R"(
module @toy attributes {quench.model_type = "toy", quench.archives = {m = "a.safetensors"},
    quench.symbols = {batch = [1], context = [1, 64]}} {
  func.func @step(%x: tensor<?x4xf32> {quench.name = "x", quench.dims = ["batch"]},
                  %cache: tensor<?x4xf32> {quench.name = "cache", quench.dims = ["context"], quench.role = "state"},
                  %position: tensor<i64> {quench.name = "position", quench.default = 0 : i64})
      -> (tensor<?x3xf32> {quench.name = "y", quench.dims = ["batch"]},
          tensor<f32> {quench.name = "sum"},
          tensor<?x4xf32> {quench.state = "cache", quench.dims = ["context"]})
      attributes {quench.entry} {
    %w = quench.param <"m"::"w"> : tensor<3x4xf32>
    %wt = quench.transpose %w [1, 0] : (tensor<3x4xf32>) -> tensor<4x3xf32>
    %b = quench.param <"m"::"b"> : tensor<3xf32>
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x3xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
    %m = linalg.matmul ins(%x, %wt : tensor<?x4xf32>, tensor<4x3xf32>) outs(%f : tensor<?x3xf32>) -> tensor<?x3xf32>
    %y = scf.forall (%i) in (%n) shared_outs(%o = %e) -> (tensor<?x3xf32>) {
      %row = tensor.extract_slice %m[%i, 0] [1, 3] [1, 1] : tensor<?x3xf32> to tensor<3xf32>
      %dst = tensor.extract_slice %o[%i, 0] [1, 3] [1, 1] : tensor<?x3xf32> to tensor<3xf32>
      %r = linalg.map ins(%row, %b : tensor<3xf32>, tensor<3xf32>) outs(%dst : tensor<3xf32>) (%p: f32, %q: f32, %init: f32) {
        %s = arith.addf %p, %q : f32
        %t = math.tanh %s : f32
        linalg.yield %t : f32
      }
      scf.forall.in_parallel {
        tensor.parallel_insert_slice %r into %o[%i, 0] [1, 3] [1, 1] : tensor<3xf32> into tensor<?x3xf32>
      }
    }
    %p64 = tensor.extract %position[] : tensor<i64>
    %p = arith.index_cast %p64 : i64 to index
    %new = tensor.insert_slice %x into %cache[%p, 0] [%n, 4] [1, 1] : tensor<?x4xf32> into tensor<?x4xf32>
    %e0 = tensor.empty() : tensor<f32>
    %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
    %sum = linalg.reduce { arith.addf } ins(%new : tensor<?x4xf32>) outs(%f0 : tensor<f32>) dimensions = [0, 1]
    return %y, %sum, %new : tensor<?x3xf32>, tensor<f32>, tensor<?x4xf32>
  }
})";

class Jit : public testing::Test {
protected:
  Jit() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
      errors.push_back(diagnostic.str());
      return success();
    });
    std::string bytes(reinterpret_cast<const char *>(weights), sizeof(weights));
    bytes.append(reinterpret_cast<const char *>(bias), sizeof(bias));
    folder.write(
        "a.safetensors",
        makeArchive(
            R"({"w":{"dtype":"F32","shape":[3,4],"data_offsets":[0,48]},)"
            R"("b":{"dtype":"F32","shape":[3],"data_offsets":[48,60]}})",
            bytes));
    module = parseSourceString<ModuleOp>(source, &context);
  }

  llvm::Expected<CPUTarget> target = CPUTarget::parse("native");
  const float weights[12] = {0.1f, 0.2f, 0.3f, 0.4f, -0.1f, 0.5f,
                             0.0f, 1.0f, 0.7f, 0.7f, 0.7f,  -2.0f};
  const float bias[3] = {0.5f, -0.5f, 0.25f};
  TempFolder folder;
  MLIRContext context;
  std::vector<std::string> errors;
  OwningOpRef<ModuleOp> module;
};

TEST_F(Jit, RunsAModel) {
  ASSERT_TRUE(bool(target)) << llvm::toString(target.takeError());
  ASSERT_TRUE(module) << llvm::join(errors, "\n");
  FailureOr<ArchiveSet> archives = ArchiveSet::open(*module, {}, folder.path());
  ASSERT_TRUE(succeeded(archives)) << llvm::join(errors, "\n");
  FailureOr<std::unique_ptr<JitModel>> jit =
      JitModel::create(*module, *target, *archives);
  ASSERT_TRUE(succeeded(jit)) << llvm::join(errors, "\n");

  qrt_session *session = nullptr;
  ASSERT_EQ(qrt_session_create((*jit)->model(), nullptr, &session), QRT_OK)
      << qrt_last_error();
  for (int64_t rows : {1, 3, 17}) {
    std::vector<float> x(4 * rows), cache(4 * 32, 1.0f);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = static_cast<float>(i % 7) / 4 - 0.5f;
    int64_t position = 2;
    const int64_t xShape[] = {rows, 4}, cacheShape[] = {32, 4};
    qrt_tensor inputs[] = {{"x", QRT_F32, 2, xShape, x.data()},
                           {"cache", QRT_F32, 2, cacheShape, cache.data()},
                           {"position", QRT_I64, 0, nullptr, &position}};
    qrt_tensor *outputs = nullptr;
    size_t count = 0;
    ASSERT_EQ(qrt_run(session, "step", inputs, 3, &outputs, &count), QRT_OK)
        << qrt_last_error();
    ASSERT_EQ(count, 2u);
    ASSERT_EQ(outputs[0].shape[0], rows);
    auto *y = static_cast<const float *>(outputs[0].data);
    for (int64_t i = 0; i < rows; ++i)
      for (int j = 0; j < 3; ++j) {
        double sum = bias[j];
        for (int k = 0; k < 4; ++k)
          sum += double(x[4 * i + k]) * weights[4 * j + k];
        EXPECT_NEAR(y[3 * i + j], std::tanh(sum), 1e-6);
      }
    double sum = 0;
    for (int64_t i = 0; i < 4 * 32; ++i) {
      bool isNew = i >= 8 && i < 8 + 4 * rows;
      EXPECT_EQ(cache[i], isNew ? x[i - 8] : 1.0f);
      sum += cache[i];
    }
    EXPECT_NEAR(*static_cast<const float *>(outputs[1].data), sum, 1e-4);
    qrt_tensors_free(outputs, count);
  }
  qrt_session_destroy(session);
}

TEST_F(Jit, EqualInputsGiveEqualBytes) {
  FailureOr<ArchiveSet> archives = ArchiveSet::open(*module, {}, folder.path());
  ASSERT_TRUE(succeeded(archives)) << llvm::join(errors, "\n");
  for (CPUOutput output : {CPUOutput::Object, CPUOutput::LLVM}) {
    CompileOptions options;
    options.output = output;
    FailureOr<CompiledModel> first =
        compileForCPU(*module, *target, *archives, options);
    FailureOr<CompiledModel> second =
        compileForCPU(*module, *target, *archives, options);
    ASSERT_TRUE(succeeded(first) && succeeded(second))
        << llvm::join(errors, "\n");
    EXPECT_EQ(first->output, second->output);
    EXPECT_EQ(first->manifest, second->manifest);
    EXPECT_EQ(first->payload, second->payload);
    EXPECT_EQ(first->payload.size(), 128u);
  }
}

TEST_F(Jit, LeavesTheModuleAsItIs) {
  FailureOr<ArchiveSet> archives = ArchiveSet::open(*module, {}, folder.path());
  ASSERT_TRUE(succeeded(archives)) << llvm::join(errors, "\n");
  std::string before, after;
  llvm::raw_string_ostream(before) << *module;
  CompileOptions options;
  options.output = CPUOutput::MLIR;
  FailureOr<CompiledModel> compiled =
      compileForCPU(*module, *target, *archives, options);
  ASSERT_TRUE(succeeded(compiled)) << llvm::join(errors, "\n");
  EXPECT_NE(compiled->output.str().find("llvm.func @_mlir_ciface_step"),
            llvm::StringRef::npos);
  llvm::raw_string_ostream(after) << *module;
  EXPECT_EQ(before, after);
}

TEST_F(Jit, ReportsMissingMemory) {
  FailureOr<ArchiveSet> archives = ArchiveSet::open(*module, {}, folder.path());
  ASSERT_TRUE(succeeded(archives)) << llvm::join(errors, "\n");
  CompileOptions options;
  options.allocatePayload = [](uint64_t) {
    return llvm::createStringError("the disk is full");
  };
  EXPECT_TRUE(failed(compileForCPU(*module, *target, *archives, options)));
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors.front(), "the disk is full");
}

} // namespace
