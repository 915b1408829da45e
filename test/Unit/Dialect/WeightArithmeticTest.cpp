//===- WeightArithmeticTest.cpp - Arithmetic on parameters ----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Support/Numerics.h"
#include "Quench/Support/Random.h"

#include "../Support/Published.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace quench;
using namespace quench::test;

using Numbers = std::vector<double>;

namespace {
class WeightArithmetic : public ::testing::Test {
protected:
  WeightArithmetic() { context.loadDialect<QuenchDialect>(); }

  /// The op of the text `op` on `%w0`, `%w1`, ... of the types `types`.
  WeightProgramOpInterface parse(StringRef op, ArrayRef<StringRef> types) {
    std::string text;
    llvm::raw_string_ostream os(text);
    for (auto [index, type] : llvm::enumerate(types))
      os << "%w" << index << " = quench.param <\"m\"::\"w\"> : " << type
         << "\n";
    os << "%r = " << op;
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    return module ? cast<WeightProgramOpInterface>(module->getBody()->back())
                  : WeightProgramOpInterface();
  }

  /// What that op makes of `operands`, as a whole and row by row, in f64.
  Numbers run(StringRef text, ArrayRef<StringRef> types,
              ArrayRef<Numbers> operands) {
    WeightProgramOpInterface op = parse(text, types);
    if (!op)
      return {};
    auto bytes = llvm::map_to_vector(operands, [](const Numbers &numbers) {
      return ArrayRef<char>(reinterpret_cast<const char *>(numbers.data()),
                            numbers.size() * sizeof(double));
    });
    Value value = op->getResult(0);
    Numbers result(cast<RankedTensorType>(value.getType()).getNumElements());
    MutableArrayRef<char> room(reinterpret_cast<char *>(result.data()),
                               result.size() * sizeof(double));
    EXPECT_TRUE(succeeded(op.evaluateWeights(bytes, room)));
    if (!operands.empty())
      expectSameByRows(op, bytes, result);
    return result;
  }

