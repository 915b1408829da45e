//===- ScalePassesTest.cpp - Scales and shifts in weights -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What passes make of weights, compared with published numbers.
//
//===----------------------------------------------------------------------===//

#include "../Support/Published.h"
#include "../Support/TestArchives.h"
#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Support/Numerics.h"
#include "Quench/Support/SafeTensorsWriter.h"
#include "Quench/Transforms/WeightPrograms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringExtras.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using namespace quench::test;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;
using Numbers = std::vector<double>;

namespace {
/// Runs a pass on a module, the parameters of which are known.
class ScalePasses : public testing::Test {
protected:
  ScalePasses() {
    context.loadDialect<QuenchDialect, func::FuncDialect, arith::ArithDialect,
                        tensor::TensorDialect>();
    context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
      messages.push_back(diagnostic.str());
      return success();
    });
    static bool isRegistered = (registerQuenchDialectPasses(), true);
    (void)isRegistered;
  }

  /// Adds a parameter, f64.
  void add(llvm::StringRef name, llvm::ArrayRef<int64_t> shape,
           const Numbers &numbers) {
    entries.push_back({name.str(), DType::F64, llvm::to_vector(shape)});
    data.append(reinterpret_cast<const char *>(numbers.data()),
                numbers.size() * sizeof(double));
  }
  /// Adds zero points.
  void addCodes(llvm::StringRef name, const Numbers &codes) {
    entries.push_back(
        {name.str(), DType::I8, {static_cast<int64_t>(codes.size())}});
    for (double code : codes)
      data.push_back(static_cast<char>(static_cast<int>(code)));
  }

  /// Runs `pipeline` on a function of that body; all scopes are the archive.
  void run(llvm::StringRef pipeline, llvm::StringRef signature,
           llvm::StringRef body) {
    auto writer = llvm::cantFail(SafeTensorsWriter::create(
        folder.path("a.safetensors"), entries, {}, /*force=*/true));
    llvm::cantFail(writer->append({data.data(), data.size()}));
    llvm::cantFail(writer->finish());
    module = parseSourceString<ModuleOp>(
        ("module attributes {quench.archives = {m = \"a.safetensors\", learned "
         "= \"a.safetensors\", stats = \"a.safetensors\"}} {\nfunc.func @f" +
         signature + " {\n" + body + "}\n}")
            .str(),
        &context);
    ASSERT_TRUE(module) << llvm::join(messages, "\n");
    PassManager pm(&context, ModuleOp::getOperationName());
    ASSERT_TRUE(succeeded(parsePassPipeline(pipeline, pm)));
    ASSERT_TRUE(succeeded(pm.run(*module))) << llvm::join(messages, "\n");
  }

  /// The elements of a parameter.
  template <typename T = double>
  std::vector<T> evaluate(Value value) {
    FailureOr<ArchiveSet> archives =
        ArchiveSet::open(*module, {}, folder.path());
    auto type = cast<RankedTensorType>(value.getType());
    std::vector<T> result(type.getNumElements());
    if (failed(archives) ||
        failed(evaluateWeights(value, *archives,
                               {reinterpret_cast<char *>(result.data()),
                                result.size() * sizeof(T)})))
      return {};
    return result;
  }

  template <typename OpT>
  OpT get(unsigned index = 0) {
    SmallVector<OpT> ops;
    module->walk([&](OpT op) { ops.push_back(op); });
    return ops.size() > index ? ops[index] : OpT();
  }

  TempFolder folder;
  MLIRContext context;
  std::vector<SafeTensorsWriter::Entry> entries;
  std::string data;
  std::vector<std::string> messages;
  OwningOpRef<ModuleOp> module;
};

/// A layer norm whose result is quantized by channels and read by a linear map.
class RepQ : public ScalePasses {
protected:
  void reparameterize(const Published &file, int64_t bits,
                      const Numbers &scales,
                      llvm::StringRef options = "target=mean") {
    Numbers weight = file.numbers("W"), gamma = file.numbers("gamma");
    int64_t in = gamma.size(), out = weight.size() / in;
    hasBias = file.at("b").getAsArray();
    // What the archive aligns best comes first.
    add("gamma", in, gamma);
    add("beta", in, file.numbers("beta"));
    add("W", {out, in}, weight);
    add("s", in, scales);
    if (hasBias)
      add("b", out, file.numbers("b"));
    addCodes("z", file.numbers("z"));
    std::string x = "tensor<?x" + std::to_string(in) + "xf64>";
    std::string v = "tensor<" + std::to_string(in) + "xf64>";
    std::string y = "tensor<?x" + std::to_string(out) + "xf64>";
    std::string w =
        "tensor<" + std::to_string(out) + "x" + std::to_string(in) + "xf64>";
    std::string b = "tensor<" + std::to_string(out) + "xf64>";
    std::string z8 = "tensor<" + std::to_string(in) + "xi8>";
    std::string z =
        "tensor<" + std::to_string(in) + "xi" + std::to_string(bits) + ">";
    std::string body =
        "%gamma = quench.param <\"m\"::\"gamma\"> : " + v +
        "\n%beta = quench.param <\"m\"::\"beta\"> : " + v +
        "\n%w = quench.param <\"m\"::\"W\"> : " + w +
        "\n%s = quench.param <\"m\"::\"s\"> : " + v +
        "\n%z8 = quench.param <\"m\"::\"z\"> : " + z8 +
        (bits == 8 ? "" : "\n%z4 = arith.trunci %z8 : " + z8 + " to " + z) +
        (hasBias ? "\n%b = quench.param <\"m\"::\"b\"> : " + b : "") +
        "\n%0 = quench.layer_norm %x gamma %gamma beta %beta eps 1.0e-6 : (" +
        x + ", " + v + ", " + v + ") -> " + x +
        "\n%1 = quench.fake_quant %0, %s, " + (bits == 8 ? "%z8" : "%z4") +
        " by(#quench.uniform<u" + std::to_string(bits) +
        ", asymmetric, axis = 1>) : (" + x + ", " + v + ", " + z + ") -> " + x +
        "\n%2 = quench.linear %1, %w " + (hasBias ? "bias %b " : "") + ": (" +
        x + ", " + w + (hasBias ? ", " + b : "") + ") -> " + y +
        "\nreturn %2 : " + y + "\n";
    run(("quench-reparameterize-scales{" + options + "}").str(),
        "(%x: " + x + ") -> " + y, body);
  }

