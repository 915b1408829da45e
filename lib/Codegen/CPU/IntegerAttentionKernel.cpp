//===- IntegerAttentionKernel.cpp - Fused attention of codes --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Keys and values of a group become panels once, as the weights of an integer
// linear are. A task takes some queries of one head: scores of a block of keys
// have a row for each query, so that what is computed of a row lies side
// by side and probabilities are the rows of the second product. The greatest
// score is known before the first probability gets its code and, where their
// scale is given, the sum of weights; where there is more than one block of
// keys, scores are computed again each time, which costs less than to keep
// them.
//
// Products are those of signed bytes. Zero points, and 128 of unsigned codes,
// are taken off sums: sum((q - x) (k - y)) = sum(q k) - y sum(q) - x sum(k) +
// n x y. Integers of probabilities that do not fit a byte are multiplied byte
// by byte.
//
// C35, C36, C40 and C41 of docs/spec.md say what is computed.
//
//===----------------------------------------------------------------------===//

#include "Encoding.h"
#include "KernelLibrary.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h"
#include "TileProduct.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace mlir;
using namespace quench;

/// Queries that are computed at once, and blocks of them in a task: to prepare
/// the tile registers takes as long as a product.
static constexpr int64_t blockRows = TileProduct::size;
static constexpr int64_t taskBlocks = 4;
static constexpr int64_t taskRows = taskBlocks * blockRows;
/// Keys come in multiples of these: an instruction of the tile registers.
static constexpr int64_t keyStep = 64;
static constexpr int64_t lineBytes = 64;
static constexpr int64_t block = integer_attention::block;
/// Adding it to a number leaves its integer in the low bits.
static constexpr double weightBias = 0x1p23;

/// Whether scales of `format`, of an operand, are given, and not computed.
static bool hasGivenScales(QuantizerAttrInterface format) {
  SmallVector<QuantAxis> axes;
  format.getQuantAxes(4, axes);
  return axes.size() < 2;
}

/// The shape of the parameters of an operand with `heads` heads.
static SmallVector<int64_t> getParameterShape(QuantizerAttrInterface format,
                                              int64_t heads) {
  SmallVector<QuantAxis> axes;
  format.getQuantAxes(4, axes);
  return SmallVector<int64_t>(axes.size(), heads);
}

/// What a symbol calls `format`, of an operand.
static std::string getSymbolPart(QuantizerAttrInterface format) {
  std::string name = format.hasSignedCodes() ? "i" : "u";
  name += std::to_string(format.getStorageType().getWidth());
  if (!hasGivenScales(format))
    return name;
  name += getParameterShape(format, 1).empty() ? "s" : "h";
  return name + (format.hasZeroPoint() ? "z" : "");
}

static std::string symbolName(const IntegerAttentionKernel &k) {
  std::string name = "kernel_integer_" + getSymbolPart(k.attention);
  name += k.tiles                      ? "_tiles_"
          : k.dot == IntegerDot::Quads ? "_quads_"
                                       : "_pairs_";
  for (QuantizerAttrInterface format : {k.query, k.key, k.value})
    name += getSymbolPart(format);
  if (!k.tableSlots)
    return name + getSymbolPart(k.probabilities);
  return name + "t" + std::to_string(k.tableSlots) + "x" +
         std::to_string(k.numBytes) +
         (integer_attention::hasRowScales(k.probabilities) ? "" : "s");
}

namespace {
/// One of queries, keys and values.
struct Operand {
  QuantizerAttrInterface format;
  int64_t channels;
  Value numbers = {};
  /// Given parameters, one or one for each head; null where there are none.
  Value scales = {}, zeros = {};
};

/// Writes one kernel.
class Writer {
public:
  Writer(const IntegerAttentionKernel &kernel, KernelBuilder &builder,
         func::FuncOp function);

  void write();

private:
  // Preparation of one group of keys and values, `place` among those of all
  // sequences.
  void packKeys(Value batch, Value group, Value place);
  void packValues(Value batch, Value group, Value place);
  void preparePenalties(Value batch, Value place);

  /// Gives the rows of `operand` from `first` on, as many as a register has
  /// lanes, codes; the row `last` stands in for those behind it. `store` takes
  /// the codes of a vector of channels, `useScales` the scale of each row, and
  /// `useSums` the sum of its codes, unless it is null.
  void
  encodeRows(const Operand &operand, Value batch, Value head, Value first,
             Value last,
             function_ref<void(Value row, Value channel, Value codes)> store,
             function_ref<void(Value scales)> useScales,
             function_ref<void(Value sums)> useSums);
  /// The codes of `x`, as signed bytes; `inverse` is null where there are
  /// divisions, `zero` where there are no zero points.
  Value getCodes(const Operand &operand, Value x, Value scale, Value inverse,
                 Value zero);
  /// Given parameters of `head`: the scale in all lanes, the zero point in all
  /// bytes, null where there is none,
  Value loadScale(const Operand &operand, Value head);
  Value loadZero(const Operand &operand, Value head);
  /// and the signed byte that stands for 0, as i32; null where all are 0.
  Value loadOrigin(const Operand &operand, Value head);
  Value toSigned(const Operand &operand, Value codes);
  /// 128 more or less than each byte.
  Value flipSigns(Value codes);
  static bool hasOrigin(const Operand &operand) {
    return !operand.format.hasSignedCodes() || operand.format.hasZeroPoint();
  }
  /// Writes `body` for ordinary numbers and for others.
  void chooseDivision(Value largest, function_ref<void(bool isOrdinary)> body);
  /// Codes, signed bytes, as elements of rows that are multiplied.
  Value toElements(Value codes);
  Value bitcast(Value value, VectorType type) {
    return vector::BitCastOp::create(b, type, value);
  }

  // Of one task: its buffers, and the codes of its queries.
  void prepareTask(Value batch, Value head);
  void encodeQueries(Value first, Value end);
  /// Computes the results of a block of queries. Of these, beside a block of
  /// keys from `first` on:
  void attend(Value firstQuery);
  /// The sums of products,
  void multiplyKeys(Value first);
  /// the scores, the greatest of which so far stay in `maxima`,
  void score(Value first);
  Value finishScore(Value sum, Value row, Value factor, Value position);
  /// the codes of probabilities, the sums of weights,
  void weigh(Value first);
  /// and the sums of values.
  void addValues(Value first);
  /// Where the scale is given, weights take the place of scores first,
  void sumWeights(Value first);
  /// then factors make numbers of them,
  void prepareFactors();
  /// the integers of which are stored.
  void encodeWeights(Value first);
  /// The integer of a weight that `factor` makes the number of.
  Value getInteger(Value weight, Value factor);
  /// The same of the number `x`.
  Value getInteger(Value x);
  void loadTables();
  /// Elements of a table of f32 at `places`.
  Value find(Value buffer, const LookupTable &table, Value places);

