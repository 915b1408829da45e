//===- LinearKernel.cpp - Matrix products with packed weights -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile of rows x panel stays in registers over all of K; the panel comes from
// memory once and from the second level cache for every further tile. Rows are
// cut into tiles of two sizes that differ by one, so that none is small where
// there are many. Sums of integers become floats in registers. What follows a
// product, where it is more than a bias and a residual, is one small loop over
// a scratch buffer of floats, whatever the number of rows.
//
//===----------------------------------------------------------------------===//

#include "KernelLibrary.h"
#include "TileProduct.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace quench;

/// Tiles that one task computes: few, so that many threads find work.
static constexpr int64_t taskTiles = 4;

/// Rows of so few products that the tile registers, which take as long for one
/// row as for 16, would be slower.
static constexpr int64_t fewRows = 2;
/// Rows of a task on the tile registers fill at most this of the second level
/// cache, and are at most so many blocks.
static constexpr int64_t taskBytes = 512 << 10;
static constexpr int64_t maxTaskBlocks = 8;

static std::string symbolName(const LinearKernel &k) {
  std::string name = llvm::formatv("kernel_linear_{0}x{1}_{2}", k.out, k.in,
                                   typeName(k.element));
  if (k.isInteger()) {
    name += k.input.dot == IntegerDot::Quads ? "_quads" : "_pairs";
    name += k.input.isSigned ? "_signed" : "_unsigned";
    if (k.input.rowScales)
      name += "_rows";
    if (k.input.zero)
      name += "_zero";
    if (k.weight.group != k.in)
      name += llvm::formatv("_group{0}", k.weight.group);
    if (k.weight.wide)
      name += "_wide";
  }
  if (k.bias)
    name += "_bias";
  if (k.activation != Activation::None)
    name += ("_" + stringify(k.activation)).str();
  if (k.gated)
    name += "_gated";
  if (k.residual)
    name += "_residual";
  return name;
}

/// Whether rows of `bytes` evict each other from the first level cache so much
/// that a copy with other strides is cheaper. Rows of 4 and 8 KiB collide too,
/// but there the copy costs what it gains.
static bool rowsCollide(int64_t bytes) { return bytes % 16384 == 0; }

/// A copy of the rows of `x` in the compute type, with a cache line between
/// them.
static Value copyRows(KernelBuilder &b, Value x, int64_t size) {
  constexpr int64_t lineBytes = 64;
  int64_t gap = lineBytes / (b.compute().getWidth() / 8);
  int64_t stride = llvm::alignTo(size, b.lanes()) + gap;
  int64_t whole = size / b.lanes() * b.lanes();
  Value rows = b.dim(x, 0);
  Value copy = memref::AllocOp::create(
      b, MemRefType::get({ShapedType::kDynamic, stride}, b.compute()), rows,
      b.getI64IntegerAttr(lineBytes));
  b.parallel({rows}, [&](ValueRange ids) {
    b.loop(b.index(0), b.index(whole), b.lanes(), [&](Value at) {
      b.store(b.load(x, {ids[0], at}), copy, {ids[0], at});
    });
    if (whole != size) {
      Value at[] = {ids[0], b.index(whole)};
      b.store(b.load(x, at, b.tailMask(whole, size)), copy, at);
    }
  });
  return copy;
}

namespace {
/// Writes one kernel.
class LinearWriter {
public:
  LinearWriter(const KernelLibrary &library, const LinearKernel &kernel)
      : b(library, kernel.element), k(kernel), lanes(b.lanes()),
        panel(panelVectors * lanes), panels(llvm::divideCeil(k.out, panel)),
        hasTiles(library.options.tiles && k.input.dot == IntegerDot::Quads &&
                 TileProduct::getStep(k.weight.group) != 0) {}

  func::FuncOp get(const KernelLibrary &library);

private:
  /// The operands that one matrix of weights has.
  struct Weight {
    Value matrix, sums, scales, bias;
  };

