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
// score is known before the first probability gets its code; where there is
// more than one block of keys, scores are computed twice, which costs less than
// to keep them.
//
// C35 and C36 of docs/spec.md say what is computed.
//
//===----------------------------------------------------------------------===//

#include "Encoding.h"
#include "KernelLibrary.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h"
#include "TileProduct.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

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

static std::string symbolName(const IntegerAttentionKernel &k) {
  std::string name = "kernel_integer_" + getSymbolPart(k.attention);
  name += k.tiles                      ? "_tiles_"
          : k.dot == IntegerDot::Quads ? "_quads_"
                                       : "_pairs_";
  for (QuantizerAttrInterface format :
       {k.query, k.key, k.value, k.probabilities})
    name += (format.hasSignedCodes() ? "i" : "u") +
            std::to_string(format.getStorageType().getWidth());
  return name;
}

namespace {
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

  /// Gives the rows of `x` from `first` on, as many as a register has lanes,
  /// codes with a scale each; the row `last` stands in for those behind it.
  /// `store` takes the codes of a vector of channels.
  void
  encodeRows(Value x, QuantizerAttrInterface format, int64_t size, Value batch,
             Value head, Value first, Value last,
             function_ref<void(Value row, Value channel, Value codes)> store,
             function_ref<void(Value scales)> useScales);
  /// The codes of `x`; `inverse` is null where there are divisions.
  Value getCodes(QuantizerAttrInterface format, Value x, Value scale,
                 Value inverse);
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

  /// Whether codes of four vectors are merged and stored as one line: a third
  /// of the permutations that narrowing each would take, and a quarter of the
  /// stores.
  bool mergesCodes() const { return lanes == 16 && integer.getWidth() == 8; }
  /// The codes of weights that lie next to each other, a line.
  Value mergeCodes(ArrayRef<Value> found);
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
  /// The greatest integer of row i in lane i.
  Value getRowMaxima(Value buffer);
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

  Value query, key, value, scale, mask, bias, out;
  Value queries, keys;
  // Of all groups: panels, scales and what hides keys.
  Value keyPanels, valuePanels, keyScales, valueScales, penalties;
  Value paddedKeys, numKeyPanels;
  // Of a task.
  Value batch, head, place, firstRow;
  // Of a block: the first query, its row among those of the task, and what it
  // sees.
  Value firstQuery, queryRow, rows, begin, end, shift;
  /// Scores are sums of integers first, then the bits of floats.
  Value queryRows, factors, scores, maxima, weights, totals, sums, results;
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
      integer(IntegerRows{k.dot, a.keySize}.element(b.getContext())) {
  unsigned next = 0;
  auto take = [&] { return function.getArgument(next++); };
  query = take(), key = take(), value = take(), scale = take();
  if (a.mask)
    mask = take();
  if (a.biasRank)
    bias = take();
  out = take();
  queries = b.dim(query, 1);
  keys = b.dim(key, 1);
}

void Writer::write() {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  Value batches = b.dim(query, 0), places = b.mul(batches, a.groups);
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

Value Writer::getCodes(QuantizerAttrInterface format, Value x, Value scale,
                       Value inverse) {
  if (!inverse)
    return emitCodes(b, b.getLoc(), format, x, scale, Value());
  return emitCodes(b, b.getLoc(), format, getQuotient(b, x, scale, inverse),
                   b.splat(1.0), Value());
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

Value Writer::getRowMaxima(Value buffer) {
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
      rows[i] = arith::MaxSIOp::create(
          b, vector::ShuffleOp::create(b, first, second, low),
          vector::ShuffleOp::create(b, first, second, high));
    }
    rows.resize(rows.size() / 2);
  }
  return rows.front();
}

void Writer::encodeRows(
    Value x, QuantizerAttrInterface format, int64_t size, Value batch,
    Value head, Value first, Value last,
    function_ref<void(Value row, Value channel, Value codes)> store,
    function_ref<void(Value scales)> useScales) {
  Value zero = b.index(0), count = b.index(lanes);
  Value parts = b.scratch({lanes, lanes}, b.getI32Type());
  Value scales = b.scratch({lanes}), inverses = b.scratch({lanes});
  auto load = [&](Value row, int64_t channel) {
    return b.load(
        x, {batch, b.min(b.add(first, row), last), head, b.index(channel)},
        b.tailMask(channel, size));
  };
  b.loop(zero, count, 1, [&](Value row) {
    Value largest = b.integerSplat(int64_t(0));
    for (int64_t channel = 0; channel < size; channel += lanes)
      largest = foldMagnitude(b, load(row, channel), largest);
    b.storeVector(largest, parts, {row, zero});
  });
  // The scales of all rows at once: a row alone would wait for its divisions.
  Value largest = getRowMaxima(parts);
  Value scale = format.emitScale(
      b, b.getLoc(), arith::BitcastOp::create(b, b.vector(), largest));
  b.store(scale, scales, zero);
  b.store(b.fdiv(b.splat(1.0), scale), inverses, zero);
  useScales(scale);
  chooseDivision(largest, [&](bool isOrdinary) {
    b.loop(zero, count, 1, [&](Value row) {
      Value scale = b.splat(b.loadScalar(scales, row)), inverse;
      if (isOrdinary)
        inverse = b.splat(b.loadScalar(inverses, row));
      for (int64_t channel = 0; channel < size; channel += lanes)
        store(row, b.index(channel),
              getCodes(format, load(row, channel), scale, inverse));
    });
  });
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
    encodeRows(
        key, k.key, a.keySize, batch, group, first, last,
        [&](Value row, Value channel, Value codes) {
          b.storeVector(toElements(codes), staged, {row, channel});
        },
        [&](Value scales) { b.store(scales, keyScales, {place, first}); });
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
    return b.load(value, {batch, row, group, b.index(vector * lanes)},
                  b.tailMask(vector * lanes, a.valueSize));
  };
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
  Value number = k.value.emitScale(
      b, b.getLoc(), arith::BitcastOp::create(b, b.compute(), bits));
  b.storeScalar(number, valueScales, place);
  Value scales = b.splat(number), inverses = b.fdiv(b.splat(1.0), scales);