  /// The weight of the score at `column` of `row`, whose greatest score is
  /// `greatest`, plus `bias`, of 2^23 and more: as an integer it is in the low
  /// bits.
  Value getWeight(Value row, Value column, Value greatest, double bias);
  /// Adds `sum`, of `padded` weights with the bits of `bias`, to those of
  /// `row`.
  void addTotal(Value row, ArrayRef<Value> sum, Value padded, double bias);
  /// Stores bytes of what `getWord` has for the vectors of keys of `row`, from
  /// bit `shift` on, and their sums where values have zero points. `carried` is
  /// what `getWord` adds to.
  void storeBytes(Value row, Value padded, int64_t shift,
                  SmallVectorImpl<Value> &carried,
                  function_ref<Value(Value column, int64_t vector,
                                     MutableArrayRef<Value> carried)>
                      getWord);
  /// Clears what tile registers take beyond the keys of a block.
  void clearTail(Value first);

  /// Whether bytes of four vectors are merged and stored as one line: a third
  /// of the permutations that narrowing each would take, and a quarter of the
  /// stores.
  bool mergesBytes() const { return lanes == 16 && integer.getWidth() == 8; }
  /// The bytes of words that lie next to each other, from bit `shift` on, a
  /// line.
  Value mergeBytes(ArrayRef<Value> words, int64_t shift);
  /// The byte of each of `words` from bit `shift` on, as an element of weights.
  Value narrow(Value words, int64_t shift);
  /// Stores the results.
  void finish();
  /// The keys of the block from `first` on.
  Value count(Value first) { return b.min(b.index(block), b.sub(end, first)); }
  Value alignTo(Value value, int64_t step) {
    return b.mul(b.ceilDiv(value, step), step);
  }
  /// The positions of a vector of keys, or of a query in all lanes.
  Value toPositions(Value position) {
    return b.integerSplat(
        arith::IndexCastOp::create(b, b.getI32Type(), position));
  }
  Value toBits(Value numbers) {
    return arith::BitcastOp::create(b, b.integers(), numbers);
  }
  Value toNumbers(Value bits) {
    return arith::BitcastOp::create(b, b.vector(), bits);
  }
  /// What `combine` makes of the integers of row i, in lane i.
  Value foldRows(Value buffer, function_ref<Value(Value, Value)> combine);
  /// The greatest lane, no NaN, in all lanes.
  Value getGreatest(Value values);
  Value negativeInfinity() {
    return b.splat(-std::numeric_limits<double>::infinity());
  }
  Value f32(double value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  }

  const IntegerAttentionKernel &k;
  const AttentionKernel &a;
  KernelBuilder &b;
  const int64_t lanes, panel, depth;
  /// Words of 32 bits of a row of queries and keys.
  const int64_t keyWords;
  const int64_t numValuePanels;
  /// Rows of a tile of vectors.
  const int64_t tile;
  const IntegerType integer;
  /// Whether each row of probabilities has a scale.
  const bool hasRows;

  Operand query, key, value;
  Value scale, mask, bias, out;
  /// Of probabilities: the given scale, of a table the greatest number, bounds
  /// and integers.
  Value probabilityScale, greatestNumber, bounds, integers;
  Value queries, keys;
  // Of all groups: panels, scales, sums of codes and what hides keys.
  Value keyPanels, valuePanels, keyScales, valueScales, keySums, penalties;
  Value paddedKeys, numKeyPanels;
  // Of a task.
  Value batch, head, place, firstRow;
  /// The bytes that stand for 0, and what those of keys take off a row.
  Value queryOrigin, keyOrigin, valueOrigin, queryTerms;
  // Of a block: the first query, its row among those of the task, and what it
  // sees.
  Value firstQuery, queryRow, rows, begin, end, shift;
  /// Scores are sums of integers first, then the bits of floats, and of weights
  /// where the scale is given.
  Value queryRows, factors, scores, maxima, totals, sums, numberFactors;
  /// For each byte of the integers of probabilities, the low one first: rows of
  /// bytes, their sums, and the sums of values.
  SmallVector<Value> weights, byteSums, results;
  /// In registers, while they are used.
  LookupTable boundTable, integerTable;
  std::optional<TileProduct> product;
};
} // namespace

Writer::Writer(const IntegerAttentionKernel &kernel, KernelBuilder &builder,
               func::FuncOp function)
    : k(kernel), a(kernel.attention), b(builder), lanes(b.lanes()),
      panel(panelVectors * lanes), depth(getDepth(k.dot)),
      keyWords(k.tiles ? llvm::alignTo(a.keySize, keyStep) / depth
                       : llvm::divideCeil(a.keySize, depth)),
      numValuePanels(llvm::divideCeil(a.valueSize, panel)),
      tile(b.registers() == 32 && !b.isCompact() ? 8 : 4),
      integer(IntegerRows{k.dot, a.keySize}.element(b.getContext())),
      hasRows(integer_attention::hasRowScales(k.probabilities)),
      query{k.query, a.keySize}, key{k.key, a.keySize},
      value{k.value, a.valueSize} {
  unsigned next = 0;
  auto take = [&] { return function.getArgument(next++); };
  query.numbers = take(), key.numbers = take(), value.numbers = take();
  scale = take();
  for (Operand *operand : {&query, &key, &value}) {
    if (!hasGivenScales(operand->format))
      continue;
    operand->scales = take();
    if (operand->format.hasZeroPoint())
      operand->zeros = take();
  }
  if (!hasRows)
    probabilityScale = take();
  if (k.tableSlots)
    greatestNumber = take(), bounds = take(), integers = take();
  if (a.mask)
    mask = take();
  if (a.biasRank)
    bias = take();
  out = take();
  queries = b.dim(query.numbers, 1);
  keys = b.dim(key.numbers, 1);
}

