//===- FewBitKernel.cpp - Matrix products with packed codes ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights stay codes in memory, of 4 bits or, beside floats, of 8. Few rows
// unpack them in registers, where they are multiplied at once: two streams, at
// the speed of memory. Many rows unpack a part of a panel, a group or what the
// first level cache holds, into a small buffer that all tiles of a task read,
// which the vector registers or the tile registers multiply. The sums of a task
// wait in another one meanwhile.
//
//===----------------------------------------------------------------------===//

#include "LinearWriter.h"
#include "TileProduct.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quench;

/// Groups between the scales and sums that are asked for and those that are
/// read: few lines each, which are no stream that the processor would see.
static constexpr int64_t groupsAhead = 4;

static constexpr int64_t lineBytes = 64;

/// What a nibble has for the code 0 of a signed format, and at most.
static constexpr int64_t signedZero = 8, largestCode = 15;

/// Bits of a number in which codes are unpacked to floats.
static constexpr int64_t mantissaBits = 23, exponentBias = 127;

namespace {
/// Writes one kernel.
class FewBitWriter : public LinearWriter {
public:
  FewBitWriter(const KernelLibrary &library, const LinearKernel &kernel,
               const KernelSchedule &schedule)
      : LinearWriter(library, kernel, schedule), depth(getDepth(k.input.dot)),
        stepCodes(k.weight.isNibbles ? wordCodes : depth),
        hasGroups(numGroups() > 1),
        hasTiles(usesTileRegisters(library, kernel)),
        fewRows(getStreamedRows(library.options)),
        pairRows(b.registers() == 32 ? fewRows : 1), largestTile(schedule.rows),
        taskTiles(schedule.tiles), partCodes(schedule.part) {}

private:
  void write() override;

  /// A panel that few rows multiply, from its first group to the last. Memory
  /// gives more to two of them at a time than to one.
  struct Stream {
    const Weight &weight;
    Value panel;
  };
  /// Computes `size` rows, which are all, for the panels that begin with
  /// `first`.
  void writeRows(int64_t size, Value first, int64_t numPanels);
  /// The products of all rows with panels, all of the first one row by row,
  /// then those of the next, without the bias.
  SmallVector<Value> multiplyRows(int64_t size, ArrayRef<Stream> streams);
  /// Computes the tiles from `begin` to `end` of `numTiles`.
  void writeTask(Value begin, Value end, Value numTiles);
  /// Adds the products with part `part` of a panel, unpacked in `codes`, to
  /// `sums`, from row `place` on; `row` is the row of the input.
  void multiplyPart(int64_t size, Value row, Value place, Value part,
                    Value codes, Value sums, const Weight &weight);

  /// The same on the tile registers, for `size` rows.
  void multiplyPart(TileProduct &product, Value size, Value row, Value place,
                    Value part, Value codes, Value sums, Value blockSums,
                    const Weight &weight);
  /// Rows that the tile registers multiply at once.
  Value getHeight() { return b.min(b.dim(x, 0), b.index(largestTile)); }
  /// The first row of a tile.
  Value getRow(Value tile, Value numTiles) {
    return hasTiles ? b.min(b.mul(tile, largestTile), b.dim(x, 0))
                    : firstRow(tile, numTiles);
  }