  SmallVector<Type> getInputs();
  void write(func::FuncOp function);
  /// Computes all rows by vectors, in tiles of at most `largest`.
  void writeTiles(int64_t largest);
  /// Computes all rows on the tile registers.
  void writeBlocks();
  /// What the tasks of a panel have in common: masks and biases.
  void preparePanel(Value index);
  /// Computes the rows from `row` on, `size` of them.
  void writeTile(int64_t size, Value row);
  /// The products of a tile, row by row, without the bias.
  SmallVector<Value> multiply(int64_t size, Value row, const Weight &weight);
  SmallVector<Value> multiplyIntegers(int64_t size, Value row,
                                      const Weight &weight);
  /// Computes the `size` rows from `row` on; `sums` has room for each weight.
  void writeBlock(TileProduct &product, ArrayRef<Value> sums, Value size,
                  Value row);
  /// What sums of integers begin with.
  SmallVector<Value> getShifts(int64_t size, Value row, Value group,
                               const Weight &weight);
  /// Stores what becomes of `sums`, one for each weight, vector `v` of row
  /// `row`.
  void finish(Value row, int64_t v, ArrayRef<Value> sums);

  int64_t numGroups() const { return k.in / k.weight.group; }
  /// Rows of the largest tile: sums, the weights of a step and an input fill
  /// the registers, and with groups the sums of floats, too.
  int64_t largestTile() const {
    bool hasGroups = k.isInteger() && numGroups() > 1;
    if (b.registers() == 32)
      return hasGroups ? 6 : k.input.dot == IntegerDot::Quads ? 14 : 12;
    return hasGroups ? 2 : 6;
  }
  /// Whether results go from registers to the output.
  bool isDirect() const {
    return k.activation == Activation::None && !k.gated &&
           k.element == b.compute();
  }

  KernelBuilder b;
  const LinearKernel &k;
  const int64_t lanes, panel, panels;
  /// Whether tile registers compute all but few rows.
  const bool hasTiles;

  Value x, scales, zeros, residual, out;
  SmallVector<Weight, 2> weights;
  // Of the panel that is computed.
  Value panelIndex, firstColumn;
  SmallVector<Value> masks, biases, tiles;
};
} // namespace

SmallVector<Type> LinearWriter::getInputs() {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  SmallVector<Type> inputs;
  Type matrix, sums, factors;
  if (k.isInteger()) {
    IntegerRows rows{k.input.dot, k.in};
    SmallVector<int64_t> parameters(k.input.rowScales ? 1 : 0, dynamic);
    inputs.push_back(
        denseType({dynamic, rows.stride()}, rows.element(b.getContext())));
    inputs.push_back(denseType(parameters, b.compute()));
    if (k.input.zero)
      inputs.push_back(denseType(parameters, b.getI8Type()));
    int64_t depth = getDepth(k.input.dot);
    matrix = denseType(
        {panels, int64_t(llvm::divideCeil(k.in, depth)), panel * depth},
        b.getIntegerType(k.weight.wide ? 16 : 8));
    sums = denseType({panels, numGroups(), panel}, b.getI32Type());
    factors = denseType({panels, numGroups(), panel}, b.compute());
  } else {
    inputs.push_back(denseType({dynamic, k.in}, k.element));
    matrix = denseType({panels, k.in, panel}, k.element);
  }
  for (int64_t i = 0; i < (k.gated ? 2 : 1); ++i) {
    inputs.push_back(matrix);
    if (k.isInteger() && k.input.isShifted())
      inputs.push_back(sums);
    if (k.isInteger())
      inputs.push_back(factors);
    if (k.bias)
      inputs.push_back(denseType({k.out}, k.element));
  }
  inputs.append(k.residual ? 2 : 1, rowsType({dynamic, k.out}, k.element));
  return inputs;
}

func::FuncOp LinearWriter::get(const KernelLibrary &library) {
  return library.getOrCreate(symbolName(k), getInputs(), b,
                             [&](func::FuncOp function) { write(function); });
}

void LinearWriter::write(func::FuncOp function) {
  unsigned next = 0;
  auto take = [&](bool isThere) {
    return isThere ? Value(function.getArgument(next++)) : Value();
  };
  x = take(true);
  scales = take(k.isInteger());
  zeros = take(k.input.zero);
  for (int64_t i = 0; i < (k.gated ? 2 : 1); ++i) {
    Weight &weight = weights.emplace_back();
    weight.matrix = take(true);
    weight.sums = take(k.isInteger() && k.input.isShifted());
    weight.scales = take(k.isInteger());
    weight.bias = take(k.bias);
  }
  residual = take(k.residual);
  out = take(true);

  // Every element is used once for each panel: it is converted once for all.
  if (!k.isInteger() && (k.element != b.compute() ||
                         rowsCollide(k.in * b.compute().getWidth() / 8)))
    x = copyRows(b, x, k.in);

  if (!hasTiles)
    return writeTiles(largestTile());
  Value isMany = b.min(b.floorDiv(b.dim(x, 0), fewRows + 1), b.index(1));
  b.choose(isMany, {0, 1}, [&](int64_t isMany) {
    if (isMany)
      writeBlocks();
    else
      writeTiles(fewRows);
  });
}