void Writer::write() {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  Value batches = b.dim(query.numbers, 0), places = b.mul(batches, a.groups);
  paddedKeys = alignTo(keys, keyStep);
  numKeyPanels = b.floorDiv(paddedKeys, panel);
  auto allocate = [&](ArrayRef<int64_t> shape, Type element,
                      ValueRange sizes) -> Value {
    return memref::AllocOp::create(b, MemRefType::get(shape, element), sizes,
                                   b.getI64IntegerAttr(lineBytes));
  };
  keyPanels = allocate({dynamic, keyWords, panel * depth}, integer,
                       b.mul(places, numKeyPanels));
  valuePanels =
      allocate({dynamic, dynamic, panel * depth}, integer,
               {b.mul(places, numValuePanels), b.floorDiv(paddedKeys, depth)});
  keyScales = allocate({dynamic, dynamic}, b.compute(), {places, paddedKeys});
  if (hasOrigin(query))
    keySums =
        allocate({dynamic, dynamic}, b.getI32Type(), {places, paddedKeys});
  penalties = allocate({dynamic, dynamic}, b.compute(), {places, paddedKeys});
  valueScales = allocate({dynamic}, b.compute(), places);

  b.parallel({batches, b.index(a.groups)}, [&](ValueRange ids) {
    Value place = b.add(b.mul(ids[0], a.groups), ids[1]);
    packKeys(ids[0], ids[1], place);
    packValues(ids[0], ids[1], place);
    preparePenalties(ids[0], place);
  });
  b.parallel({batches, b.index(a.heads), b.ceilDiv(queries, taskRows)},
             [&](ValueRange ids) {
               prepareTask(ids[0], ids[1]);
               Value first = b.mul(ids[2], taskRows);
               Value end = b.min(queries, b.add(first, taskRows));
               encodeQueries(first, end);
               b.loop(first, end, blockRows,
                      [&](Value firstQuery) { attend(firstQuery); });
               if (product)
                 product->release();
             });
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

Value Writer::loadScale(const Operand &operand, Value head) {
  bool isShared = cast<MemRefType>(operand.scales.getType()).getRank() == 0;
  return b.splat(
      b.loadScalar(operand.scales, isShared ? ValueRange() : ValueRange(head)));
}

Value Writer::loadZero(const Operand &operand, Value head) {
  if (!operand.zeros)
    return Value();
  bool isShared = cast<MemRefType>(operand.zeros.getType()).getRank() == 0;
  Value zero =
      b.loadScalar(operand.zeros, isShared ? ValueRange() : ValueRange(head));
  return vector::BroadcastOp::create(b, b.integers(8), zero);
}

Value Writer::toSigned(const Operand &operand, Value codes) {
  if (operand.format.hasSignedCodes())
    return codes;
  // What is 128 less has the highest bit flipped.
  return flipSigns(codes);
}

Value Writer::flipSigns(Value codes) {
  return arith::XOrIOp::create(
      b, codes,
      arith::ConstantOp::create(
          b, DenseElementsAttr::get(cast<ShapedType>(codes.getType()),
                                    int8_t(-128))));
}

Value Writer::loadOrigin(const Operand &operand, Value head) {
  if (!hasOrigin(operand))
    return Value();
  Value zero = loadZero(operand, head);
  if (!zero)
    zero = arith::ConstantOp::create(b, b.getZeroAttr(b.integers(8)));
  zero = vector::ExtractOp::create(b, toSigned(operand, zero), int64_t(0));
  return arith::ExtSIOp::create(b, b.getI32Type(), zero);
}

Value Writer::getCodes(const Operand &operand, Value x, Value scale,
                       Value inverse, Value zero) {
  if (inverse) {
    x = getQuotient(b, x, scale, inverse);
    scale = b.splat(1.0);
  }
  return toSigned(operand,
                  emitCodes(b, b.getLoc(), operand.format, x, scale, zero));
}

void Writer::chooseDivision(Value largest,
                            function_ref<void(bool isOrdinary)> body) {
  if (!b.hasFMA())
    return body(false);
  b.choose(isOrdinary(b, largest), {1, 0},
           [&](int64_t isOrdinary) { body(isOrdinary != 0); });
}

Value Writer::toElements(Value codes) {
  if (integer.getWidth() == 8)
    return codes;
  return arith::ExtSIOp::create(b, b.integers(integer.getWidth()), codes);
}

Value Writer::foldRows(Value buffer,
                       function_ref<Value(Value, Value)> combine) {
  SmallVector<Value> rows;
  for (int64_t row = 0; row < lanes; ++row)
    rows.push_back(b.loadVector(buffer, {b.index(row), b.index(0)}));
  // A vector holds `width` numbers of each of some rows. Two become one that
  // holds half as many of all their rows.
  for (int64_t width = lanes; width > 1; width /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t at = 0; at < 2 * lanes; at += width)
      for (int64_t i = at; i < at + width / 2; ++i) {
        low.push_back(i);
        high.push_back(i + width / 2);
      }
    for (size_t i = 0; i < rows.size() / 2; ++i) {
      Value first = rows[2 * i], second = rows[2 * i + 1];
      rows[i] = combine(vector::ShuffleOp::create(b, first, second, low),
                        vector::ShuffleOp::create(b, first, second, high));
    }
    rows.resize(rows.size() / 2);
  }
  return rows.front();
}

void Writer::encodeRows(
    const Operand &operand, Value batch, Value head, Value first, Value last,
    function_ref<void(Value row, Value channel, Value codes)> store,
    function_ref<void(Value scales)> useScales,
    function_ref<void(Value sums)> useSums) {
  const int64_t size = operand.channels;
  const bool isGiven = hasGivenScales(operand.format);
  Value zero = b.index(0), count = b.index(lanes), zeroPoint;
  Value parts;
  if (useSums || !isGiven)
    parts = b.scratch({lanes, lanes}, b.getI32Type());
  auto load = [&](Value row, int64_t channel) {
    return b.load(
        operand.numbers,
        {batch, b.min(b.add(first, row), last), head, b.index(channel)},
        b.tailMask(channel, size));
  };
  auto encode = [&](Value row, Value scale, Value inverse) {
    Value sum = b.integerSplat(int64_t(0));
    for (int64_t channel = 0; channel < size; channel += lanes) {
      Value codes =
          getCodes(operand, load(row, channel), scale, inverse, zeroPoint);
      // Channels that do not exist have no part in sums.
      Value mask = b.tailMask(channel, size);
      if (mask && hasOrigin(operand))
        codes = arith::SelectOp::create(
            b, mask, codes,
            arith::ConstantOp::create(b, b.getZeroAttr(b.integers(8))));
      store(row, b.index(channel), codes);
      if (useSums)
        sum = arith::AddIOp::create(
            b, sum, arith::ExtSIOp::create(b, b.integers(), codes));
    }
    if (useSums)
      b.storeVector(sum, parts, {row, zero});
  };
  if (isGiven) {
    Value scale = loadScale(operand, head);
    zeroPoint = loadZero(operand, head);
    useScales(scale);
    b.loop(zero, count, 1, [&](Value row) { encode(row, scale, Value()); });
  } else {
    Value scales = b.scratch({lanes}), inverses = b.scratch({lanes});
    b.loop(zero, count, 1, [&](Value row) {
      Value largest = b.integerSplat(int64_t(0));
      for (int64_t channel = 0; channel < size; channel += lanes)
        largest = foldMagnitude(b, load(row, channel), largest);
      b.storeVector(largest, parts, {row, zero});
    });
    // The scales of all rows at once: a row alone would wait for its divisions.
    Value largest = foldRows(parts, [&](Value x, Value y) -> Value {
      return arith::MaxSIOp::create(b, x, y);
    });
    Value scale = operand.format.emitScale(
        b, b.getLoc(), arith::BitcastOp::create(b, b.vector(), largest));
    b.store(scale, scales, zero);
    b.store(b.fdiv(b.splat(1.0), scale), inverses, zero);
    useScales(scale);
    chooseDivision(largest, [&](bool isOrdinary) {
      b.loop(zero, count, 1, [&](Value row) {
        encode(row, b.splat(b.loadScalar(scales, row)),
               isOrdinary ? b.splat(b.loadScalar(inverses, row)) : Value());
      });
    });
  }
  if (useSums)
    useSums(foldRows(parts, [&](Value x, Value y) -> Value {
      return arith::AddIOp::create(b, x, y);
    }));
}