  /// Asks for what group `group` has beside codes, where there are some.
  void prefetchGroup(Value group, const Weight &weight, bool readsSums) {
    for (Value parameters :
         {weight.scales, readsSums ? weight.sums : Value(), weight.zeros})
      for (int64_t v = 0; hasGroups && parameters && v < panelVectors; ++v)
        b.prefetch(parameters, {panelIndex, group, b.index(v * lanes)});
  }
  /// What the sums of a group, of integers or floats, begin with.
  SmallVector<Value> getInit(int64_t size, Value row, Value group,
                             const Weight &weight) {
    if (k.isInteger())
      return getShifts(size, row, group, weight);
    return SmallVector<Value>(size * panelVectors, b.splat(0.0));
  }
  /// Whether few rows multiply codes of weights as they are and, once for a
  /// group, take their zero points times the sum of the row from that. Rows on
  /// quads are signed then, as what they stand for, so that nothing reads the
  /// sums of weights.
  bool sumsRows() const {
    return k.isInteger() && k.weight.isNibbles &&
           (k.weight.isSigned || k.weight.zero) &&
           (k.input.dot == IntegerDot::Pairs ||
            (k.input.isSigned && !k.input.zero));
  }
  /// Whether codes of weights are the unsigned operand.
  bool isSwapped() const { return sumsRows() && hasByteRows(k.input.dot); }
  /// The greatest magnitude of what a code of 4 bits stands for.
  int64_t getLargestWeight() const {
    return k.weight.isSigned && !k.weight.zero ? signedZero : largestCode;
  }
  /// What sums of rows are multiplied by: the zero points of a vector of
  /// channels, as integers.
  Value getZeroPoints(Value group, int64_t v, const Weight &weight);
  /// Vectors of few rows that a step of `streams` multiplies.
  int64_t countColumns(ArrayRef<Stream> streams) const {
    return streams.size() * panelVectors + (sumsRows() ? 1 : 0);
  }
  /// What the sums of few rows and a group begin with, and what becomes of
  /// them: those of a stream follow each other.
  SmallVector<Value> beginSums(int64_t size, Value group,
                               ArrayRef<Stream> streams);
  Factors takeFactors(ArrayRef<Value> sums, Value group,
                      ArrayRef<Stream> streams);
  /// What a step multiplies at `at` of a row of few.
  Value loadInput(Value row, Value at);
  /// The sums of rows from `row` on as floats, and their scales.
  Factors getFactors(ArrayRef<Value> sums, Value row, Value group,
                     const Weight &weight);

  /// What is subtracted from the codes of a vector of channels; the numbers of
  /// a word are in two places where they become floats.
  using Offsets = SmallVector<SmallVector<Value, 2>, panelVectors>;
  Offsets getOffsets(Value group, const Weight &weight);
  /// The zero points of a vector of channels, the same in each element of a
  /// word; null where there are none.
  Value loadZeros(Value group, int64_t v, const Weight &weight) {
    if (!weight.zeros)
      return Value();
    return b.loadVector(weight.zeros, {panelIndex, group, b.index(v * lanes)});
  }
  Value loadPacked(const Weight &weight, Value step, int64_t v) {
    return b.loadVector(weight.matrix, {panelIndex, step, b.index(v * lanes)});
  }
  /// The codes `part` of a packed vector as the product takes them.
  Value unpack(Value packed, int64_t part, ArrayRef<Value> offsets,
               const Weight &weight);
  Value unpackFloats(Value packed, int64_t part, ArrayRef<Value> offsets);
  /// The integers that codes without zero points stand for, as a table.
  Value getIntegers();
  /// What the table of `weight` has for them.
  Value lookup(Value packed, int64_t part, const Weight &weight);

  /// Products that one packed vector takes part in.
  int64_t numParts() const { return stepCodes / depth; }
  int64_t numPartsOfPanel() const { return llvm::divideCeil(k.in, partCodes); }
  /// Bytes of an element of a packed panel.
  int64_t packedBytes() const {
    return k.weight.isNibbles ? 4 : k.weight.wide ? 2 : 1;
  }
  /// The type of unpacked codes.
  Type getCodeType() {
    if (!k.isInteger())
      return b.compute();
    return b.getIntegerType(32 / depth);
  }
  Value mask(Value codes, uint64_t bits) {
    return arith::AndIOp::create(
        b, codes, b.constant(cast<VectorType>(codes.getType()), bits));
  }
  Value shiftRight(Value codes, int64_t bits) {
    if (bits == 0)
      return codes;
    return arith::ShRUIOp::create(
        b, codes, b.constant(cast<VectorType>(codes.getType()), bits));
  }

  const int64_t depth;     ///< Codes that a lane multiplies at once.
  const int64_t stepCodes; ///< Input channels of a packed vector.
  const bool hasGroups;
  const bool hasTiles; ///< Tile registers compute all but few rows.
  const int64_t fewRows;
  const int64_t pairRows; ///< Rows whose sums of two streams fit in registers.
  const int64_t largestTile, taskTiles;
  const int64_t partCodes; ///< Input channels that are unpacked at once.
};
} // namespace