void LinearWriter::preparePanel(Value index) {
  panelIndex = index;
  firstColumn = b.mul(index, panel);
  masks.assign(panelVectors, Value());
  biases.clear();
  if (k.out % panel != 0)
    for (int64_t v = 0; v < panelVectors; ++v)
      masks[v] = b.mask(b.max(
          b.index(0), b.sub(b.index(k.out), b.add(firstColumn, v * lanes))));
  for (const Weight &weight : weights)
    for (int64_t v = 0; k.bias && v < panelVectors; ++v)
      biases.push_back(
          b.load(weight.bias, b.add(firstColumn, v * lanes), masks[v]));
}

void LinearWriter::writeTiles(int64_t largest) {
  Value rows = b.dim(x, 0), numTiles = b.ceilDiv(rows, largest);
  SmallVector<int64_t> sizes =
      llvm::to_vector(llvm::reverse(llvm::seq_inclusive<int64_t>(1, largest)));
  // The tasks of a panel follow each other, so it stays in the cache.
  b.parallel(
      {b.index(panels), b.ceilDiv(numTiles, taskTiles)}, [&](ValueRange ids) {
        preparePanel(ids[0]);
        tiles.clear();
        if (!isDirect())
          for (size_t i = 0; i < weights.size(); ++i)
            tiles.push_back(b.scratch({largest, panel}));
        Value begin = b.mul(ids[1], taskTiles);
        Value end = b.min(numTiles, b.add(begin, taskTiles));
        b.loop(begin, end, 1, [&](Value tile) {
          auto firstRow = [&](Value tile) {
            return b.floorDiv(b.mul(tile, rows), numTiles);
          };
          Value row = firstRow(tile);
          Value size = b.sub(firstRow(b.add(tile, 1)), row);
          b.choose(size, sizes, [&](int64_t size) { writeTile(size, row); });
          if (!isDirect())
            b.loop(b.index(0), size, 1, [&](Value r) {
              for (int64_t v = 0; v < panelVectors; ++v) {
                SmallVector<Value> sums;
                for (Value tile : tiles)
                  sums.push_back(b.load(tile, {r, b.index(v * lanes)}));
                finish(b.add(row, r), v, sums);
              }
            });
        });
      });
}

void LinearWriter::writeBlocks() {
  constexpr int64_t height = TileProduct::size;
  const int64_t stride = IntegerRows{k.input.dot, k.in}.stride();
  const int64_t taskRows =
      height *
      std::clamp<int64_t>(taskBytes / (height * stride), 1, maxTaskBlocks);
  Value rows = b.dim(x, 0);
  // The panels that read the same rows follow each other.
  b.parallel({b.ceilDiv(rows, taskRows), b.index(panels)}, [&](ValueRange ids) {
    preparePanel(ids[1]);
    TileProduct product(b, k.weight.group);
    SmallVector<Value> sums;
    tiles.clear();
    for (size_t i = 0; i < weights.size(); ++i) {
      sums.push_back(product.allocateSums());
      if (numGroups() > 1)
        tiles.push_back(b.scratch({height, panel}));
    }
    Value begin = b.mul(ids[0], taskRows);
    Value end = b.min(rows, b.add(begin, taskRows));
    product.configure(b.min(b.sub(end, begin), b.index(height)));
    b.loop(begin, end, height, [&](Value row) {
      Value size = b.min(b.sub(end, row), b.index(height));
      b.ifThen(b.less(size, b.index(height)), [&] { product.configure(size); });
      writeBlock(product, sums, size, row);
    });
    product.release();
  });
}