  /// Compares what was made of the weights with what should have been.
  void check(const Published &file) {
    auto norm = get<LayerNormOp>();
    auto linear = get<LinearOp>();
    auto quantizer = get<FakeQuantOp>();
    auto isNear = [](const Numbers &expected) {
      return Pointwise(DoubleNear(1e-12), expected);
    };
    EXPECT_THAT(evaluate(norm.getGamma()), isNear(file.numbers("out/gamma")));
    EXPECT_THAT(evaluate(norm.getBeta()), isNear(file.numbers("out/beta")));
    EXPECT_THAT(evaluate(linear.getWeight()), isNear(file.numbers("out/W")));
    ASSERT_TRUE(linear.getBias());
    EXPECT_THAT(evaluate(linear.getBias()), isNear(file.numbers("out/b")));
    EXPECT_THAT(evaluate(quantizer.getScale()),
                ElementsAre(file.number("out/s_t")));
    EXPECT_EQ(getZero(), file.number("out/z_t"));
    EXPECT_FALSE(cast<UniformAttr>(quantizer.getQuantizer()).getAxis());
  }

  int getZero() {
    return evaluate<uint8_t>(get<FakeQuantOp>().getZero()).front();
  }

  bool hasBias = false;
};
} // namespace

TEST_F(RepQ, TwoChannelsByHand) {
  Published file("repq_ln_reparam_hand");
  reparameterize(file, 8, file.numbers("s"));
  check(file);
}

TEST_F(RepQ, FourBits) {
  Published file("repq_ln_reparam_int_zp");
  reparameterize(file, 4, file.numbers("s"));
  check(file);

  // The codes are those of the quantizers that channels had.
  double scale = evaluate(get<FakeQuantOp>().getScale()).front();
  Numbers after = file.numbers("ln_after"), codes;
  for (double value : after)
    codes.push_back(
        numerics::quantize(value, scale, getZero(), {4, /*isSigned=*/false}));
  EXPECT_EQ(codes, file.numbers("codes_channelwise"));
  EXPECT_EQ(codes, file.numbers("codes_layerwise"));
}

// A mean zero point that is no integer makes codes that are none; it is
// rounded, and what was published without rounding is another function.
TEST_F(RepQ, ZeroPointIsRounded) {
  Published file("repq_ln_reparam_mean_zp");
  EXPECT_NE(file.numbers("codes_layerwise"), file.numbers("codes_channelwise"));
  EXPECT_EQ(file.number("out/z_t"), 7.5);
  reparameterize(file, 4, file.numbers("s"));
  check(Published("repq_ln_reparam_int_zp"));
}

TEST_F(RepQ, ChannelsWithoutRangeStayAsTheyAre) {
  Published file("repq_ln_reparam_int_zp");
  Numbers scales = file.numbers("s");
  scales[3] = 0;
  reparameterize(file, 4, scales);
  double scale = (scales[0] + scales[1] + scales[2]) / 3;
  EXPECT_THAT(evaluate(get<FakeQuantOp>().getScale()),
              ElementsAre(DoubleNear(scale, 1e-15)));
  // The mean of 6, 9 and 7 is 7.33.
  EXPECT_EQ(getZero(), 7);
  auto norm = get<LayerNormOp>();
  EXPECT_EQ(evaluate(norm.getGamma())[3], file.numbers("gamma")[3]);
  EXPECT_EQ(evaluate(norm.getBeta())[3], file.numbers("beta")[3]);
  for (int row : {0, 1, 2})
    EXPECT_EQ(evaluate(get<LinearOp>().getWeight())[row * 4 + 3],
              file.numbers("W")[row * 4 + 3]);
  for (double bias : evaluate(get<LinearOp>().getBias()))
    EXPECT_TRUE(std::isfinite(bias));
}

// Half to even is not the same after a shift by one step: codes may differ at
// ties, and only there.
TEST(RepQTies, CodesDifferAtTiesOnly) {
  Published file("repq_tie_hazard");
  Numbers before, after;
  for (double x : file.numbers("x")) {
    before.push_back(numerics::quantize(x, 1.0, 5, {8, false}));
    after.push_back(numerics::quantize(x + 1, 1.0, 4, {8, false}));
    for (double off : {-0.25, 0.25})
      EXPECT_EQ(numerics::quantize(x + off, 1.0, 5, {8, false}),
                numerics::quantize(x + off + 1, 1.0, 4, {8, false}));
  }
  EXPECT_EQ(before, file.numbers("codes_z5"));
  EXPECT_EQ(after, file.numbers("codes_z4_shifted"));
}