void FewBitWriter::write() {
  Value rows = b.dim(x, 0);
  auto range = [](int64_t least, int64_t most) {
    return llvm::to_vector(
        llvm::reverse(llvm::seq_inclusive<int64_t>(least, most)));
  };
  Value isMany = b.min(b.floorDiv(rows, fewRows + 1), b.index(1));
  b.choose(isMany, {0, 1}, [&](int64_t isMany) {
    if (!isMany) {
      // Two panels, or both of a gated product.
      const int64_t taskPanels = std::min<int64_t>(panels, 2 / weights.size());
      return b.parallel(
          {b.min(rows, b.index(1)),
           b.index(llvm::divideCeil(panels, taskPanels))},
          [&](ValueRange ids) {
            Value first = b.mul(ids[1], taskPanels);
            b.choose(
                b.min(b.sub(b.index(panels), first), b.index(taskPanels)),
                range(panels % taskPanels == 0 ? taskPanels : 1, taskPanels),
                [&](int64_t numPanels) {
                  b.choose(rows, range(1, fewRows), [&](int64_t size) {
                    writeRows(size, first, numPanels);
                  });
                });
          });
    }
    Value numTiles = b.ceilDiv(rows, largestTile),
          numTasks = b.ceilDiv(numTiles, taskTiles);
    // Panels that read the same rows follow each other.
    b.parallel({numTasks, b.index(panels)}, [&](ValueRange ids) {
      preparePanel(ids[1]);
      auto firstTile = [&](Value task) {
        return b.floorDiv(b.mul(task, numTiles), numTasks);
      };
      writeTask(firstTile(ids[0]), firstTile(b.add(ids[0], 1)), numTiles);
    });
  });
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

FewBitWriter::Offsets FewBitWriter::getOffsets(Value group,
                                               const Weight &weight) {
  Offsets offsets(panelVectors);
  if (!k.weight.isNibbles || k.weight.isTable)
    return offsets;
  for (int64_t v = 0; v < panelVectors; ++v) {
    Value zero = loadZeros(group, v, weight);
    if (k.isInteger()) {
      VectorType type = b.integers(32 / depth, depth);
      if (zero)
        offsets[v].push_back(vector::BitCastOp::create(b, type, zero));
      else if (k.weight.isSigned)
        offsets[v].push_back(b.constant(type, signedZero));
      continue;
    }
    for (int64_t place : {0, 1}) {
      double offset = std::ldexp(1.0, mantissaBits - 4 * place);
      if (zero)
        offsets[v].push_back(b.fadd(b.toFloats(zero), b.splat(offset)));
      else
        offsets[v].push_back(
            b.splat(offset + (k.weight.isSigned ? signedZero : 0)));
    }
  }
  return offsets;
}

Value FewBitWriter::getZeroPoints(Value group, int64_t v,
                                  const Weight &weight) {
  Value zeros = loadZeros(group, v, weight);
  return zeros ? mask(zeros, 15) : b.integerSplat(signedZero);
}

Value FewBitWriter::unpack(Value packed, int64_t part, ArrayRef<Value> offsets,
                           const Weight &weight) {
  if (k.weight.isTable)
    return lookup(packed, part, weight);
  if (!k.isInteger())
    return unpackFloats(packed, part, offsets);
  // Shifts of bytes do not exist: those of words, after which the mask takes
  // what came from the neighbor.
  const int64_t bits = 32 / depth;
  VectorType type = b.integers(bits, depth);
  VectorType shifted =
      b.integers(std::max<int64_t>(bits, 16), 32 / std::max<int64_t>(bits, 16));
  Value codes = vector::BitCastOp::create(b, shifted, packed);
  codes = shiftRight(codes, 4 * part);
  codes = vector::BitCastOp::create(b, type, codes);
  if (bits == 8 || 4 * part + 4 != bits)
    codes = mask(codes, 15);
  if (!offsets.empty())
    codes = arith::SubIOp::create(b, codes, offsets.front());
  return codes;
}

// A code in the lowest bits of the mantissa of 2^23, or four bits higher of
// 2^19, is 2^23 or 2^19 more than the code: one mask, one subtraction.
Value FewBitWriter::unpackFloats(Value packed, int64_t part,
                                 ArrayRef<Value> offsets) {
  if (!k.weight.isNibbles)
    return b.toFloats(arith::ExtSIOp::create(b, b.integers(), packed));
  // One permutation in place of a mask, which is two operations, and that.
  if (!k.weight.zero && b.lanes() == tableSize)
    return b.lookup({getIntegers()}, packed, 4 * part);
  const int64_t place = part % 2;
  Value bits = mask(shiftRight(packed, 8 * (part / 2)), 15 << (4 * place));
  int64_t exponent = exponentBias + mantissaBits - 4 * place;
  bits = arith::OrIOp::create(
      b, bits, b.constant(b.integers(), exponent << mantissaBits));
  return b.fsub(arith::BitcastOp::create(b, b.vector(), bits), offsets[place]);
}

Value FewBitWriter::getIntegers() {
  SmallVector<float> integers;
  for (int64_t code = 0; code < tableSize; ++code)
    integers.push_back(code - (k.weight.isSigned ? signedZero : 0));
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(b.vector(), ArrayRef<float>(integers)));
}