// C30 of docs/spec.md.
void LinearWriter::writeBlock(TileProduct &product, ArrayRef<Value> sums,
                              Value size, Value row) {
  const bool hasGroups = numGroups() > 1;
  const bool hasShifts = k.input.isShifted();
  const bool shiftsDiffer = k.input.zero && k.input.rowScales;
  /// What turns the sums of a group into floats.
  struct Factors {
    SmallVector<Value> shifts, scales;
  };
  auto loadFactors = [&](const Weight &weight, Value group) {
    Factors factors;
    if (hasShifts && !shiftsDiffer)
      factors.shifts = getShifts(1, row, group, weight);
    for (int64_t v = 0; v < panelVectors; ++v)
      factors.scales.push_back(
          b.load(weight.scales, {panelIndex, group, b.index(v * lanes)}));
    return factors;
  };
  auto loadInputScale = [&](Value row) {
    SmallVector<Value> at;
    if (k.input.rowScales)
      at.push_back(row);
    return b.splat(b.loadScalar(scales, at));
  };
  /// A sum as a float and its scale, for each vector of a row.
  auto forRow = [&](size_t i, Value r, Value group, const Factors &factors,
                    function_ref<void(int64_t, Value, Value)> use) {
    Value inputScale = loadInputScale(b.add(row, r));
    SmallVector<Value> shifts =
        shiftsDiffer ? getShifts(1, b.add(row, r), group, weights[i])
                     : factors.shifts;
    for (int64_t v = 0; v < panelVectors; ++v) {
      Value sum = b.loadIntegers(sums[i], {r, b.index(v * lanes)});
      if (hasShifts)
        sum = arith::AddIOp::create(b, sum, shifts[v]);
      use(v, b.toFloats(sum), b.fmul(inputScale, factors.scales[v]));
    }
  };

  if (!hasGroups) {
    Value group = b.index(0);
    SmallVector<Factors> factors;
    for (auto [i, weight] : llvm::enumerate(weights)) {
      product.multiply(x, row, size, weight.matrix, panelIndex, group, sums[i]);
      factors.push_back(loadFactors(weight, group));
    }
    b.loop(b.index(0), size, 1, [&](Value r) {
      SmallVector<SmallVector<Value>> products(panelVectors);
      for (size_t i = 0; i < weights.size(); ++i)
        forRow(i, r, group, factors[i], [&](int64_t v, Value sum, Value scale) {
          products[v].push_back(b.fmul(sum, scale));
        });
      for (int64_t v = 0; v < panelVectors; ++v)
        finish(b.add(row, r), v, products[v]);
    });
    return;
  }

  for (auto [i, weight] : llvm::enumerate(weights)) {
    b.loop(b.index(0), size, 1, [&](Value r) {
      for (int64_t v = 0; v < panelVectors; ++v)
        b.store(b.splat(0.0), tiles[i], {r, b.index(v * lanes)});
    });
    b.loop(b.index(0), b.index(numGroups()), 1, [&](Value group) {
      product.multiply(x, row, size, weight.matrix, panelIndex,
                       b.mul(group, k.weight.group), sums[i]);
      Factors factors = loadFactors(weight, group);
      b.loop(b.index(0), size, 1, [&](Value r) {
        forRow(i, r, group, factors, [&](int64_t v, Value sum, Value scale) {
          Value at[] = {r, b.index(v * lanes)};
          b.store(math::FmaOp::create(b, sum, scale, b.load(tiles[i], at)),
                  tiles[i], at);
        });
      });
    });
  }
  b.loop(b.index(0), size, 1, [&](Value r) {
    for (int64_t v = 0; v < panelVectors; ++v) {
      SmallVector<Value> sums;
      for (Value tile : tiles)
        sums.push_back(b.load(tile, {r, b.index(v * lanes)}));
      finish(b.add(row, r), v, sums);
    }
  });
}

void LinearWriter::writeTile(int64_t size, Value row) {
  for (auto [i, weight] : llvm::enumerate(weights)) {
    SmallVector<Value> sums = k.isInteger()
                                  ? multiplyIntegers(size, row, weight)
                                  : multiply(size, row, weight);
    for (auto [place, sum] : llvm::enumerate(sums)) {
      int64_t r = place / panelVectors, v = place % panelVectors;
      if (isDirect())
        finish(b.add(row, r), v, sum);
      else
        b.store(sum, tiles[i], {b.index(r), b.index(v * lanes)});
    }
  }
}

void LinearWriter::finish(Value row, int64_t v, ArrayRef<Value> sums) {
  Value column = b.add(firstColumn, v * lanes);
  auto value = [&](size_t i) {
    return k.bias ? b.fadd(sums[i], biases[i * panelVectors + v]) : sums[i];
  };
  Value result = b.activate(k.activation, value(0));
  if (k.gated)
    result = b.fmul(result, value(1));
  if (residual)
    result = b.fadd(result, b.load(residual, {row, column}, masks[v]));
  b.store(result, out, {row, column}, masks[v]);
}

SmallVector<Value> LinearWriter::multiply(int64_t size, Value row,
                                          const Weight &weight) {
  SmallVector<Value> zeros(size * panelVectors, b.splat(0.0));
  return b.contract(
      size, panelVectors, b.index(k.in), zeros,
      [&](Value depth, int64_t r) {
        return b.loadScalar(x, {b.add(row, r), depth});
      },
      [&](Value depth, int64_t v) {
        return b.load(weight.matrix, {panelIndex, depth, b.index(v * lanes)});
      });
}