  void expectSameByRows(WeightProgramOpInterface op,
                        ArrayRef<ArrayRef<char>> operands,
                        const Numbers &expected) {
    int64_t rows = getAllRows(op->getResult(0)).size();
    int64_t rowSize = expected.size() / rows;
    for (int64_t begin = 0; begin < rows; begin += 2) {
      RowRange range{begin, std::min(begin + 2, rows)};
      SmallVector<ArrayRef<char>> needed;
      for (auto [index, bytes] : llvm::enumerate(operands)) {
        std::optional<RowRange> part = op.getOperandRows(index, range);
        if (!part)
          return;
        int64_t rowBytes =
            bytes.size() /
            std::max<int64_t>(getAllRows(op->getOperand(index)).size(), 1);
        needed.push_back(
            bytes.slice(part->begin * rowBytes, part->size() * rowBytes));
      }
      Numbers some(range.size() * rowSize);
      EXPECT_TRUE(succeeded(op.evaluateRows(
          needed, range,
          {reinterpret_cast<char *>(some.data()), some.size() * 8})));
      for (size_t index = 0; index < some.size(); ++index)
        EXPECT_EQ(some[index], expected[begin * rowSize + index])
            << op->getName().getStringRef().str();
    }
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

static Numbers makeNumbers(size_t count, uint64_t seed) {
  NormalNumbers normal(seed);
  Numbers numbers(count);
  for (double &number : numbers)
    number = normal.next();
  return numbers;
}

static void expectNear(const Numbers &found, const Numbers &expected,
                       double tolerance = 1e-13) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t index = 0; index < found.size(); ++index)
    ASSERT_NEAR(found[index], expected[index], tolerance) << index;
}

/// Calls `body` with each vector along `axis` of a tensor, and puts back what
/// it makes of it.
static Numbers mapVectors(Numbers numbers, ArrayRef<int64_t> shape,
                          int64_t axis,
                          llvm::function_ref<void(Numbers &)> body) {
  int64_t inner = 1, size = shape[axis];
  for (int64_t dim : shape.drop_front(axis + 1))
    inner *= dim;
  for (size_t begin = 0; begin < numbers.size(); ++begin) {
    if (begin / inner % size != 0)
      continue;
    Numbers vector;
    for (int64_t index = 0; index < size; ++index)
      vector.push_back(numbers[begin + index * inner]);
    body(vector);
    for (int64_t index = 0; index < size; ++index)
      numbers[begin + index * inner] = vector[index];
  }
  return numbers;
}

/// Blocks of `vector`, as rows, times `n x n` matrices, the last of which goes
/// on.
static void multiply(Numbers &vector, const Numbers &matrices, int64_t n) {
  Numbers product(vector.size(), 0);
  for (size_t index = 0; index < vector.size(); ++index) {
    size_t first = index / n * n;
    size_t matrix = std::min<size_t>(first / n, matrices.size() / (n * n) - 1);
    for (int64_t k = 0; k < n; ++k)
      product[index] +=
          vector[first + k] * matrices[matrix * n * n + k * n + index % n];
  }
  vector = product;
}

static constexpr int64_t shape[] = {4, 12, 6};
static constexpr llvm::StringLiteral cube = "tensor<4x12x6xf64>";

static std::string onAxis(StringRef before, int64_t axis, StringRef after) {
  return (before + " axis " + Twine(axis) + after).str();
}

TEST_F(WeightArithmetic, ScalesAlongEveryAxis) {
  Numbers input = makeNumbers(288, 1);
  for (int64_t axis : {0, 1, 2}) {
    Numbers scale = makeNumbers(shape[axis], 2);
    std::string vector = ("tensor<" + Twine(shape[axis]) + "xf64>").str();
    std::string types = (" : (" + cube + ", " + vector + ") -> " + cube).str();
    expectNear(run(onAxis("quench.channel_scale %w0, %w1", axis, types),
                   {cube, vector}, {input, scale}),
               mapVectors(input, shape, axis,
                          [&](Numbers &numbers) {
                            for (size_t i = 0; i < numbers.size(); ++i)
                              numbers[i] *= scale[i];
                          }),
               0);
    expectNear(
        run(onAxis("quench.channel_scale %w0, %w1", axis, " inverse" + types),
            {cube, vector}, {input, scale}),
        mapVectors(input, shape, axis,
                   [&](Numbers &numbers) {
                     for (size_t i = 0; i < numbers.size(); ++i)
                       numbers[i] /= scale[i];
                   }),
        0);
    Numbers halves = input;
    for (double &number : halves)
      number /= 2;
    expectNear(run(onAxis("quench.channel_scale %w0, %w1", axis,
                          " : (tensor<4x12x6xf64>, tensor<f64>) -> "
                          "tensor<4x12x6xf64>"),
                   {cube, "tensor<f64>"}, {input, {0.5}}),
               halves, 0);
  }
}

TEST_F(WeightArithmetic, RotatesAlongEveryAxis) {
  Numbers input = makeNumbers(288, 3);
  for (const char *name :
       {"hadamard<4>", "hadamard<2>", "hadamard<12>",
        "hadamard<12, transposed>", "random_hadamard<12, seed = 5>",
        "random_hadamard<12, seed = 5, transposed>",
        "random_orthogonal<6, seed = 5>", "random_orthogonal<3, seed = 9>",
        "random_orthogonal<2, seed = 5, transposed>"}) {
    std::string text = (Twine("#quench.") + name).str();
    auto rotation = cast<RotationAttrInterface>(parseAttribute(text, &context));
    int64_t n = rotation.getOrder();
    Numbers matrix = rotation.getMatrix();
    Numbers inverse = rotation.getInverse().getMatrix();
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < n; ++k)
          sum += matrix[i * n + k] * matrix[j * n + k];
        ASSERT_NEAR(sum, i == j, 1e-14) << name;
        ASSERT_NEAR(matrix[i * n + j], inverse[j * n + i], 1e-14) << name;
      }
    EXPECT_EQ(rotation.getInverse().getInverse().getInverse(),
              rotation.getInverse());
    for (int64_t axis : {0, 1, 2}) {
      if (shape[axis] % n != 0)
        continue;
      expectNear(run(onAxis("quench.rotate %w0", axis,
                            " by(" + text +
                                ") : (tensor<4x12x6xf64>) -> "
                                "tensor<4x12x6xf64>"),
                     {cube}, {input}),
                 mapVectors(input, shape, axis, [&](Numbers &numbers) {
                   multiply(numbers, matrix, n);
                 }));
    }
  }
}