//===----------------------------------------------------------------------===//
// Keys and values
//===----------------------------------------------------------------------===//

void Writer::packKeys(Value batch, Value group, Value place) {
  const int64_t rowWords = llvm::alignTo(keyWords, lanes);
  Value zero = b.index(0), last = b.sub(keys, b.index(1));
  Value staged = b.scratch({lanes, rowWords * depth}, integer);
  VectorType words = b.integers(integer.getWidth(), depth);
  Value noWords = arith::ConstantOp::create(b, b.getZeroAttr(words));
  b.loop(zero, b.index(lanes), 1, [&](Value row) {
    for (int64_t word = 0; word < rowWords; word += lanes)
      b.storeVector(noWords, staged, {row, b.index(word * depth)});
  });
  b.loop(zero, paddedKeys, lanes, [&](Value first) {
    auto storeSums = [&](Value sums) {
      b.storeVector(sums, keySums, {place, first});
    };
    encodeRows(
        key, batch, group, first, last,
        [&](Value row, Value channel, Value codes) {
          b.storeVector(toElements(codes), staged, {row, channel});
        },
        [&](Value scales) { b.store(scales, keyScales, {place, first}); },
        keySums ? function_ref<void(Value)>(storeSums) : nullptr);
    // A word of a key to a lane.
    Value panelOfRow = b.floorDiv(first, panel);
    Value column = b.sub(first, b.mul(panelOfRow, panel));
    Value target = b.add(b.mul(place, numKeyPanels), panelOfRow);
    for (int64_t word = 0; word < keyWords; word += lanes) {
      SmallVector<Value> rows;
      for (int64_t row = 0; row < lanes; ++row)
        rows.push_back(bitcast(
            b.loadVector(staged, {b.index(row), b.index(word * depth)}, depth),
            b.vector()));
      SmallVector<Value> columns = b.transpose(rows);
      for (int64_t i = 0; i < std::min(lanes, keyWords - word); ++i)
        b.storeVector(bitcast(columns[i], words), keyPanels,
                      {target, b.index(word + i), b.mul(column, depth)});
    }
  });
}

void Writer::packValues(Value batch, Value group, Value place) {
  const int64_t vectors = llvm::divideCeil(a.valueSize, lanes);
  const int64_t chains = std::min(vectors, channelChains);
  Value zero = b.index(0), last = b.sub(keys, b.index(1));
  auto load = [&](Value row, int64_t vector) {
    return b.load(value.numbers, {batch, row, group, b.index(vector * lanes)},
                  b.tailMask(vector * lanes, a.valueSize));
  };
  Value firstPanel = b.mul(place, numValuePanels);
  auto pack = [&](Value scales, Value inverses, Value zeroPoint) {
    // The codes of a word belong to keys in a row.
    b.loop(zero, b.floorDiv(paddedKeys, depth), 1, [&](Value word) {
      for (int64_t vector = 0; vector < vectors; ++vector) {
        Value all;
        for (int64_t i = 0; i < depth; ++i) {
          Value row = b.min(b.add(b.mul(word, depth), i), last);
          Value codes = toElements(
              getCodes(value, load(row, vector), scales, inverses, zeroPoint));
          codes = arith::ExtUIOp::create(b, b.integers(), codes);
          if (i == 0) {
            all = codes;
            continue;
          }
          codes = arith::ShLIOp::create(b, codes,
                                        b.integerSplat(i * integer.getWidth()));
          all = arith::OrIOp::create(b, all, codes);
        }
        int64_t channel = vector * lanes;
        b.storeVector(bitcast(all, b.integers(integer.getWidth(), depth)),
                      valuePanels,
                      {b.add(firstPanel, channel / panel), word,
                       b.index(channel % panel * depth)});
      }
    });
  };
  if (hasGivenScales(value.format)) {
    Value scales = loadScale(value, group);
    b.storeScalar(vector::ExtractOp::create(b, scales, int64_t(0)), valueScales,
                  place);
    return pack(scales, Value(), loadZero(value, group));
  }
  SmallVector<Value> largest(chains, b.integerSplat(int64_t(0)));
  largest = b.loop(zero, keys, 1, largest, [&](Value row, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (int64_t vector = 0; vector < vectors; ++vector) {
      Value &chain = next[vector % chains];
      chain = foldMagnitude(b, load(row, vector), chain);
    }
    return next;
  });
  for (Value other : ArrayRef(largest).drop_front())
    largest.front() = arith::MaxSIOp::create(b, largest.front(), other);
  Value bits = vector::ReductionOp::create(b, vector::CombiningKind::MAXSI,
                                           largest.front());
  Value number = value.format.emitScale(
      b, b.getLoc(), arith::BitcastOp::create(b, b.compute(), bits));
  b.storeScalar(number, valueScales, place);
  Value scales = b.splat(number), inverses = b.fdiv(b.splat(1.0), scales);
  chooseDivision(bits, [&](bool isOrdinary) {
    pack(scales, isOrdinary ? inverses : Value(), Value());
  });
}

void Writer::preparePenalties(Value batch, Value place) {
  b.loop(b.index(0), paddedKeys, lanes, [&](Value first) {
    Value count = b.max(b.index(0), b.sub(keys, first));
    b.store(arith::SelectOp::create(b, b.mask(count), b.splat(0.0),
                                    negativeInfinity()),
            penalties, {place, first});
  });
  if (!mask)
    return;
  b.loop(b.index(0), keys, 1, [&](Value position) {
    Value seen = b.loadScalar(mask, {batch, position});
    Value none = arith::ConstantOp::create(b, b.getZeroAttr(seen.getType()));
    Value isHidden =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, seen, none);
    b.ifThen(isHidden, [&] {
      b.storeScalar(f32(-std::numeric_limits<double>::infinity()), penalties,
                    {place, position});
    });
  });
}