Value FewBitWriter::lookup(Value packed, int64_t part, const Weight &weight) {
  if (k.weight.isNibbles)
    return b.lookup(weight.numbers, packed, 4 * part);
  Value places = arith::ExtSIOp::create(b, b.integers(), packed);
  if (k.weight.isSigned)
    places =
        arith::AddIOp::create(b, places, b.constant(b.integers(), signedZero));
  return b.lookup(weight.numbers, places, /*shift=*/0);
}

FewBitWriter::Factors FewBitWriter::getFactors(ArrayRef<Value> sums, Value row,
                                               Value group,
                                               const Weight &weight) {
  SmallVector<Value> weightScales = getWeightScales(group, weight), inputScales;
  Factors factors;
  for (auto [place, sum] : llvm::enumerate(sums)) {
    Value scale = weightScales[place % panelVectors];
    // Scales of rows are loaded where they are used: not all fit in registers.
    if (k.isInteger() && place % panelVectors == 0)
      inputScales = getInputScales(1, b.add(row, place / panelVectors));
    if (k.isInteger())
      scale = getScale(inputScales.front(), scale);
    factors.emplace_back(k.isInteger() ? b.toFloats(sum) : sum, scale);
  }
  return factors;
}

//===----------------------------------------------------------------------===//
// Few rows
//===----------------------------------------------------------------------===//

void FewBitWriter::writeRows(int64_t size, Value first, int64_t numPanels) {
  preparePanel(first);
  SmallVector<Stream> streams;
  for (int64_t p = 0; p < numPanels; ++p)
    for (const Weight &weight : weights)
      streams.push_back({weight, b.add(first, p)});
  const size_t width = size <= pairRows ? streams.size() : 1;
  SmallVector<Value> sums;
  for (ArrayRef<Stream> left = streams; !left.empty();
       left = left.drop_front(width))
    llvm::append_range(sums, multiplyRows(size, left.take_front(width)));

  ArrayRef<Value> left = sums;
  for (int64_t p = 0; p < numPanels; ++p) {
    preparePanel(b.add(first, p));
    SmallVector<Value> tiles;
    for (size_t i = 0; i < weights.size(); ++i) {
      if (!isDirect())
        tiles.push_back(b.scratch({size, panel}));
      put(left.take_front(size * panelVectors), b.index(0),
          isDirect() ? Value() : tiles.back());
      left = left.drop_front(size * panelVectors);
    }
    if (!isDirect())
      finishTiles(tiles, b.index(0), b.index(size));
  }
}

// Contractions go row by row, through all columns of one before the next. The
// last column of rows that are summed has ones.
SmallVector<Value> FewBitWriter::beginSums(int64_t size, Value group,
                                           ArrayRef<Stream> streams) {
  const int64_t columns = countColumns(streams);
  SmallVector<Value> sums(size * columns, b.integerSplat(int64_t(0)));
  if (sumsRows())
    return sums;
  for (auto [s, stream] : llvm::enumerate(streams)) {
    panelIndex = stream.panel;
    for (auto [i, sum] : llvm::enumerate(
             getInit(size, /*row=*/b.index(0), group, stream.weight)))
      sums[i / panelVectors * columns + s * panelVectors + i % panelVectors] =
          sum;
  }
  return sums;
}