// What rows hold is `shift` more than what they stand for: `shift` times the
// sums of the weights goes.
SmallVector<Value> LinearWriter::getShifts(int64_t size, Value row, Value group,
                                           const Weight &weight) {
  if (!k.input.isShifted())
    return SmallVector<Value>(size * panelVectors, b.integerSplat(int64_t(0)));
  SmallVector<Value> factors;
  int64_t different = k.input.zero && k.input.rowScales ? size : 1;
  for (int64_t r = 0; r < different; ++r) {
    Value factor = b.integerSplat(-k.input.offset());
    if (zeros) {
      SmallVector<Value> at;
      if (k.input.rowScales)
        at.push_back(b.add(row, r));
      Value zero = b.loadScalar(zeros, at);
      zero = k.input.isSigned
                 ? Value(arith::ExtSIOp::create(b, b.getI32Type(), zero))
                 : Value(arith::ExtUIOp::create(b, b.getI32Type(), zero));
      factor = arith::SubIOp::create(b, factor, b.integerSplat(zero));
    }
    factors.push_back(factor);
  }
  SmallVector<Value> shifts;
  for (Value factor : factors)
    for (int64_t v = 0; v < panelVectors; ++v)
      shifts.push_back(arith::MulIOp::create(
          b, factor,
          b.loadIntegers(weight.sums,
                         {panelIndex, group, b.index(v * lanes)})));
  while (static_cast<int64_t>(shifts.size()) < size * panelVectors)
    shifts.push_back(shifts[shifts.size() - panelVectors]);
  return shifts;
}

// C30 of docs/spec.md.
SmallVector<Value> LinearWriter::multiplyIntegers(int64_t size, Value row,
                                                  const Weight &weight) {
  const int64_t depth = getDepth(k.input.dot);
  const int64_t steps = llvm::divideCeil(k.weight.group, depth);
  SmallVector<Value> inputScales;
  for (int64_t r = 0; r < (k.input.rowScales ? size : 1); ++r) {
    SmallVector<Value> at;
    if (k.input.rowScales)
      at.push_back(b.add(row, r));
    inputScales.push_back(b.splat(b.loadScalar(scales, at)));
  }

  auto multiplyGroup = [&](Value group) {
    Value first = b.mul(group, steps);
    SmallVector<Value> sums = b.contract(
        k.input.dot, size, panelVectors, b.index(steps),
        getShifts(size, row, group, weight),
        [&](Value step, int64_t r) {
          return b.loadRepeated(
              x, {b.add(row, r), b.mul(b.add(first, step), depth)});
        },
        [&](Value step, int64_t v) -> Value {
          Value codes = b.loadIntegers(
              weight.matrix,
              {panelIndex, b.add(first, step), b.index(v * lanes * depth)},
              depth);
          if (k.input.dot == IntegerDot::Quads || k.weight.wide)
            return codes;
          return arith::ExtSIOp::create(b, b.integers(16, depth), codes);
        });
    SmallVector<Value> weightScales;
    for (int64_t v = 0; v < panelVectors; ++v)
      weightScales.push_back(
          b.load(weight.scales, {panelIndex, group, b.index(v * lanes)}));
    SmallVector<std::pair<Value, Value>> factors;
    for (auto [place, sum] : llvm::enumerate(sums)) {
      Value inputScale =
          inputScales[k.input.rowScales ? place / panelVectors : 0];
      factors.emplace_back(
          b.toFloats(sum),
          b.fmul(inputScale, weightScales[place % panelVectors]));
    }
    return factors;
  };

  SmallVector<Value> results;
  if (numGroups() == 1) {
    for (auto [sum, scale] : multiplyGroup(b.index(0)))
      results.push_back(b.fmul(sum, scale));
    return results;
  }
  SmallVector<Value> zeros(size * panelVectors, b.splat(0.0));
  return b.loop(b.index(0), b.index(numGroups()), 1, zeros,
                [&](Value group, ValueRange carried) {
                  for (auto [factors, sum] :
                       llvm::zip_equal(multiplyGroup(group), carried))
                    results.push_back(math::FmaOp::create(b, factors.first,
                                                          factors.second, sum));
                  return results;
                });
}

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const LinearKernel &kernel) {
  return LinearWriter(library, kernel).get(library);
}