// A uniform distribution has no preferred direction: means of entries, of their
// squares and of the determinant.
TEST_F(WeightArithmetic, RandomMatricesAreUniform) {
  constexpr int count = 4000, n = 3;
  Numbers means(n * n, 0), squares(n * n, 0);
  double determinant = 0;
  for (int seed = 0; seed < count; ++seed) {
    Numbers m = RandomOrthogonalAttr::get(&context, n, seed).getMatrix();
    for (int i = 0; i < n * n; ++i) {
      means[i] += m[i] / count;
      squares[i] += m[i] * m[i] / count;
    }
    determinant += (m[0] * (m[4] * m[8] - m[5] * m[7]) -
                    m[1] * (m[3] * m[8] - m[5] * m[6]) +
                    m[2] * (m[3] * m[7] - m[4] * m[6])) /
                   count;
  }
  for (int i = 0; i < n * n; ++i) {
    EXPECT_NEAR(means[i], 0, 0.04) << i;
    EXPECT_NEAR(squares[i], 1.0 / n, 0.02) << i;
  }
  EXPECT_NEAR(determinant, 0, 0.07);
}

TEST_F(WeightArithmetic, RotatesByMatrices) {
  Numbers input = makeNumbers(288, 4);
  for (bool transposed : {false, true})
    for (int64_t axis : {0, 1, 2})
      for (int64_t blocks : {0, 2}) {
        int64_t n = shape[axis] / 2;
        Numbers matrix = makeNumbers(std::max<int64_t>(blocks, 1) * n * n, 5);
        Numbers used = matrix;
        if (transposed)
          for (size_t i = 0; i < matrix.size(); ++i) {
            int64_t row = i / n % n, column = i % n;
            used[i] = matrix[i - row * n - column + column * n + row];
          }
        std::string type = ("tensor<" + (blocks ? Twine("2x") : Twine()) +
                            Twine(n) + "x" + Twine(n) + "xf64>")
                               .str();
        std::string types = (Twine(transposed ? " transposed" : "") + " : (" +
                             cube + ", " + type + ") -> " + cube)
                                .str();
        expectNear(run(onAxis("quench.rotate_by %w0, %w1", axis, types),
                       {cube, type}, {input, matrix}),
                   mapVectors(input, shape, axis, [&](Numbers &numbers) {
                     multiply(numbers, used, n);
                   }));
      }
}

// Longer than what is worked on at a time.
TEST_F(WeightArithmetic, LongAxes) {
  constexpr int64_t rows = 40, columns = 4096;
  Numbers input = makeNumbers(rows * columns, 6), back = input;
  auto rotation = HadamardAttr::get(&context, columns);
  Numbers turned(input.size());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      turned[column * rows + row] = input[row * columns + column];
  Numbers found = run("quench.rotate %w0 axis 1 by(#quench.hadamard<4096>) : "
                      "(tensor<40x4096xf64>) -> tensor<40x4096xf64>",
                      {"tensor<40x4096xf64>"}, {input});
  Numbers other = run("quench.rotate %w0 axis 0 by(#quench.hadamard<4096>) : "
                      "(tensor<4096x40xf64>) -> tensor<4096x40xf64>",
                      {"tensor<4096x40xf64>"}, {turned});
  ASSERT_EQ(found.size(), other.size());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      ASSERT_EQ(found[row * columns + column], other[column * rows + row]);
  rotation.applyToRows(found);
  expectNear(found, input);
}

TEST_F(WeightArithmetic, CentersAlongEveryAxis) {
  Numbers input = makeNumbers(288, 7);
  for (int64_t axis : {0, 1, 2})
    expectNear(run(onAxis("quench.center %w0", axis,
                          " : (tensor<4x12x6xf64>) -> tensor<4x12x6xf64>"),
                   {cube}, {input}),
               mapVectors(input, shape, axis, [&](Numbers &numbers) {
                 double mean = 0;
                 for (double number : numbers)
                   mean += number / numbers.size();
                 for (double &number : numbers)
                   number -= mean;
               }));
}