//===----------------------------------------------------------------------===//
// Tasks
//===----------------------------------------------------------------------===//

void Writer::prepareTask(Value batchIndex, Value headIndex) {
  batch = batchIndex, head = headIndex;
  Value group = getHeadGroup(b, a, head);
  place = b.add(b.mul(batch, a.groups), group);
  queryOrigin = loadOrigin(query, head);
  keyOrigin = loadOrigin(key, group);
  valueOrigin = loadOrigin(value, group);
  const int64_t stride = llvm::alignTo(
      std::max<int64_t>(keyWords * depth, llvm::alignTo(a.keySize, lanes)),
      lineBytes);
  // Rows of a power of two would share few sets of the cache.
  const int64_t gap = lineBytes / sizeof(float);
  queryRows = b.scratch({taskRows, stride}, integer);
  factors = b.scratch({taskRows});
  scores = b.scratch({blockRows, block + gap}, b.getI32Type());
  maxima = b.scratch({blockRows, lanes});
  totals = b.scratch({blockRows});
  sums = b.scratch({blockRows, numValuePanels * panel + gap}, b.getI32Type());
  if (keyOrigin)
    queryTerms = b.scratch({taskRows}, b.getI32Type());
  if (!hasRows)
    numberFactors = b.scratch({blockRows});
  weights.clear(), results.clear(), byteSums.clear();
  for (int64_t byte = 0; byte < k.numBytes; ++byte) {
    weights.push_back(b.scratch({blockRows, block + lineBytes}, integer));
    results.push_back(b.scratch({blockRows, numValuePanels * panel}));
    if (valueOrigin)
      byteSums.push_back(b.scratch({blockRows}, b.getI32Type()));
  }
  product.reset();
  if (!k.tiles)
    return;
  product.emplace(b, keyWords * depth);
  product->configure(b.index(blockRows));
}

void Writer::encodeQueries(Value first, Value end) {
  firstRow = first;
  auto multiply = [&](Value x, Value y) -> Value {
    return arith::MulIOp::create(b, x, y);
  };
  b.loop(b.index(0), b.sub(end, first), lanes, [&](Value row) {
    auto storeTerms = [&](Value sums) {
      // A key that stands for 0 takes this off, and gives that.
      Value term = multiply(b.integerSplat(keyOrigin), sums);
      Value all = b.integerSplat(int64_t(0));
      if (queryOrigin)
        all = multiply(b.integerSplat(multiply(queryOrigin, keyOrigin)),
                       b.integerSplat(a.keySize));
      b.storeVector(arith::SubIOp::create(b, all, term), queryTerms, row);
    };
    encodeRows(
        query, batch, head, b.add(first, row), b.sub(queries, b.index(1)),
        [&](Value r, Value channel, Value codes) {
          // Vectors multiply unsigned bytes.
          if (k.dot == IntegerDot::Quads && !k.tiles)
            codes = flipSigns(codes);
          b.storeVector(toElements(codes), queryRows, {b.add(row, r), channel});
        },
        [&](Value scales) {
          b.store(b.fmul(scales, b.splat(scale)), factors, row);
        },
        keyOrigin ? function_ref<void(Value)>(storeTerms) : nullptr);
  });
}

void Writer::attend(Value first) {
  firstQuery = first;
  queryRow = b.sub(firstQuery, firstRow);
  rows = b.min(b.index(blockRows), b.sub(queries, firstQuery));
  Value zero = b.index(0);
  b.loop(zero, b.index(blockRows), 1, [&](Value row) {
    b.store(b.splat(integer_attention::leastMaximum), maxima, {row, zero});
    b.storeScalar(f32(0), totals, row);
    for (Value result : results)
      for (int64_t at = 0; at < numValuePanels * panel; at += lanes)
        b.store(b.splat(0.0), result, {row, b.index(at)});
  });

  // Query i has position keys - queries + i.
  shift = b.sub(keys, queries);
  begin = zero, end = keys;
  if (a.causal || a.window)
    end = b.min(keys, b.add(b.add(shift, firstQuery), rows));
  if (a.window) {
    begin =
        b.max(zero, b.sub(b.add(shift, firstQuery), b.index(*a.window - 1)));
    begin = b.mul(b.floorDiv(begin, block), block);
  }
  Value isSplit = b.less(b.add(begin, block), end);
  if (hasRows) {
    b.loop(begin, end, block, [&](Value first) { score(first); });
    b.loop(begin, end, block, [&](Value first) {
      b.ifThen(isSplit, [&] { score(first); });
      weigh(first);
      addValues(first);
    });
    return finish();
  }
  // The greatest scores, the sums of weights, and those of values. What an
  // earlier pass found stays as it is where it is found again.
  enum Pass : int64_t { Greatest, Totals, Values, NumPasses };
  b.loop(zero, b.index(NumPasses), 1, [&](Value pass) {
    auto isPass = [&](Pass which) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, pass,
                                   b.index(which));
    };
    Value isGreatest = isPass(Greatest), isValues = isPass(Values);
    Value scores = arith::OrIOp::create(b, isGreatest, isSplit);
    Value weighs = arith::OrIOp::create(
        b, isPass(Totals), arith::AndIOp::create(b, isValues, isSplit));
    b.ifThen(isValues, [&] { prepareFactors(); });
    b.loop(begin, end, block, [&](Value first) {
      b.ifThen(scores, [&] { score(first); });
      b.ifThen(weighs, [&] { sumWeights(first); });
      b.ifThen(isValues, [&] {
        encodeWeights(first);
        addValues(first);
      });
    });
  });
  finish();
}

void Writer::multiplyKeys(Value first) {
  Value zero = b.index(0);
  Value firstPanel =
      b.add(b.mul(place, numKeyPanels), b.floorDiv(first, panel));
  b.loop(zero, b.ceilDiv(count(first), panel), 1, [&](Value index) {
    Value at = b.add(firstPanel, index), column = b.mul(index, panel);
    if (product) {
      TileProductForm form;
      form.column = column;
      form.isSigned = true;
      product->multiply(queryRows, queryRow, rows, keyPanels, at, zero, scores,
                        form);
      return;
    }
    auto loadKeys = [&](Value word, int64_t v) {
      return b.loadVector(keyPanels, {at, word, b.index(v * lanes * depth)},
                          depth);
    };
    // What was added to queries goes before the first product.
    SmallVector<Value> start(panelVectors, b.integerSplat(int64_t(0)));
    if (k.dot == IntegerDot::Quads) {
      Value offset = arith::ConstantOp::create(
          b, DenseElementsAttr::get(b.integers(8, depth), int8_t(-128)));
      start = b.contract(
          k.dot, 1, panelVectors, b.index(keyWords), start,
          [&](Value, int64_t) { return offset; }, loadKeys);
      for (Value &sum : start)
        sum = arith::SubIOp::create(b, b.integerSplat(int64_t(0)), sum);
    }
    b.loop(zero, rows, tile, [&](Value row) {
      SmallVector<Value> all;
      for (int64_t r = 0; r < tile; ++r)
        llvm::append_range(all, start);
      all = b.contract(
          k.dot, tile, panelVectors, b.index(keyWords), all,
          [&](Value word, int64_t r) {
            return b.loadRepeated(queryRows, {b.add(b.add(queryRow, row), r),
                                              b.mul(word, depth)});
          },
          loadKeys);
      for (auto [i, sum] : llvm::enumerate(all))
        b.storeVector(sum, scores,
                      {b.add(row, i / panelVectors),
                       b.add(column, i % panelVectors * lanes)});
    });
  });
}

