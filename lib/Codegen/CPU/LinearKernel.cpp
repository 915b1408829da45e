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

#include "LinearWriter.h"
#include "TileProduct.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace quench;

/// Rows that read weights faster than they multiply them: these are asked for
/// ahead. Tile registers, which take as long for one row as for 16, would be
/// slower.
static constexpr int64_t fewRows = 2;

namespace {
/// Writes one kernel.
class TileWriter : public LinearWriter {
public:
  TileWriter(const KernelLibrary &library, const LinearKernel &kernel,
             const KernelSchedule &schedule)
      : LinearWriter(library, kernel, schedule),
        hasTiles(usesTileRegisters(library, kernel)) {}

private:
  void write() override;
  /// Computes all rows by vectors, in tiles of at most `largest`.
  void writeTiles(int64_t largest);
  /// Computes all rows on the tile registers.
  void writeBlocks();
  /// Computes the rows from `row` on, `size` of them.
  void writeTile(int64_t size, Value row);
  /// The products of a tile, row by row, without the bias.
  SmallVector<Value> multiply(int64_t size, Value row, const Weight &weight);
  SmallVector<Value> multiplyIntegers(int64_t size, Value row,
                                      const Weight &weight);
  /// Computes the `size` rows from `row` on; `sums` has room for each weight.
  void writeBlock(TileProduct &product, ArrayRef<Value> sums, Value size,
                  Value row, const TileProductForm &form);

  /// Whether tile registers compute all but few rows.
  const bool hasTiles;

  SmallVector<Value> tiles;
};
} // namespace

void TileWriter::write() {
  if (!hasTiles)
    return writeTiles(schedule.rows);
  Value isMany = b.min(b.floorDiv(b.dim(x, 0), fewRows + 1), b.index(1));
  b.choose(isMany, {0, 1}, [&](int64_t isMany) {
    if (isMany)
      writeBlocks();
    else
      writeTiles(fewRows);
  });
}

void TileWriter::writeTiles(int64_t largest) {
  Value rows = b.dim(x, 0), numTiles = b.ceilDiv(rows, largest);
  SmallVector<int64_t> sizes =
      llvm::to_vector(llvm::reverse(llvm::seq_inclusive<int64_t>(1, largest)));
  // The tasks of a panel follow each other, so it stays in the cache.
  b.parallel({b.index(panels), b.ceilDiv(numTiles, schedule.tiles)},
             [&](ValueRange ids) {
               preparePanel(ids[0]);
               tiles.clear();
               if (!isDirect())
                 for (size_t i = 0; i < weights.size(); ++i)
                   tiles.push_back(b.scratch({largest, panel}));
               Value begin = b.mul(ids[1], schedule.tiles);
               Value end = b.min(numTiles, b.add(begin, schedule.tiles));
               b.loop(begin, end, 1, [&](Value tile) {
                 Value row = firstRow(tile, numTiles);
                 Value size = b.sub(firstRow(b.add(tile, 1), numTiles), row);
                 b.choose(size, sizes,
                          [&](int64_t size) { writeTile(size, row); });
                 if (!isDirect())
                   finishTiles(tiles, row, size);
               });
             });
}

void TileWriter::writeBlocks() {
  constexpr int64_t height = TileProduct::size;
  const int64_t taskRows = height * schedule.tiles;
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
    // Each block asks for a piece of the next panel: the hardware does not
    // know that it follows.
    TileProductForm form;
    form.pieces = b.ceilDiv(b.sub(end, begin), height);
    b.loop(begin, end, height, [&](Value row) {
      Value size = b.min(b.sub(end, row), b.index(height));
      b.ifThen(b.less(size, b.index(height)), [&] { product.configure(size); });
      form.piece = b.floorDiv(b.sub(row, begin), b.index(height));
      writeBlock(product, sums, size, row, form);
    });
    product.release();
  });
}