  // The codes of a word belong to keys in a row.
  Value firstPanel = b.mul(place, numValuePanels);
  chooseDivision(bits, [&](bool isOrdinary) {
    b.loop(zero, b.floorDiv(paddedKeys, depth), 1, [&](Value word) {
      for (int64_t vector = 0; vector < vectors; ++vector) {
        Value all;
        for (int64_t i = 0; i < depth; ++i) {
          Value row = b.min(b.add(b.mul(word, depth), i), last);
          Value codes = toElements(getCodes(k.value, load(row, vector), scales,
                                            isOrdinary ? inverses : Value()));
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
  place = b.add(b.mul(batch, a.groups), getHeadGroup(b, a, head));
  const int64_t stride = llvm::alignTo(
      std::max<int64_t>(keyWords * depth, llvm::alignTo(a.keySize, lanes)),
      lineBytes);
  // Rows of a power of two would share few sets of the cache.
  const int64_t gap = lineBytes / sizeof(float);
  queryRows = b.scratch({taskRows, stride}, integer);
  factors = b.scratch({taskRows});
  scores = b.scratch({blockRows, block + gap}, b.getI32Type());
  maxima = b.scratch({blockRows, lanes});
  weights = b.scratch({blockRows, block + lineBytes}, integer);
  totals = b.scratch({blockRows});
  sums = b.scratch({blockRows, numValuePanels * panel + gap}, b.getI32Type());
  results = b.scratch({blockRows, numValuePanels * panel});
  product.reset();
  if (!k.tiles)
    return;
  product.emplace(b, keyWords * depth);
  product->configure(b.index(blockRows));
}

void Writer::encodeQueries(Value first, Value end) {
  firstRow = first;
  b.loop(b.index(0), b.sub(end, first), lanes, [&](Value row) {
    encodeRows(
        query, k.query, a.keySize, batch, head, b.add(first, row),
        b.sub(queries, b.index(1)),
        [&](Value r, Value channel, Value codes) {
          // Vectors multiply unsigned bytes: adding 128 flips the highest bit.
          if (k.dot == IntegerDot::Quads && !k.tiles)
            codes = arith::XOrIOp::create(
                b, codes,
                arith::ConstantOp::create(
                    b, DenseElementsAttr::get(b.integers(8), int8_t(-128))));
          b.storeVector(toElements(codes), queryRows, {b.add(row, r), channel});
        },
        [&](Value scales) {
          b.store(b.fmul(scales, b.splat(scale)), factors, row);
        });
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
    for (int64_t at = 0; at < numValuePanels * panel; at += lanes)
      b.store(b.splat(0.0), results, {row, b.index(at)});
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
  b.loop(begin, end, block, [&](Value first) { score(first); });
  Value isSplit = b.less(b.add(begin, block), end);
  b.loop(begin, end, block, [&](Value first) {
    b.ifThen(isSplit, [&] { score(first); });
    weigh(first);
    addValues(first);
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

Value Writer::mergeCodes(ArrayRef<Value> found) {
  // Byte `v` of a lane is the code of vector `v`.
  Value words;
  for (auto [v, weight] : llvm::enumerate(found)) {
    const int64_t distance =
        8 * static_cast<int64_t>(v) - integer_attention::weightBits;
    Value code = weight;
    if (distance < 0)
      code = arith::ShRUIOp::create(b, code, b.integerSplat(-distance));
    else if (distance > 0)
      code = arith::ShLIOp::create(b, code, b.integerSplat(distance));
    code = arith::AndIOp::create(
        b, code, b.integerSplat(int64_t(int32_t(uint32_t(255) << 8 * v))));
    words = words ? Value(arith::OrIOp::create(b, words, code)) : code;
  }
  const int64_t numVectors = found.size();
  auto order =
      llvm::map_to_vector(llvm::seq<int64_t>(0, lineBytes), [&](int64_t place) {
        return place % lanes * numVectors + place / lanes;
      });
  Value bytes = bitcast(words, b.integers(8, numVectors));
  return vector::ShuffleOp::create(b, bytes, bytes, order);
}

void Writer::weigh(Value first) {
  // Adding this leaves the integer next to a number in the low bits.
  constexpr double toInteger = 12582912.0;
  // The same for weights, with the half that rounds them to codes.
  constexpr int64_t half = int64_t(1) << (integer_attention::weightBits - 1);
  constexpr double weightToBits = 8388608.0 + half;
  constexpr int64_t weightBase = 0x4B000000 + half;
  std::array<float, 4> polynomial =
      integer_attention::getWeightPolynomial(k.probabilities);
  Value zero = b.index(0), padded = alignTo(count(first), panel);

  b.loop(zero, rows, 1, [&](Value row) {
    Value greatest = getGreatest(b.load(maxima, {row, zero}));
    // The weight at `column`, with its code in the second byte.
    auto getWeight = [&](Value column) {
      Value octaves = b.fmax(
          b.splat(integer_attention::leastOctave),
          b.fsub(toNumbers(b.loadVector(scores, {row, column})), greatest));
      Value shifted = b.fadd(octaves, b.splat(toInteger));
      Value rest = b.fsub(octaves, b.fsub(shifted, b.splat(toInteger)));
      // The contract has two roundings here, not one.
      Value power = b.splat(polynomial.back());
      for (float c : llvm::reverse(ArrayRef(polynomial).drop_back()))
        power = b.fadd(b.fmul(power, rest), b.splat(c));
      Value bits = arith::AddIOp::create(
          b, toBits(power),
          arith::ShLIOp::create(b, toBits(shifted),
                                b.integerSplat(int64_t(23))));
      return toBits(b.fadd(toNumbers(bits), b.splat(weightToBits)));
    };
    SmallVector<Value> total(panelVectors, b.integerSplat(int64_t(0)));
    /// Weighs from `begin` to `end`, `numVectors` at a time, which `store`
    /// takes.
    auto weighColumns = [&](Value begin, Value end, int64_t numVectors,
                            function_ref<void(ArrayRef<Value>, Value)> store) {
      total = b.loop(begin, end, numVectors * lanes, total,
                     [&](Value column, ValueRange carried) {
                       SmallVector<Value> next(carried), found;
                       for (int64_t v = 0; v < numVectors; ++v) {
                         found.push_back(getWeight(b.add(column, v * lanes)));
                         Value &sum = next[v % panelVectors];
                         sum = arith::AddIOp::create(b, sum, found.back());
                       }
                       store(found, column);
                       return next;
                     });
    };
    Value whole = zero;
    if (mergesCodes()) {
      whole = b.mul(b.floorDiv(padded, lineBytes), lineBytes);
      weighColumns(zero, whole, lineBytes / lanes,
                   [&](ArrayRef<Value> found, Value column) {
                     b.storeVector(mergeCodes(found), weights, {row, column});
                   });
    }
    weighColumns(
        whole, padded, panelVectors, [&](ArrayRef<Value> found, Value column) {
          for (auto [v, weight] : llvm::enumerate(found)) {
            Value code = arith::ShRUIOp::create(
                b, weight, b.integerSplat(integer_attention::weightBits));
            if (integer.getWidth() != 8)
              code =
                  arith::AndIOp::create(b, code, b.integerSplat(int64_t(255)));
            code = arith::TruncIOp::create(b, b.integers(integer.getWidth()),
                                           code);
            b.storeVector(code, weights, {row, b.add(column, v * lanes)});
          }
        });
    Value sum = vector::ReductionOp::create(
        b, vector::CombiningKind::ADD,
        arith::AddIOp::create(b, total[0], total[1]));
    Value base = arith::MulIOp::create(
        b, arith::IndexCastOp::create(b, b.getI32Type(), padded),
        arith::ConstantOp::create(b, b.getI32IntegerAttr(weightBase)));
    sum = arith::SIToFPOp::create(b, b.compute(),
                                  arith::SubIOp::create(b, sum, base));
    b.storeScalar(b.fadd(b.loadScalar(totals, row), sum), totals, row);
  });
  if (!product)
    return;
  // The tile registers take whole steps.
  Value none =
      arith::ConstantOp::create(b, b.getZeroAttr(b.integers(8, panelVectors)));
  b.loop(padded, alignTo(count(first), keyStep), panel, [&](Value column) {
    b.loop(zero, rows, 1,
           [&](Value row) { b.storeVector(none, weights, {row, column}); });
  });
}

void Writer::addValues(Value first) {
  Value zero = b.index(0), firstPanel = b.mul(place, numValuePanels);
  Value firstWord = b.floorDiv(first, depth);
  b.loop(zero, b.index(numValuePanels), 1, [&](Value index) {
    Value at = b.add(firstPanel, index), column = b.mul(index, panel);
    if (product) {
      TileProductForm form;
      form.firstWeight = first;
      form.channels = alignTo(count(first), keyStep);
      form.column = column;
      product->multiply(weights, zero, rows, valuePanels, at, zero, sums, form);
      return;
    }
    Value words = b.floorDiv(alignTo(count(first), panel), depth);
    b.loop(zero, rows, tile, [&](Value row) {
      SmallVector<Value> all(tile * panelVectors, b.integerSplat(int64_t(0)));
      all = b.contract(
          k.dot, tile, panelVectors, words, all,
          [&](Value word, int64_t r) {
            return b.loadRepeated(weights, {b.add(row, r), b.mul(word, depth)});
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
    for (int64_t column = 0; column < numValuePanels * panel; column += lanes) {
      Value at[] = {row, b.index(column)};
      Value sum = b.toFloats(b.loadVector(sums, at));
      b.store(b.fadd(b.load(results, at), sum), results, at);
    }
  });
}

void Writer::finish() {
  b.loop(b.index(0), rows, 1, [&](Value row) {
    Value total = b.fmax(f32(1), b.loadScalar(totals, row));
    Value unit = f32(int64_t(1) << integer_attention::weightBits);
    Value factor =
        b.splat(b.fmul(b.fdiv(unit, total), b.loadScalar(valueScales, place)));
    for (int64_t channel = 0; channel < a.valueSize; channel += lanes)
      b.store(b.fmul(b.load(results, {row, b.index(channel)}), factor), out,
              {batch, b.add(firstQuery, row), head, b.index(channel)},
              b.tailMask(channel, a.valueSize));
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
  addAttentionTypes(a, inputs);
  return library.getOrCreate(
      symbolName(k), inputs, b,
      [&](func::FuncOp function) { Writer(k, b, function).write(); });
}