void Writer::score(Value first) {
  multiplyKeys(first);
  Value zero = b.index(0), padded = alignTo(count(first), panel);
  b.loop(zero, rows, 1, [&](Value row) {
    Value factor = b.splat(b.loadScalar(factors, b.add(queryRow, row)));
    Value known[] = {row, zero};
    SmallVector<Value> largest(panelVectors, b.load(maxima, known));
    largest = b.loop(
        zero, padded, panel, largest, [&](Value column, ValueRange carried) {
          SmallVector<Value> next;
          for (int64_t v = 0; v < panelVectors; ++v) {
            Value at[] = {row, b.add(column, v * lanes)};
            Value score = finishScore(b.loadVector(scores, at), row, factor,
                                      b.add(first, at[1]));
            b.storeVector(toBits(score), scores, at);
            next.push_back(b.fmax(carried[v], score));
          }
          return next;
        });
    b.store(b.fmax(largest[0], largest[1]), maxima, known);
  });
}

Value Writer::finishScore(Value sum, Value row, Value factor, Value position) {
  if (keyOrigin) {
    Value term = b.loadScalar(queryTerms, b.add(queryRow, row));
    sum = arith::AddIOp::create(b, sum, b.integerSplat(term));
  }
  if (queryOrigin) {
    Value term =
        arith::MulIOp::create(b, b.integerSplat(queryOrigin),
                              b.loadVector(keySums, {place, position}));
    sum = arith::SubIOp::create(b, sum, term);
  }
  Value score = b.fmul(b.toFloats(sum),
                       b.fmul(factor, b.load(keyScales, {place, position})));
  if (bias) {
    Value source = b.min(b.add(firstQuery, row), b.sub(queries, b.index(1)));
    Value indices[] = {batch, head, source, position};
    Value count = b.max(b.index(0), b.sub(keys, position));
    Value numbers =
        b.load(bias, ValueRange(indices).take_back(a.biasRank), b.mask(count));
    score = b.fadd(score, b.fmul(numbers, b.splat(integer_attention::octaves)));
  }
  score = b.fadd(score, b.load(penalties, {place, position}));
  if (a.causal || a.window) {
    auto steps = llvm::to_vector(llvm::seq<int32_t>(0, lanes));
    Value keyPositions = arith::AddIOp::create(
        b, toPositions(position),
        arith::ConstantOp::create(b, b.getI32VectorAttr(steps)));
    Value own = b.add(b.add(shift, firstQuery), row);
    auto hideUnless = [&](arith::CmpIPredicate predicate, Value bound) {
      Value isSeen =
          arith::CmpIOp::create(b, predicate, keyPositions, toPositions(bound));
      score = arith::SelectOp::create(b, isSeen, score, negativeInfinity());
    };
    hideUnless(arith::CmpIPredicate::sle, own);
    if (a.window)
      hideUnless(arith::CmpIPredicate::sgt, b.sub(own, b.index(*a.window)));
  }
  return score;
}

Value Writer::getGreatest(Value values) {
  for (int64_t distance = lanes / 2; distance > 0; distance /= 2) {
    auto others =
        llvm::map_to_vector(llvm::seq<int64_t>(0, lanes),
                            [&](int64_t lane) { return lane ^ distance; });
    values =
        b.fmax(values, vector::ShuffleOp::create(b, values, values, others));
  }
  return values;
}

Value Writer::mergeBytes(ArrayRef<Value> words, int64_t shift) {
  // Byte `v` of a lane is that of vector `v`.
  Value merged;
  for (auto [v, word] : llvm::enumerate(words)) {
    const int64_t distance = 8 * static_cast<int64_t>(v) - shift;
    Value byte = word;
    if (distance < 0)
      byte = arith::ShRUIOp::create(b, byte, b.integerSplat(-distance));
    else if (distance > 0)
      byte = arith::ShLIOp::create(b, byte, b.integerSplat(distance));
    byte = arith::AndIOp::create(
        b, byte, b.integerSplat(int64_t(int32_t(uint32_t(255) << 8 * v))));
    merged = merged ? Value(arith::OrIOp::create(b, merged, byte)) : byte;
  }
  const int64_t numVectors = words.size();
  auto order =
      llvm::map_to_vector(llvm::seq<int64_t>(0, lineBytes), [&](int64_t place) {
        return place % lanes * numVectors + place / lanes;
      });
  Value bytes = bitcast(merged, b.integers(8, numVectors));
  return vector::ShuffleOp::create(b, bytes, bytes, order);
}

Value Writer::narrow(Value words, int64_t shift) {
  if (shift)
    words = arith::ShRUIOp::create(b, words, b.integerSplat(shift));
  if (integer.getWidth() != 8)
    words = arith::AndIOp::create(b, words, b.integerSplat(int64_t(255)));
  return arith::TruncIOp::create(b, b.integers(integer.getWidth()), words);
}

Value Writer::getWeight(Value row, Value column, Value greatest, double bias) {
  // Adding this leaves the integer next to a number in the low bits.
  constexpr double toInteger = 12582912.0;
  std::array<float, 4> polynomial =
      integer_attention::getWeightPolynomial(k.probabilities);
  Value octaves =
      b.fmax(b.splat(integer_attention::leastOctave),
             b.fsub(toNumbers(b.loadVector(scores, {row, column})), greatest));
  Value shifted = b.fadd(octaves, b.splat(toInteger));
  Value rest = b.fsub(octaves, b.fsub(shifted, b.splat(toInteger)));
  // The contract has two roundings here, not one.
  Value power = b.splat(polynomial.back());
  for (float c : llvm::reverse(ArrayRef(polynomial).drop_back()))
    power = b.fadd(b.fmul(power, rest), b.splat(c));
  Value bits = arith::AddIOp::create(
      b, toBits(power),
      arith::ShLIOp::create(b, toBits(shifted), b.integerSplat(int64_t(23))));
  return b.fadd(toNumbers(bits), b.splat(bias));
}