TEST_F(WeightArithmetic, Contracts) {
  Numbers lhs = makeNumbers(4 * 6, 8), vector = makeNumbers(6, 9);
  Numbers matrix = makeNumbers(6 * 5, 10);
  Numbers byVector(4, 0), byMatrix(20, 0), row(5, 0);
  for (int64_t k = 0; k < 6; ++k) {
    for (int64_t i = 0; i < 4; ++i) {
      byVector[i] += lhs[i * 6 + k] * vector[k];
      for (int64_t j = 0; j < 5; ++j)
        byMatrix[i * 5 + j] += lhs[i * 6 + k] * matrix[k * 5 + j];
    }
    for (int64_t j = 0; j < 5; ++j)
      row[j] += vector[k] * matrix[k * 5 + j];
  }
  expectNear(run("quench.contract %w0, %w1 : (tensor<4x6xf64>, tensor<6xf64>) "
                 "-> tensor<4xf64>",
                 {"tensor<4x6xf64>", "tensor<6xf64>"}, {lhs, vector}),
             byVector);
  expectNear(run("quench.contract %w0, %w1 : (tensor<4x6xf64>, "
                 "tensor<6x5xf64>) -> tensor<4x5xf64>",
                 {"tensor<4x6xf64>", "tensor<6x5xf64>"}, {lhs, matrix}),
             byMatrix);
  expectNear(run("quench.contract %w0, %w1 : (tensor<6xf64>, tensor<6x5xf64>) "
                 "-> tensor<5xf64>",
                 {"tensor<6xf64>", "tensor<6x5xf64>"}, {vector, matrix}),
             row);
  // Of no terms.
  expectNear(run("quench.contract %w0, %w1 : (tensor<2x0xf64>, tensor<0xf64>) "
                 "-> tensor<2xf64>",
                 {"tensor<2x0xf64>", "tensor<0xf64>"}, {{}, {}}),
             {0, 0});
}

TEST_F(WeightArithmetic, ShiftsBySuffixes) {
  Numbers input = makeNumbers(24, 11), row = makeNumbers(6, 12);
  Numbers sum = input, difference = input, doubled = input;
  for (size_t i = 0; i < input.size(); ++i) {
    sum[i] += row[i % 6];
    difference[i] -= row[i % 6];
    doubled[i] += input[i];
  }
  StringRef types[] = {"tensor<4x6xf64>", "tensor<6xf64>"};
  expectNear(run("quench.shift %w0, %w1 : (tensor<4x6xf64>, tensor<6xf64>) -> "
                 "tensor<4x6xf64>",
                 types, {input, row}),
             sum, 0);
  expectNear(run("quench.shift %w0, %w1 negative : (tensor<4x6xf64>, "
                 "tensor<6xf64>) -> tensor<4x6xf64>",
                 types, {input, row}),
             difference, 0);
  expectNear(run("quench.shift %w0, %w0 : (tensor<4x6xf64>, tensor<4x6xf64>) "
                 "-> tensor<4x6xf64>",
                 {"tensor<4x6xf64>"}, {input, input}),
             doubled, 0);
}

TEST_F(WeightArithmetic, FillAndAbsMax) {
  expectNear(run("quench.fill -2.5 : tensor<3xf64>", {}, {}),
             {-2.5, -2.5, -2.5}, 0);
  Numbers input = {1, -7, 2, 3, 4, -5};
  StringRef type = "tensor<2x3xf64>";
  expectNear(
      run("quench.absmax %w0 axis 0 : (tensor<2x3xf64>) -> tensor<2xf64>",
          {type}, {input}),
      {7, 5}, 0);
  expectNear(
      run("quench.absmax %w0 axis 1 : (tensor<2x3xf64>) -> tensor<3xf64>",
          {type}, {input}),
      {3, 7, 5}, 0);
  input[1] = std::nan("");
  Numbers found =
      run("quench.absmax %w0 axis 1 : (tensor<2x3xf64>) -> tensor<3xf64>",
          {type}, {input});
  EXPECT_TRUE(std::isnan(found[1]));
  EXPECT_EQ(found[2], 5);
}