FewBitWriter::Factors FewBitWriter::takeFactors(ArrayRef<Value> sums,
                                                Value group,
                                                ArrayRef<Stream> streams) {
  Factors factors;
  for (auto [s, stream] : llvm::enumerate(streams)) {
    panelIndex = stream.panel;
    SmallVector<Value> streamSums;
    for (ArrayRef<Value> left = sums; !left.empty();
         left = left.drop_front(countColumns(streams)))
      for (int64_t v = 0; v < panelVectors; ++v) {
        Value sum = left[s * panelVectors + v];
        if (sumsRows())
          sum = arith::SubIOp::create(
              b, sum,
              arith::MulIOp::create(b, left[streams.size() * panelVectors],
                                    getZeroPoints(group, v, stream.weight)));
        streamSums.push_back(sum);
      }
    llvm::append_range(factors, getFactors(streamSums, /*row=*/b.index(0),
                                           group, stream.weight));
  }
  return factors;
}

Value FewBitWriter::loadInput(Value row, Value at) {
  if (!k.isInteger())
    return b.loadScalar(x, {row, at});
  Value codes = b.loadRepeated(x, {row, at});
  if (isSwapped())
    codes = arith::XOrIOp::create(
        b, codes,
        b.constant(cast<VectorType>(codes.getType()), k.input.offset()));
  return codes;
}

// C30 and C33 of docs/spec.md.
SmallVector<Value> FewBitWriter::multiplyRows(int64_t size,
                                              ArrayRef<Stream> streams) {
  const size_t ones = streams.size() * panelVectors;
  // Rows of integers go on behind their end, those of floats do not.
  int64_t steps = k.isInteger() ? llvm::divideCeil(k.weight.group, stepCodes)
                                : k.weight.group / stepCodes;
  int64_t rest = k.weight.group - steps * stepCodes;
  auto multiplyGroup = [&](Value group) {
    SmallVector<Offsets> offsets(streams.size(), Offsets(panelVectors));
    for (auto [s, stream] : llvm::enumerate(streams)) {
      panelIndex = stream.panel;
      prefetchGroup(b.add(group, groupsAhead), stream.weight,
                    /*readsSums=*/!sumsRows());
      if (!sumsRows())
        offsets[s] = getOffsets(group, stream.weight);
    }
    SmallVector<Value> sums = beginSums(size, group, streams);
    auto contract = [&](int64_t numParts, Value first, int64_t steps) {
      sums = b.contractPacked(
          k.input.dot, size, countColumns(streams), numParts, b.index(steps),
          sums,
          [&](Value step, int64_t part, int64_t r) {
            return loadInput(
                b.index(r),
                b.add(b.mul(b.add(first, step), stepCodes), part * depth));
          },
          [&](Value step, size_t column) -> Value {
            if (column == ones)
              return {};
            const Stream &stream = streams[column / panelVectors];
            const int64_t v = column % panelVectors;
            Value at = b.add(first, step);
            panelIndex = stream.panel;
            prefetchAhead(stream.weight, at, b.index(v * lanes));
            return loadPacked(stream.weight, at, v);
          },
          [&](Value packed, int64_t part, size_t column) {
            if (column == ones)
              return b.constant(b.integers(32 / depth, depth), 1);
            const int64_t s = column / panelVectors;
            return unpack(packed, part, offsets[s][column % panelVectors],
                          streams[s].weight);
          },
          isSwapped(), isSwapped() ? largestCode : getLargestWeight());
    };
    contract(numParts(), b.mul(group, steps), steps);
    if (rest > 0)
      contract(rest, b.index(steps), 1);
    return takeFactors(sums, group, streams);
  };

  return addGroups(size, /*row=*/b.index(0), multiplyGroup, streams.size());
}

//===----------------------------------------------------------------------===//
// Many rows
//===----------------------------------------------------------------------===//