void Writer::addTotal(Value row, ArrayRef<Value> parts, Value padded,
                      double bias) {
  Value sum = parts.front();
  for (Value part : parts.drop_front())
    sum = arith::AddIOp::create(b, sum, part);
  sum = vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum);
  const int32_t bits = llvm::bit_cast<int32_t>(static_cast<float>(bias));
  Value base = arith::MulIOp::create(
      b, arith::IndexCastOp::create(b, b.getI32Type(), padded),
      arith::ConstantOp::create(b, b.getI32IntegerAttr(bits)));
  sum = arith::SIToFPOp::create(b, b.compute(),
                                arith::SubIOp::create(b, sum, base));
  b.storeScalar(b.fadd(b.loadScalar(totals, row), sum), totals, row);
}

void Writer::storeBytes(Value row, Value padded, int64_t shift,
                        SmallVectorImpl<Value> &carried,
                        function_ref<Value(Value column, int64_t vector,
                                           MutableArrayRef<Value> carried)>
                            getWord) {
  // Behind what `getWord` carries stand the sums of bytes.
  const size_t numCarried = carried.size();
  carried.append(byteSums.size(), b.integerSplat(int64_t(0)));
  auto storeVectors = [&](Value begin, Value end, int64_t numVectors,
                          bool isMerged) {
    carried = b.loop(
        begin, end, numVectors * lanes, carried,
        [&](Value column, ValueRange values) {
          SmallVector<Value> next(values), words;
          for (int64_t v = 0; v < numVectors; ++v)
            words.push_back(
                getWord(b.add(column, v * lanes), v,
                        MutableArrayRef(next).take_front(numCarried)));
          for (auto [byte, target] : llvm::enumerate(weights)) {
            const int64_t first = shift + 8 * static_cast<int64_t>(byte);
            if (isMerged)
              b.storeVector(mergeBytes(words, first), target, {row, column});
            for (auto [v, word] : llvm::enumerate(words)) {
              if (!isMerged)
                b.storeVector(narrow(word, first), target,
                              {row, b.add(column, v * lanes)});
              if (byteSums.empty())
                continue;
              Value digit =
                  arith::ShRUIOp::create(b, word, b.integerSplat(first));
              digit =
                  arith::AndIOp::create(b, digit, b.integerSplat(int64_t(255)));
              Value &sum = next[numCarried + byte];
              sum = arith::AddIOp::create(b, sum, digit);
            }
          }
          return next;
        });
  };
  Value whole = b.index(0);
  if (mergesBytes()) {
    whole = b.mul(b.floorDiv(padded, lineBytes), lineBytes);
    storeVectors(b.index(0), whole, lineBytes / lanes, /*isMerged=*/true);
  }
  storeVectors(whole, padded, panelVectors, /*isMerged=*/false);
  for (auto [byte, target] : llvm::enumerate(byteSums))
    b.storeScalar(vector::ReductionOp::create(b, vector::CombiningKind::ADD,
                                              carried[numCarried + byte]),
                  target, row);
  carried.truncate(numCarried);
}

void Writer::clearTail(Value first) {
  if (!product)
    return;
  // The tile registers take whole steps.
  Value none =
      arith::ConstantOp::create(b, b.getZeroAttr(b.integers(8, panelVectors)));
  b.loop(alignTo(count(first), panel), alignTo(count(first), keyStep), panel,
         [&](Value column) {
           b.loop(b.index(0), rows, 1, [&](Value row) {
             for (Value target : weights)
               b.storeVector(none, target, {row, column});
           });
         });
}

void Writer::weigh(Value first) {
  // The integers of weights are in the low bits, of those that become uniform
  // codes with the half that rounds them.
  constexpr int64_t bits = integer_attention::weightBits;
  const double bias =
      weightBias + (k.tableSlots ? 0 : int64_t(1) << (bits - 1));
  Value zero = b.index(0), padded = alignTo(count(first), panel), factor;
  if (k.tableSlots) {
    loadTables();
    factor = b.splat(b.fmul(greatestNumber,
                            f32(1.0 / double(integer_attention::numberUnit))));
  }
  b.loop(zero, rows, 1, [&](Value row) {
    Value greatest = getGreatest(b.load(maxima, {row, zero}));
    SmallVector<Value> total(panelVectors, b.integerSplat(int64_t(0)));
    storeBytes(
        row, padded, k.tableSlots ? 0 : bits, total,
        [&](Value column, int64_t v, MutableArrayRef<Value> carried) -> Value {
          Value weight = getWeight(row, column, greatest, bias);
          Value &sum = carried[v % panelVectors];
          sum = arith::AddIOp::create(b, sum, toBits(weight));
          if (!k.tableSlots)
            return toBits(weight);
          return getInteger(b.fsub(weight, b.splat(bias)), factor);
        });
    addTotal(row, total, padded, bias);
  });
  clearTail(first);
}

void Writer::sumWeights(Value first) {
  Value zero = b.index(0), padded = alignTo(count(first), panel);
  b.loop(zero, rows, 1, [&](Value row) {
    Value greatest = getGreatest(b.load(maxima, {row, zero}));
    SmallVector<Value> total(panelVectors, b.integerSplat(int64_t(0)));
    total = b.loop(
        zero, padded, panel, total, [&](Value column, ValueRange carried) {
          SmallVector<Value> next(carried);
          for (auto [v, sum] : llvm::enumerate(next)) {
            Value at = b.add(column, v * lanes);
            Value weight = getWeight(row, at, greatest, weightBias);
            sum = arith::AddIOp::create(b, sum, toBits(weight));
            b.storeVector(toBits(b.fsub(weight, b.splat(weightBias))), scores,
                          {row, at});
          }
          return next;
        });
    addTotal(row, total, padded, weightBias);
  });
}

void Writer::prepareFactors() {
  Value scale = b.loadScalar(probabilityScale, {});
  b.loop(b.index(0), rows, 1, [&](Value row) {
    Value total = b.fmax(f32(1), b.loadScalar(totals, row));
    b.storeScalar(b.fdiv(f32(1), b.fmul(total, scale)), numberFactors, row);
  });
}

Value Writer::find(Value buffer, const LookupTable &table, Value places) {
  if (k.tableSlots == tableSize)
    return b.lookup(table, places, /*shift=*/0);
  return b.gather(buffer, places);
}