// Each step from the vector that the step before left: ours makes one step from
// the vector given, so that W^T v of a step is what comes next.
TEST_F(WeightArithmetic, SpectralNormIsThatOfTheModule) {
  Published file("sigma_reparam");
  Numbers weight = file.numbers("W"), vector(6, 1 / std::sqrt(6.0));
  for (double expected : file.numbers("power_iter_sigma")) {
    Numbers sigma =
        run("quench.spectral_norm %w0, %w1 : (tensor<4x3x2xf64>, "
            "tensor<6xf64>) -> tensor<f64>",
            {"tensor<4x3x2xf64>", "tensor<6xf64>"}, {weight, vector});
    ASSERT_EQ(sigma.size(), 1u);
    EXPECT_NEAR(sigma[0], expected, 1e-14);
    Numbers next(6, 0);
    double length = 0;
    for (int row = 0; row < 4; ++row) {
      double product = 0;
      for (int column = 0; column < 6; ++column)
        product += weight[row * 6 + column] * vector[column];
      for (int column = 0; column < 6; ++column)
        next[column] += product * weight[row * 6 + column];
    }
    for (double number : next)
      length += number * number;
    for (int column = 0; column < 6; ++column)
      vector[column] = next[column] / std::sqrt(length);
  }
  Numbers scaled = run(
      "quench.channel_scale %w0, %w1 axis 0 : "
      "(tensor<24xf64>, tensor<f64>) -> tensor<24xf64>",
      {"tensor<24xf64>", "tensor<f64>"},
      {weight, {file.number("gamma") / file.number("sigma_from_stored_u")}});
  expectNear(scaled, file.numbers("W_hat"), 1e-15);
}

// Scales of rows, of groups and of all; codes and numbers as spec.md has them.
TEST_F(WeightArithmetic, CodesAndTheirNumbers) {
  Numbers input = makeNumbers(24, 13);
  input[0] = 0;
  struct Case {
    const char *format, *scaleType;
    int64_t rowScales, run;
    numerics::UniformCodes codes;
  } cases[] = {{"i4, axis = 0", "tensor<4xf64>", 1, 6, {4, true}},
               {"u8, axis = 1", "tensor<6xf64>", 0, 1, {8, false}},
               {"i3, axis = 0, group = 3", "tensor<4x2xf64>", 2, 3, {3, true}},
               {"i8, group = 2", "tensor<3xf64>", 0, 2, {8, true}},
               {"i8", "tensor<f64>", 0, 24, {8, true}}};
  for (const Case &test : cases) {
    std::string by = (Twine(" by(#quench.uniform<") + test.format + ">)").str();
    std::string scaleType = test.scaleType;
    Numbers scales = run("quench.quant_scale %w0" + by +
                             " : (tensor<4x6xf64>) -> " + scaleType,
                         {"tensor<4x6xf64>"}, {input});
    auto getPlace = [&](size_t i) {
      if (test.run == 24)
        return size_t(0);
      return i / 6 * test.rowScales + i % 6 / test.run;
    };
    Numbers expected(scales.size(), 0);
    for (size_t i = 0; i < input.size(); ++i)
      expected[getPlace(i)] =
          std::max(expected[getPlace(i)], std::abs(input[i]));
    for (double &scale : expected)
      scale = scale == 0 ? 1 : scale / test.codes.highest();
    expectNear(scales, expected, 0);

    std::string types = " : (tensor<4x6xf64>, " + scaleType + ")";
    auto quantize =
        parse("quench.quantize %w0, %w1" + by + types + " -> tensor<4x6xi8>",
              {"tensor<4x6xf64>", scaleType});
    auto getBytes = [](auto &numbers) {
      return MutableArrayRef<char>(reinterpret_cast<char *>(numbers.data()),
                                   numbers.size() * sizeof(numbers[0]));
    };
    std::vector<int8_t> codes(24);
    ASSERT_TRUE(succeeded(quantize.evaluateWeights(
        {getBytes(input), getBytes(scales)}, getBytes(codes))));
    auto dequantize =
        parse("quench.dequantize %w0, %w1" + by + " : (tensor<4x6xi8>, " +
                  scaleType + ") -> tensor<4x6xf64>",
              {"tensor<4x6xi8>", scaleType});
    Numbers numbers(24);
    ASSERT_TRUE(succeeded(dequantize.evaluateWeights(
        {getBytes(codes), getBytes(scales)}, getBytes(numbers))));
    for (size_t i = 0; i < input.size(); ++i) {
      int32_t code =
          numerics::quantize(input[i], scales[getPlace(i)], 0, test.codes);
      EXPECT_EQ(codes[i], static_cast<int8_t>(code)) << test.format << i;
      EXPECT_EQ(numbers[i], numerics::dequantize(code, scales[getPlace(i)], 0));
    }
  }
}
