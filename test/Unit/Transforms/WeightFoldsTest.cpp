//===- WeightFoldsTest.cpp - Programs before and after folds --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Support/Random.h"
#include "Quench/Transforms/WeightPrograms.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace mlir;
using namespace quench;

namespace {
/// Builds random programs in f64 over numbers that a seed makes.
class ProgramMaker {
public:
  ProgramMaker(MLIRContext *context, uint64_t seed)
      : builder(context), seed(seed) {}

  /// A module with a function that returns what some steps make of numbers.
  OwningOpRef<ModuleOp> make(int steps) {
    Location loc = builder.getUnknownLoc();
    OwningOpRef<ModuleOp> module(ModuleOp::create(builder, loc));
    builder.setInsertionPointToEnd(module->getBody());
    auto function = func::FuncOp::create(builder, loc, "params",
                                         builder.getFunctionType({}, {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    Value value = makeNumbers({4, 12});
    SmallVector<Value> roots;
    for (int step = 0; step < steps; ++step) {
      Value next = makeStep(value);
      if (next)
        value = next;
      // Steps that have other users are not folded in the same way.
      if (pick(6) == 0)
        roots.push_back(value);
    }
    roots.push_back(value);
    func::ReturnOp::create(builder, loc, roots);
    function.setType(builder.getFunctionType({}, TypeRange(roots)));
    return module;
  }

private:
  uint64_t pick(uint64_t count) { return splitMix64(seed, index++) % count; }

  RankedTensorType getType(ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, builder.getF64Type());
  }

  /// Numbers in [2, 4): scales, and what is scaled.
  Value makeNumbers(ArrayRef<int64_t> shape) {
    Location loc = builder.getUnknownLoc();
    Value noise = NoiseOp::create(builder, loc, getType(shape),
                                  builder.getI64IntegerAttr(pick(1 << 20)));
    Value three = FillOp::create(builder, loc, getType(shape),
                                 builder.getF64FloatAttr(3));
    return ShiftOp::create(builder, loc, noise, three, /*negative=*/false);
  }

  /// One of the vectors of length `size` so far, or a new one.
  Value getVector(int64_t size) {
    SmallVector<Value> &known = vectors[size];
    if (known.size() < 2)
      known.push_back(makeNumbers({size}));
    return known[pick(known.size())];
  }

  Value makeStep(Value value);

  OpBuilder builder;
  uint64_t seed, index = 0;
  std::map<int64_t, SmallVector<Value>> vectors;
};
} // namespace

Value ProgramMaker::makeStep(Value value) {
  Location loc = builder.getUnknownLoc();
  ArrayRef<int64_t> shape = cast<RankedTensorType>(value.getType()).getShape();
  int64_t rank = shape.size();
  auto axis = static_cast<int64_t>(pick(rank));
  int64_t size = shape[axis];
  switch (pick(12)) {
  case 0:
  case 1:
  case 2: {
    Value scale = pick(5) == 0 ? makeNumbers({}) : getVector(size);
    return ChannelScaleOp::create(builder, loc, value, scale, axis,
                                  /*inverse=*/pick(2) == 1);
  }
  case 3:
  case 4: {
    int64_t order = size % 12 == 0 ? 12 : size % 4 == 0 ? 4 : size % 2 + 1;
    if (size % order != 0)
      return {};
    RotationAttrInterface rotation =
        HadamardAttr::get(builder.getContext(), order, pick(2) == 1);
    if (pick(3) == 0)
      rotation = RandomHadamardAttr::get(builder.getContext(), order,
                                         /*seed=*/1, pick(2) == 1);
    return RotateOp::create(builder, loc, value, axis, rotation);
  }
  case 5:
    return CenterOp::create(builder, loc, value, axis);
  case 6: {
    auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    std::rotate(permutation.begin(), permutation.begin() + pick(rank),
                permutation.end());
    return TransposeOp::create(builder, loc, value, permutation);
  }
  case 7:
  case 8: {
    if (size < 2 || size % 2 != 0)
      return {};
    // Halves, which are joined again most of the time.
    Value first = SliceOp::create(builder, loc, value, axis, 0, size / 2);
    Value second = SliceOp::create(builder, loc, value, axis, size / 2, size);
    if (pick(4) == 0)
      return size > 4 ? first : Value();
    return ConcatOp::create(builder, loc, ValueRange{first, second}, axis);
  }
  case 9: {
    if (size % 2 != 0 || rank > 3)
      return {};
    SmallVector<int64_t> split(shape);
    split[axis] = 2;
    split.insert(split.begin() + axis + 1, size / 2);
    Value reshaped = ReshapeOp::create(builder, loc, getType(split), value);
    if (pick(2) == 0)
      return reshaped;
    return ReshapeOp::create(builder, loc, getType(shape), reshaped);
  }
  case 10:
    return ShiftOp::create(builder, loc, value, getVector(shape.back()),
                           /*negative=*/pick(2) == 1);
  default:
    return pick(4) == 0 ? Value(ConcatOp::create(
                              builder, loc, ValueRange{value, value}, axis))
                        : Value();
  }
}

static std::vector<std::vector<double>> evaluate(ModuleOp module) {
  std::vector<std::vector<double>> results;
  FailureOr<ArchiveSet> archives = ArchiveSet::open(module, {}, "");
  auto function = *module.getOps<func::FuncOp>().begin();
  for (Value root : function.front().getTerminator()->getOperands()) {
    std::vector<double> &numbers = results.emplace_back(
        cast<RankedTensorType>(root.getType()).getNumElements());
    EXPECT_TRUE(
        succeeded(evaluateWeights(root, *archives,
                                  {reinterpret_cast<char *>(numbers.data()),
                                   numbers.size() * sizeof(double)})));
  }
  return results;
}

TEST(WeightFolds, AreExactOnRandomPrograms) {
  MLIRContext context;
  context.loadDialect<QuenchDialect, func::FuncDialect>();
  int before = 0, after = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    OwningOpRef<ModuleOp> module = ProgramMaker(&context, seed).make(12);
    ASSERT_TRUE(succeeded(verify(*module))) << seed;
    std::vector<std::vector<double>> expected = evaluate(*module);
    module->walk([&](WeightProgramOpInterface) { ++before; });
    PassManager passes(&context);
    passes.addPass(createCSEPass());
    passes.addPass(createCanonicalizerPass());
    ASSERT_TRUE(succeeded(passes.run(*module))) << seed;
    module->walk([&](WeightProgramOpInterface) { ++after; });
    std::vector<std::vector<double>> found = evaluate(*module);
    ASSERT_EQ(found.size(), expected.size());
    for (auto [left, right] : llvm::zip_equal(found, expected)) {
      double largest = 0;
      for (double number : right)
        largest = std::max(largest, std::abs(number));
      ASSERT_EQ(left.size(), right.size());
      for (size_t place = 0; place < left.size(); ++place)
        ASSERT_NEAR(left[place], right[place], 1e-12 * largest)
            << "program " << seed << ", place " << place;
    }
  }
  EXPECT_LT(after, before);
}