void FewBitWriter::writeTask(Value begin, Value end, Value numTiles) {
  Value first = getRow(begin, numTiles);
  Value size = b.sub(getRow(end, numTiles), first);
  // With groups, the sums of a part become floats at once.
  Type sumType =
      hasGroups || !k.isInteger() ? Type(b.compute()) : Type(b.getI32Type());
  const int64_t steps = partCodes / stepCodes;
  Value codes = b.scratch({/*panels=*/1, steps * numParts(), panel * depth},
                          getCodeType());
  SmallVector<int64_t> sizes =
      llvm::to_vector(llvm::reverse(llvm::seq_inclusive<int64_t>(
          std::min(fewRows + 1, (largestTile + 1) / 2), largestTile)));
  std::optional<TileProduct> product;
  Value blockSums;
  if (hasTiles) {
    product.emplace(b, partCodes);
    blockSums = product->allocateSums();
    product->configure(getHeight());
  }
  SmallVector<Value> allSums;
  for (const Weight &weight : weights) {
    Value sums = b.scratch({taskTiles * largestTile, panel}, sumType);
    allSums.push_back(sums);
    b.loop(b.index(0), size, 1, [&](Value r) {
      SmallVector<Value> init(panelVectors, b.splat(0.0));
      if (!hasGroups)
        init = getInit(1, b.add(first, r), b.index(0), weight);
      for (int64_t v = 0; v < panelVectors; ++v)
        b.storeVector(init[v], sums, {r, b.index(v * lanes)});
    });
    b.loop(b.index(0), b.index(numPartsOfPanel()), 1, [&](Value part) {
      Value firstStep = b.mul(part, steps), count = b.index(steps);
      int64_t all = llvm::divideCeil(k.in, stepCodes);
      if (all % steps != 0)
        count = b.min(count, b.sub(b.index(all), firstStep));
      Offsets offsets = getOffsets(hasGroups ? part : b.index(0), weight);
      b.loop(b.index(0), count, 1, [&](Value step) {
        for (int64_t v = 0; v < panelVectors; ++v) {
          Value at = b.add(firstStep, step);
          Value packed = loadPacked(weight, at, v);
          for (int64_t i = 0; i < numParts(); ++i)
            b.storeVector(unpack(packed, i, offsets[v], weight), codes,
                          {b.index(0), b.add(b.mul(step, numParts()), i),
                           b.index(v * lanes * depth)});
        }
      });
      prefetchGroup(b.add(part, 1), weight, /*readsSums=*/true);
      b.loop(begin, end, 1, [&](Value tile) {
        Value row = getRow(tile, numTiles);
        Value size = b.sub(getRow(b.add(tile, 1), numTiles), row);
        // The next part comes in pieces while this one is multiplied: the
        // hardware does not see a stream in it.
        const int64_t line = lineBytes / packedBytes();
        const int64_t lines = llvm::divideCeil(steps * panel, line);
        Value count = b.sub(end, begin);
        Value piece = b.floorDiv(b.add(count, lines - 1), count);
        Value firstLine = b.mul(b.sub(tile, begin), piece);
        b.loop(firstLine, b.min(b.index(lines), b.add(firstLine, piece)), 1,
               [&](Value at) {
                 b.prefetch(weight.matrix, {panelIndex, b.add(firstStep, steps),
                                            b.mul(at, line)});
               });
        if (product)
          return multiplyPart(*product, size, row, b.sub(row, first), part,
                              codes, sums, blockSums, weight);
        b.choose(size, sizes, [&](int64_t size) {
          multiplyPart(size, row, b.sub(row, first), part, codes, sums, weight);
        });
      });
    });
  }
  if (product)
    product->release();

  b.loop(b.index(0), size, 1, [&](Value r) {
    SmallVector<SmallVector<Value>> products(panelVectors);
    for (auto [sums, weight] : llvm::zip_equal(allSums, weights)) {
      SmallVector<Value> row;
      for (int64_t v = 0; v < panelVectors; ++v)
        row.push_back(b.loadVector(sums, {r, b.index(v * lanes)}));
      if (!hasGroups)
        for (auto [v, factors] : llvm::enumerate(
                 getFactors(row, b.add(first, r), b.index(0), weight)))
          row[v] = b.fmul(factors.first, factors.second);
      else if (k.isInteger())
        for (Value &sum : row)
          sum = b.fmul(sum, getInputScales(1, b.add(first, r)).front());
      for (int64_t v = 0; v < panelVectors; ++v)
        products[v].push_back(row[v]);
    }
    for (int64_t v = 0; v < panelVectors; ++v)
      finish(b.add(first, r), v, products[v]);
  });
}