// C30 of docs/spec.md.
void TileWriter::writeBlock(TileProduct &product, ArrayRef<Value> sums,
                            Value size, Value row,
                            const TileProductForm &form) {
  const bool hasGroups = numGroups() > 1;
  const bool hasShifts = k.input.isShifted();
  const bool shiftsDiffer = k.input.zero && k.input.rowScales;
  /// What turns the sums of a group into floats.
  struct GroupFactors {
    SmallVector<Value> shifts, scales;
  };
  auto loadFactors = [&](const Weight &weight, Value group) {
    GroupFactors factors;
    if (hasShifts && !shiftsDiffer)
      factors.shifts = getShifts(1, row, group, weight);
    factors.scales = getWeightScales(group, weight);
    return factors;
  };
  /// A sum as a float and its scale, for each vector of a row.
  auto forRow = [&](size_t i, Value r, Value group, const GroupFactors &factors,
                    function_ref<void(int64_t, Value, Value)> use) {
    Value inputScale = getInputScales(1, b.add(row, r)).front();
    SmallVector<Value> shifts =
        shiftsDiffer ? getShifts(1, b.add(row, r), group, weights[i])
                     : factors.shifts;
    for (int64_t v = 0; v < panelVectors; ++v) {
      Value sum = b.loadVector(sums[i], {r, b.index(v * lanes)});
      if (hasShifts)
        sum = arith::AddIOp::create(b, sum, shifts[v]);
      use(v, b.toFloats(sum), getScale(inputScale, factors.scales[v]));
    }
  };

  if (!hasGroups) {
    Value group = b.index(0);
    SmallVector<GroupFactors> factors;
    for (auto [i, weight] : llvm::enumerate(weights)) {
      product.multiply(x, row, size, weight.matrix, panelIndex, group, sums[i],
                       form);
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

  for (size_t i = 0; i < weights.size(); ++i) {
    const Weight &weight = weights[i];
    b.loop(b.index(0), size, 1, [&](Value r) {
      for (int64_t v = 0; v < panelVectors; ++v)
        b.store(b.splat(0.0), tiles[i], {r, b.index(v * lanes)});
    });
    b.loop(b.index(0), b.index(numGroups()), 1, [&](Value group) {
      product.multiply(x, row, size, weight.matrix, panelIndex,
                       b.mul(group, k.weight.group), sums[i], form);
      GroupFactors factors = loadFactors(weight, group);
      b.loop(b.index(0), size, 1, [&](Value r) {
        forRow(i, r, group, factors, [&](int64_t v, Value sum, Value scale) {
          Value at[] = {r, b.index(v * lanes)};
          b.store(math::FmaOp::create(b, sum, scale, b.load(tiles[i], at)),
                  tiles[i], at);
        });
      });
    });
    b.loop(b.index(0), size, 1, [&](Value r) {
      Value inputScale = getInputScales(1, b.add(row, r)).front();
      for (int64_t v = 0; v < panelVectors; ++v) {
        Value at[] = {r, b.index(v * lanes)};
        b.store(b.fmul(b.load(tiles[i], at), inputScale), tiles[i], at);
      }
    });
  }
  finishTiles(tiles, row, size);
}

void TileWriter::writeTile(int64_t size, Value row) {
  for (auto [i, weight] : llvm::enumerate(weights)) {
    SmallVector<Value> sums = k.isInteger()
                                  ? multiplyIntegers(size, row, weight)
                                  : multiply(size, row, weight);
    put(sums, row, isDirect() ? Value() : tiles[i]);
  }
}

SmallVector<Value> TileWriter::multiply(int64_t size, Value row,
                                        const Weight &weight) {
  SmallVector<Value> zeros(size * panelVectors, b.splat(0.0));
  return b.contract(
      size, panelVectors, b.index(k.in), zeros,
      [&](Value depth, int64_t r) {
        return b.loadScalar(x, {b.add(row, r), depth});
      },
      [&](Value depth, int64_t v) {
        Value column = b.index(v * lanes);
        if (size <= fewRows)
          prefetchAhead(weight, depth, column);
        return b.load(weight.matrix, {panelIndex, depth, column});
      });
}

// C30 of docs/spec.md.
SmallVector<Value> TileWriter::multiplyIntegers(int64_t size, Value row,
                                                const Weight &weight) {
  const int64_t depth = getDepth(k.input.dot);
  const int64_t steps = llvm::divideCeil(k.weight.group, depth);
  SmallVector<Value> inputScales = getInputScales(size, row);

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
          Value at = b.add(first, step), column = b.index(v * lanes * depth);
          if (size <= fewRows)
            prefetchAhead(weight, at, column);
          Value codes =
              b.loadVector(weight.matrix, {panelIndex, at, column}, depth);
          if (k.input.dot == IntegerDot::Quads || k.weight.wide)
            return codes;
          return arith::ExtSIOp::create(b, b.integers(16, depth), codes);
        });
    SmallVector<Value> weightScales = getWeightScales(group, weight);
    Factors factors;
    for (auto [place, sum] : llvm::enumerate(sums)) {
      Value inputScale =
          inputScales[k.input.rowScales ? place / panelVectors : 0];
      factors.emplace_back(
          b.toFloats(sum),
          getScale(inputScale, weightScales[place % panelVectors]));
    }
    return factors;
  };

  return addGroups(size, row, multiplyGroup);
}

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const LinearKernel &kernel,
                               const KernelSchedule &schedule,
                               StringRef suffix) {
  if (isUnpacked(kernel))
    return getFewBitKernel(library, kernel, schedule, suffix);
  return TileWriter(library, kernel, schedule).get(library, suffix);
}