Value Writer::getInteger(Value x) {
  if (!k.tableSlots)
    return arith::ExtUIOp::create(
        b, b.integers(),
        emitCodes(b, b.getLoc(), k.probabilities, x, b.splat(1.0), Value()));
  Value none = b.integerSplat(int64_t(0)), place = none;
  for (int64_t step = k.tableSlots / 2; step > 0; step /= 2) {
    Value last = arith::AddIOp::create(b, place, b.integerSplat(step - 1));
    Value isBeyond = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, x,
                                           find(bounds, boundTable, last));
    place = arith::AddIOp::create(
        b, place,
        arith::SelectOp::create(b, isBeyond, b.integerSplat(step), none));
  }
  return toBits(find(integers, integerTable, place));
}

Value Writer::getInteger(Value weight, Value factor) {
  Value integer = getInteger(b.fmul(weight, factor));
  if (!k.tableSlots)
    return integer;
  // What is not seen adds nothing, even where the format has no 0.
  Value isSeen =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, weight, b.splat(0.0));
  return arith::SelectOp::create(b, isSeen, integer,
                                 b.integerSplat(int64_t(0)));
}

void Writer::loadTables() {
  if (k.tableSlots != tableSize)
    return;
  boundTable = b.loadTable(bounds);
  integerTable = b.loadTable(integers);
}

void Writer::encodeWeights(Value first) {
  Value zero = b.index(0), padded = alignTo(count(first), panel);
  loadTables();
  b.loop(zero, rows, 1, [&](Value row) {
    Value factor = b.splat(b.loadScalar(numberFactors, row));
    SmallVector<Value> carried;
    storeBytes(row, padded, /*shift=*/0, carried,
               [&](Value column, int64_t, MutableArrayRef<Value>) -> Value {
                 return getInteger(
                     toNumbers(b.loadVector(scores, {row, column})), factor);
               });
  });
  clearTail(first);
}

void Writer::addValues(Value first) {
  Value zero = b.index(0), firstPanel = b.mul(place, numValuePanels);
  Value firstWord = b.floorDiv(first, depth);
  for (size_t byte = 0; byte < weights.size(); ++byte) {
    Value bytes = weights[byte];
    b.loop(zero, b.index(numValuePanels), 1, [&](Value index) {
      Value at = b.add(firstPanel, index), column = b.mul(index, panel);
      if (product) {
        TileProductForm form;
        form.firstWeight = first;
        form.channels = alignTo(count(first), keyStep);
        form.column = column;
        product->multiply(bytes, zero, rows, valuePanels, at, zero, sums, form);
        return;
      }
      Value words = b.floorDiv(alignTo(count(first), panel), depth);
      b.loop(zero, rows, tile, [&](Value row) {
        SmallVector<Value> all(tile * panelVectors, b.integerSplat(int64_t(0)));
        all = b.contract(
            k.dot, tile, panelVectors, words, all,
            [&](Value word, int64_t r) {
              return b.loadRepeated(bytes, {b.add(row, r), b.mul(word, depth)});
            },
            [&](Value word, int64_t v) {
              return b.loadVector(
                  valuePanels,
                  {at, b.add(firstWord, word), b.index(v * lanes * depth)},
                  depth);
            });
        for (auto [i, sum] : llvm::enumerate(all))
          b.storeVector(sum, sums,
                        {b.add(row, i / panelVectors),
                         b.add(column, i % panelVectors * lanes)});
      });
    });
    b.loop(zero, rows, 1, [&](Value row) {
      Value offset;
      if (valueOrigin)
        offset = b.integerSplat(arith::MulIOp::create(
            b, valueOrigin, b.loadScalar(byteSums[byte], row)));
      for (int64_t column = 0; column < numValuePanels * panel;
           column += lanes) {
        Value at[] = {row, b.index(column)};
        Value sum = b.loadVector(sums, at);
        if (offset)
          sum = arith::SubIOp::create(b, sum, offset);
        b.store(b.fadd(b.load(results[byte], at), b.toFloats(sum)),
                results[byte], at);
      }
    });
  }
}

void Writer::finish() {
  // Integers are multiples of this part of the greatest number.
  const double part = std::ldexp(1.0, 1 - 8 * static_cast<int>(k.numBytes));
  Value valueScale = b.loadScalar(valueScales, place), given;
  if (!hasRows) {
    Value unit = k.tableSlots ? b.fmul(greatestNumber, f32(part)) : f32(1);
    given = b.splat(
        b.fmul(b.fmul(unit, b.loadScalar(probabilityScale, {})), valueScale));
  }
  b.loop(b.index(0), rows, 1, [&](Value row) {
    Value factor = given;
    if (hasRows) {
      Value total = b.fmax(f32(1), b.loadScalar(totals, row));
      // In units of weights.
      Value unit =
          f32(k.tableSlots ? part * integer_attention::numberUnit
                           : int64_t(1) << integer_attention::weightBits);
      factor = b.splat(b.fmul(b.fdiv(unit, total), valueScale));
    }
    for (int64_t channel = 0; channel < a.valueSize; channel += lanes) {
      Value at[] = {row, b.index(channel)};
      Value result = b.load(results.back(), at);
      for (Value lower : llvm::reverse(ArrayRef(results).drop_back()))
        result = b.fadd(b.fmul(result, b.splat(256.0)), b.load(lower, at));
      b.store(b.fmul(result, factor), out,
              {batch, b.add(firstQuery, row), head, b.index(channel)},
              b.tailMask(channel, a.valueSize));
    }
  });
}

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const IntegerAttentionKernel &k) {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  const AttentionKernel &a = k.attention;
  KernelBuilder b(library, a.element);
  SmallVector<Type> inputs{
      rowsType({dynamic, dynamic, a.heads, a.keySize}, a.element),
      rowsType({dynamic, dynamic, a.groups, a.keySize}, a.element),
      rowsType({dynamic, dynamic, a.groups, a.valueSize}, a.element),
      b.compute()};
  const std::pair<QuantizerAttrInterface, int64_t> operands[] = {
      {k.query, a.heads}, {k.key, a.groups}, {k.value, a.groups}};
  for (auto [format, heads] : operands) {
    if (!hasGivenScales(format))
      continue;
    SmallVector<int64_t> shape = getParameterShape(format, heads);
    inputs.push_back(denseType(shape, b.compute()));
    if (format.hasZeroPoint())
      inputs.push_back(denseType(shape, b.getI8Type()));
  }
  if (!integer_attention::hasRowScales(k.probabilities))
    inputs.push_back(denseType({}, b.compute()));
  if (k.tableSlots) {
    inputs.push_back(b.compute());
    inputs.append(2, denseType({k.tableSlots}, b.compute()));
  }
  addAttentionTypes(a, inputs);
  return library.getOrCreate(
      symbolName(k), inputs, b,
      [&](func::FuncOp function) { Writer(k, b, function).write(); });
}
