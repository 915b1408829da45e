//===- TestPlugin.cpp - One of everything that a plugin can bring ---------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Import/ModelBuilder.h"
#include "Quench/Interfaces/WeightProgramOpInterface.h"
#include "Quench/Plugin/Plugin.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace {
/// A dialect of the plugin's own.
class TestDialect : public Dialect {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TestDialect)

  static StringRef getDialectNamespace() { return "test_plugin"; }

  explicit TestDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context, TypeID::get<TestDialect>()) {
    allowUnknownOperations();
  }
};

/// Implements an interface of Quench for an op of somebody else.
struct CastModel
    : quench::WeightProgramOpInterface::ExternalModel<CastModel,
                                                      tensor::CastOp> {
  LogicalResult evaluateWeights(Operation *op,
                                ArrayRef<ArrayRef<char>> operands,
                                MutableArrayRef<char> result) const {
    llvm::copy(operands.front(), result.begin());
    return success();
  }
};

/// Writes its option on the module, and a mark on weight programs.
struct MarkPass : PassWrapper<MarkPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MarkPass)

  MarkPass() = default;
  MarkPass(const MarkPass &other) : PassWrapper(other) {}
  explicit MarkPass(StringRef text) { mark = text.str(); }

  StringRef getArgument() const override { return "test-plugin-mark"; }
  StringRef getDescription() const override { return "mark what is found"; }

  void runOnOperation() override {
    StringAttr attr = StringAttr::get(&getContext(), mark);
    getOperation()->setAttr("test_plugin.mark", attr);
    getOperation()->walk([&](quench::WeightProgramOpInterface op) {
      op->setAttr("test_plugin.weights", attr);
    });
  }

  Option<std::string> mark{*this, "mark", llvm::cl::desc("The text"),
                           llvm::cl::init("pass")};
};

/// Fails on every module.
struct FailPass : PassWrapper<FailPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FailPass)

  StringRef getArgument() const override { return "test-plugin-fail"; }
  StringRef getDescription() const override { return "fail"; }

  void runOnOperation() override {
    getOperation()->emitError("test-plugin-fail fails as it should");
    signalPassFailure();
  }
};

struct TwiceOptions : PassPipelineOptions<TwiceOptions> {
  Option<std::string> second{*this, "second", llvm::cl::desc("The last mark"),
                             llvm::cl::init("second")};
};
} // namespace

/// The model type `test-plugin`: one linear layer.
static LogicalResult importLinear(quench::ModelBuilder &builder) {
  int64_t width = builder.config().getInt("width");
  if (builder.failed())
    return failure();
  builder.setSymbol("batch", 1);
  builder.beginEntry("encode");
  Value input = builder.addArgument(
      builder.getType({ShapedType::kDynamic, width}), {"input", {"batch"}});
  builder.addResult("output", builder.linear("layer", input, width, false),
                    {"batch"});
  builder.endEntry();
  return success(!builder.failed());
}

static void registerTestPlugin(quench::PluginRegistrar &registrar) {
  registrar.addPass<MarkPass>();
  registrar.addPass<FailPass>();
  registrar.addPipeline("test-plugin-once", "mark", [](OpPassManager &pm) {
    pm.addPass(std::make_unique<MarkPass>("once"));
  });
  registrar.addPipeline<TwiceOptions>(
      "test-plugin-twice", "mark, then mark again",
      [](OpPassManager &pm, const TwiceOptions &options) {
        pm.addPass(std::make_unique<MarkPass>("first"));
        pm.addPass(std::make_unique<MarkPass>(options.second));
      });
  registrar.addDialects<TestDialect>();
  registrar
      .addExternalModels<tensor::TensorDialect, tensor::CastOp, CastModel>();
  registrar.addImporter("test-plugin", importLinear);
  registrar.extend(quench::Phase::Canonical,
                   quench::PhaseExtensions::Position::Before,
                   [](OpPassManager &pm) {
                     pm.addPass(std::make_unique<MarkPass>("phase"));
                   });
}

QUENCH_PLUGIN("test-plugin", "1.2", registerTestPlugin)
