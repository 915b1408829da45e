//===- ModelsTest.cpp - Checkpoints against their references --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Imports a checkpoint of every kind, compiles it into the process for every
// level of CPU that this machine has, and compares what it computes with the
// reference outputs beside it. test/Integration/CPU does so for programs of all
// checkpoints.
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Jit.h"
#include "Quench/Import/Importer.h"
#include "Quench/InitAll.h"
#include "Quench/Support/Archive.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace quench;

namespace {

class Models
    : public testing::TestWithParam<std::tuple<const char *, const char *>> {
protected:
  Models() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
        errors.push_back(diagnostic.str());
      return success();
    });
  }

  /// Runs the inputs of `path` and compares the outputs it lists.
  void check(qrt_session *session, llvm::StringRef path) {
    SCOPED_TRACE(path.str());
    llvm::Expected<std::unique_ptr<Archive>> file = Archive::open(path);
    ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
    std::string list = (*file)->metadata().lookup("outputs");
    llvm::SmallVector<llvm::StringRef> names;
    llvm::StringRef(list).split(names, ',');

    std::vector<qrt_tensor> inputs;
    std::vector<std::string> inputNames;
    inputNames.reserve((*file)->tensors().size());
    for (const Archive::Tensor &tensor : (*file)->tensors()) {
      if (tensor.name == "positions" || llvm::is_contained(names, tensor.name))
        continue;
      inputNames.push_back(tensor.name.str());
      inputs.push_back({inputNames.back().c_str(),
                        tensor.dtype == DType::I64 ? QRT_I64 : QRT_F32,
                        static_cast<int32_t>(tensor.shape.size()),
                        tensor.shape.data(),
                        const_cast<char *>(tensor.bytes.data())});
    }
    qrt_tensor *outputs = nullptr;
    size_t count = 0;
    ASSERT_EQ(qrt_run(session, nullptr, inputs.data(), inputs.size(), &outputs,
                      &count),
              QRT_OK)
        << qrt_last_error();
    for (llvm::StringRef name : names) {
      SCOPED_TRACE(name.str());
      const qrt_tensor *output =
          llvm::find_if(llvm::ArrayRef(outputs, count),
                        [&](const qrt_tensor &t) { return name == t.name; });
      ASSERT_NE(output, outputs + count);
      compare(*output, *(*file)->find(name), (*file)->find("positions"));
    }
    qrt_tensors_free(outputs, count);
  }

  /// max|a - b| / max|b|; `positions` says which rows of the second dimension
  /// the reference has.
  void compare(const qrt_tensor &output, const Archive::Tensor &expected,
               const Archive::Tensor *positions) {
    auto *a = static_cast<const float *>(output.data);
    std::vector<float> b(expected.bytes.size() / sizeof(float));
    memcpy(b.data(), expected.bytes.data(), expected.bytes.size());
    ASSERT_EQ(static_cast<size_t>(output.rank), expected.shape.size());
    int64_t batch = expected.shape[0];
    int64_t rows = positions ? expected.shape[1] : 1;
    int64_t width = b.size() / (batch * rows);
    double difference = 0, largest = 0;
    for (int64_t i = 0; i < batch; ++i)
      for (int64_t j = 0; j < rows; ++j) {
        int64_t row = i;
        if (positions) {
          int64_t position;
          memcpy(&position, positions->bytes.data() + 8 * j, 8);
          row = i * output.shape[1] + position;
        }
        for (int64_t k = 0; k < width; ++k) {
          double x = a[row * width + k], y = b[(i * rows + j) * width + k];
          ASSERT_FALSE(std::isnan(x));
          difference = std::max(difference, std::fabs(x - y));
          largest = std::max(largest, std::fabs(y));
        }
      }
    EXPECT_LE(difference, 1e-5 * largest);
  }

  MLIRContext context;
  std::vector<std::string> errors;
};

TEST_P(Models, AgreesWithItsReference) {
  auto [model, level] = GetParam();
  std::string folder = std::string(QUENCH_TEST_MODELS "/") + model;
  ImporterRegistry importers;
  registerAllImporters(importers);
  OwningOpRef<ModuleOp> module =
      importCheckpoint(&context, folder, ImportOptions(), importers);
  ASSERT_TRUE(module) << llvm::join(errors, "\n");
  FailureOr<ArchiveSet> archives = ArchiveSet::open(*module, {}, folder);
  ASSERT_TRUE(succeeded(archives)) << llvm::join(errors, "\n");
  llvm::Expected<CPUTarget> target = CPUTarget::parse(level);
  ASSERT_TRUE(bool(target)) << llvm::toString(target.takeError());
  CompileOptions options;
  options.baseDir = folder;
  FailureOr<std::unique_ptr<JitModel>> jit =
      JitModel::create(*module, *target, *archives, options);
  ASSERT_TRUE(succeeded(jit)) << llvm::join(errors, "\n");
  qrt_session *session = nullptr;
  if (qrt_session_create((*jit)->model(), nullptr, &session) != QRT_OK) {
    ASSERT_NE(llvm::StringRef(qrt_last_error()).find("this CPU lacks"),
              llvm::StringRef::npos)
        << qrt_last_error();
    GTEST_SKIP() << qrt_last_error();
  }

  unsigned references = 0;
  std::error_code code;
  for (llvm::sys::fs::directory_iterator it(folder, code), end;
       it != end && !code; it.increment(code)) {
    llvm::StringRef name = llvm::sys::path::filename(it->path());
    if (!name.starts_with("b") || !name.ends_with(".safetensors"))
      continue;
    check(session, it->path());
    ++references;
  }
  EXPECT_GT(references, 0u);
  qrt_session_destroy(session);
}

INSTANTIATE_TEST_SUITE_P(
    Levels, Models,
    testing::Combine(testing::Values("bert-sentence", "llama", "mamba",
                                     "vit-17"),
                     testing::Values("x86-64", "x86-64-v3", "x86-64-v4+vnni")),
    [](const testing::TestParamInfo<Models::ParamType> &info) {
      std::string name = std::string(std::get<0>(info.param)) + "_on_" +
                         std::get<1>(info.param);
      std::replace_if(
          name.begin(), name.end(), [](char c) { return !isalnum(c); }, '_');
      return name;
    });

} // namespace