void FewBitWriter::multiplyPart(int64_t size, Value row, Value place,
                                Value part, Value codes, Value sums,
                                const Weight &weight) {
  auto at = [&](size_t i) {
    return SmallVector<Value>{b.add(place, i / panelVectors),
                              b.index(i % panelVectors * lanes)};
  };
  SmallVector<Value> init;
  if (hasGroups)
    init = getInit(size, row, part, weight);
  for (int64_t i = 0; !hasGroups && i < size * panelVectors; ++i)
    init.push_back(b.loadVector(sums, at(i)));

  const int64_t steps = partCodes / depth;
  Value firstCode = b.mul(part, partCodes), count = b.index(steps);
  int64_t all = llvm::divideCeil(k.in, depth);
  if (all % steps != 0)
    count = b.min(count, b.sub(b.index(all), b.mul(part, steps)));
  auto column = [&](Value step) {
    return b.add(firstCode, b.mul(step, depth));
  };
  auto loadCodes = [&](Value step, int64_t v) {
    return b.loadVector(codes, {b.index(0), step, b.index(v * lanes * depth)},
                        depth);
  };
  SmallVector<Value> products =
      k.isInteger()
          ? b.contract(
                k.input.dot, size, panelVectors, count, init,
                [&](Value step, int64_t r) {
                  return b.loadRepeated(x, {b.add(row, r), column(step)});
                },
                loadCodes, getLargestWeight())
          : b.contract(
                size, panelVectors, count, init,
                [&](Value step, int64_t r) {
                  return b.loadScalar(x, {b.add(row, r), column(step)});
                },
                loadCodes);
  if (!hasGroups) {
    for (auto [i, product] : llvm::enumerate(products))
      b.storeVector(product, sums, at(i));
    return;
  }
  for (auto [i, factors] :
       llvm::enumerate(getFactors(products, row, part, weight))) {
    Value sum = math::FmaOp::create(b, factors.first, factors.second,
                                    b.loadVector(sums, at(i)));
    b.storeVector(sum, sums, at(i));
  }
}

void FewBitWriter::multiplyPart(TileProduct &product, Value size, Value row,
                                Value place, Value part, Value codes,
                                Value sums, Value blockSums,
                                const Weight &weight) {
  // The last block of all, which has fewer rows, begins earlier and leaves the
  // sums of the rows before alone: to configure the registers for it takes
  // longer.
  Value height = getHeight();
  Value firstOfBlock = b.min(row, b.sub(b.dim(x, 0), height));
  Value skipped = b.sub(row, firstOfBlock);
  product.multiply(x, firstOfBlock, height, codes, /*panel=*/b.index(0),
                   b.mul(part, partCodes), blockSums,
                   {/*firstWeight=*/b.index(0)});

  const bool shiftsDiffer = k.input.zero && k.input.rowScales;
  SmallVector<Value> shifts;
  if (hasGroups && !shiftsDiffer)
    shifts = getInit(1, row, part, weight);
  b.loop(b.index(0), size, 1, [&](Value r) {
    if (hasGroups && shiftsDiffer)
      shifts = getInit(1, b.add(row, r), part, weight);
    SmallVector<Value> blockRow;
    for (int64_t v = 0; v < panelVectors; ++v) {
      Value sum =
          b.loadVector(blockSums, {b.add(skipped, r), b.index(v * lanes)});
      Value other =
          hasGroups ? shifts[v]
                    : b.loadVector(sums, {b.add(place, r), b.index(v * lanes)});
      blockRow.push_back(arith::AddIOp::create(b, sum, other));
    }
    if (hasGroups)
      for (auto [v, factors] :
           llvm::enumerate(getFactors(blockRow, b.add(row, r), part, weight)))
        blockRow[v] = math::FmaOp::create(
            b, factors.first, factors.second,
            b.loadVector(sums, {b.add(place, r), b.index(v * lanes)}));
    for (int64_t v = 0; v < panelVectors; ++v)
      b.storeVector(blockRow[v], sums, {b.add(place, r), b.index(v * lanes)});
  });
}

func::FuncOp quench::getFewBitKernel(const KernelLibrary &library,
                                     const LinearKernel &kernel,
                                     const KernelSchedule &schedule,
                                     StringRef suffix) {
  return FewBitWriter(library, kernel, schedule).get(library, suffix);
}
