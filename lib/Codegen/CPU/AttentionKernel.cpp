//===- AttentionKernel.cpp - Fused attention ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Softmax runs online over blocks of keys, so scores exist for one block only.
// With many queries the lanes of a vector are queries: scores are held as
// [key][query], their maximum and sum need no work across lanes, and both
// products are the same register tile. With one query the lanes are channels.
// Probabilities that are clipped must be normalized first: scores are computed
// once for maximum and sum, and again for the product with the values.
//
//===----------------------------------------------------------------------===//

#include "KernelLibrary.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace quench;

namespace {

/// Keys that one step of the online softmax takes.
constexpr int64_t keyBlock = 64;
/// Vectors of queries.
constexpr int64_t queryVectors = 2;
/// Below every score that matters, yet finite, and below every sum of a row
/// that sees a key: a row that sees none is zero, not a NaN.
constexpr double lowest = -1e30;
constexpr double smallestSum = 1e-30;

} // namespace

std::string quench::getSymbolPart(const AttentionKernel &k) {
  std::string name =
      llvm::formatv("attention_{0}x{1}x{2}x{3}_{4}", k.heads, k.groups,
                    k.keySize, k.valueSize, typeName(k.element));
  if (k.single)
    name += "_single";
  if (k.clipped)
    name += "_clipped";
  if (k.mask)
    name += "_mask_" + typeName(k.mask);
  if (k.biasRank)
    name += llvm::formatv("_bias{0}", k.biasRank);
  if (k.causal)
    name += "_causal";
  if (k.window)
    name += llvm::formatv("_window{0}", *k.window);
  if (!k.headGroups.empty())
    for (int64_t group : k.headGroups)
      name += llvm::formatv("_{0}", group);
  return name;
}

Value quench::getHeadGroup(KernelBuilder &b, const AttentionKernel &k,
                           Value head) {
  if (k.headGroups.empty())
    return b.floorDiv(head, k.heads / k.groups);
  Value table = arith::ConstantOp::create(b, b.getI64VectorAttr(k.headGroups));
  Value entry = vector::ExtractOp::create(b, table, head);
  return arith::IndexCastOp::create(b, b.getIndexType(), entry);
}

void quench::addAttentionTypes(const AttentionKernel &k,
                               SmallVectorImpl<Type> &types) {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  if (k.mask)
    types.push_back(rowsType({dynamic, dynamic}, k.mask));
  if (k.biasRank)
    types.push_back(
        rowsType(SmallVector<int64_t>(k.biasRank, dynamic), k.element));
  types.push_back(
      rowsType({dynamic, dynamic, k.heads, k.valueSize}, k.element));
}

namespace {

/// The body of one kernel.
struct Writer {
  const AttentionKernel &k;
  KernelBuilder &b;
  Value query, key, value, scale, slope, offset, mask, bias, out;
  Value queries, keys;

  Writer(const AttentionKernel &k, KernelBuilder &b, func::FuncOp function)
      : k(k), b(b) {
    unsigned next = 0;
    auto take = [&] { return function.getArgument(next++); };
    query = take(), key = take(), value = take(), scale = take();
    if (k.clipped)
      slope = take(), offset = take();
    if (k.mask)
      mask = take();
    if (k.biasRank)
      bias = take();
    out = take();
    queries = b.dim(query, 1);
    keys = b.dim(key, 1);
  }

  Value negativeInfinity() {
    return arith::ConstantOp::create(
        b,
        b.getFloatAttr(b.compute(), -std::numeric_limits<double>::infinity()));
  }
  Value zero() {
    return arith::ConstantOp::create(b, b.getFloatAttr(b.compute(), 0.0));
  }

  /// What the mask adds to the score of key `position`: zero or -infinity.
  Value penalty(Value batch, Value position) {
    if (!mask)
      return zero();
    Value seen = b.loadScalar(mask, {batch, position});
    Value none = arith::ConstantOp::create(b, b.getZeroAttr(seen.getType()));
    Value isSeen =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, seen, none);
    return arith::SelectOp::create(b, isSeen, zero(), negativeInfinity());
  }

  /// The bias of one score as a scalar.
  Value biasOf(Value batch, Value head, Value row, Value position) {
    Value indices[] = {batch, head, row, position};
    return b.loadScalar(bias, ValueRange(indices).take_back(k.biasRank));
  }

  /// One over a sum of weights.
  Value invert(Value total) {
    return b.fdiv(b.splat(1.0), b.fmax(total, b.splat(smallestSum)));
  }

  /// The probability of `weight`, which `factor` normalizes and stretches.
  Value clip(Value weight, Value factor) {
    Value stretched = b.fma(weight, factor, b.splat(offset));
    return b.fmin(b.fmax(stretched, b.splat(0.0)), b.splat(1.0));
  }

  void writeMany();
  void writeSingle();
};

void Writer::writeMany() {
  const int64_t lanes = b.lanes(), block = queryVectors * lanes;
  const int64_t tile = b.registers() == 32 ? 8 : 4;
  const int64_t keySize = llvm::alignTo(k.keySize, lanes);
  const int64_t valueSize = llvm::alignTo(k.valueSize, std::max(lanes, tile));
  Value zeroIndex = b.index(0);

  b.parallel(
      {b.dim(query, 0), b.index(k.heads), b.ceilDiv(queries, block)},
      [&](ValueRange ids) {
        Value batch = ids[0], head = ids[1], firstQuery = b.mul(ids[2], block);
        Value groupIndex = getHeadGroup(b, k, head);
        Value queryT = b.scratch({keySize, block});
        Value keyBlockBuffer = b.scratch({keyBlock, keySize});
        Value valueBlock = b.scratch({keyBlock, valueSize});
        Value scores = b.scratch({keyBlock, block});
        Value penalties = b.scratch({keyBlock});
        Value sums = b.scratch({valueSize, block});

        // A mask for the last vector of a row of `size` channels at `at`.
        auto channelMask = [&](Value at, int64_t size) -> Value {
          return size % lanes == 0 ? Value() : b.mask(b.sub(b.index(size), at));
        };

        // Queries to [channel][query], scaled. Rows past the last query repeat
        // it and are not stored at the end.
        Value scales = b.splat(scale);
        Value lastQuery = b.sub(queries, b.index(1));
        b.loop(zeroIndex, b.index(block), lanes, [&](Value lane) {
          b.loop(zeroIndex, b.index(keySize), lanes, [&](Value channel) {
            SmallVector<Value> rows;
            Value present = channelMask(channel, k.keySize);
            for (int64_t i = 0; i < lanes; ++i) {
              Value row = b.min(b.add(b.add(firstQuery, lane), i), lastQuery);
              rows.push_back(b.fmul(
                  b.load(query, {batch, row, head, channel}, present), scales));
            }
            for (auto [i, column] : llvm::enumerate(b.transpose(rows)))
              b.store(column, queryT, {b.add(channel, i), lane});
          });
        });
        b.loop(zeroIndex, b.index(valueSize), 1, [&](Value row) {
          for (int64_t v = 0; v < queryVectors; ++v)
            b.store(b.splat(0.0), sums, {row, b.index(v * lanes)});
        });

        // Query i has position keys - queries + i.
        Value shift = b.sub(keys, queries);
        Value begin = zeroIndex, end = keys;
        if (k.causal || k.window)
          end = b.min(keys, b.add(b.add(shift, firstQuery), block));
        if (k.window)
          begin = b.max(zeroIndex, b.sub(b.add(shift, firstQuery),
                                         b.index(*k.window - 1)));
        auto positions = VectorType::get({lanes}, b.getI32Type());
        auto toInt = [&](Value index) -> Value {
          return vector::BroadcastOp::create(
              b, positions,
              arith::IndexCastOp::create(b, b.getI32Type(), index).getResult());
        };
        SmallVector<Value> queryPositions;
        if (k.causal || k.window) {
          auto iota = llvm::to_vector(llvm::seq<int32_t>(0, lanes));
          Value steps = arith::ConstantOp::create(b, b.getI32VectorAttr(iota));
          for (int64_t v = 0; v < queryVectors; ++v)
            queryPositions.push_back(arith::AddIOp::create(
                b, toInt(b.add(b.add(shift, firstQuery), v * lanes)), steps));
        }

        Value lastKey = b.sub(keys, b.index(1));
        auto countKeys = [&](Value first) -> Value {
          return b.min(b.index(keyBlock), b.sub(end, first));
        };
        auto roundUp = [&](Value count) -> Value {
          return b.mul(b.ceilDiv(count, tile), tile);
        };

        // The scores of the block at `first`; the maxima with them.
        auto writeScores = [&](Value first, ValueRange oldMax) {
          Value count = countKeys(first), rounded = roundUp(count);
          b.loop(zeroIndex, rounded, 1, [&](Value row) {
            Value source = b.min(b.add(first, row), lastKey);
            for (int64_t c = 0; c < k.keySize; c += lanes)
              b.store(b.load(key, {batch, source, groupIndex, b.index(c)},
                             b.tailMask(c, k.keySize)),
                      keyBlockBuffer, {row, b.index(c)});
          });
          b.loop(zeroIndex, count, 1, [&](Value row) {
            b.storeScalar(penalty(batch, b.add(first, row)), penalties, row);
          });
          b.loop(count, rounded, 1, [&](Value row) {
            b.storeScalar(negativeInfinity(), penalties, row);
          });
          return b.loop(
              zeroIndex, rounded, tile, oldMax,
              [&](Value row, ValueRange args) {
                SmallVector<Value> start, largest(args);
                for (int64_t r = 0; r < tile; ++r)
                  start.append(queryVectors,
                               b.splat(b.loadScalar(penalties, b.add(row, r))));
                SmallVector<Value> tileScores = b.contract(
                    tile, queryVectors, b.index(k.keySize), start,
                    [&](Value depth, int64_t r) {
                      return b.loadScalar(keyBlockBuffer,
                                          {b.add(row, r), depth});
                    },
                    [&](Value depth, int64_t v) {
                      return b.load(queryT, {depth, b.index(v * lanes)});
                    });
                for (int64_t r = 0; r < tile; ++r) {
                  Value position = b.add(b.add(first, row), r);
                  for (int64_t v = 0; v < queryVectors; ++v) {
                    Value score = tileScores[r * queryVectors + v];
                    if (bias) {
                      Value column = b.min(position, lastKey);
                      Value vector = b.splat(0.0);
                      for (int64_t i = 0; i < lanes; ++i) {
                        Value queryRow =
                            b.min(b.add(firstQuery, v * lanes + i), lastQuery);
                        vector = vector::InsertOp::create(
                            b, biasOf(batch, head, queryRow, column), vector,
                            i);
                      }
                      score = b.fadd(score, vector);
                    }
                    auto hideUnless = [&](arith::CmpIPredicate predicate,
                                          Value bound) {
                      Value visible = arith::CmpIOp::create(b, predicate, bound,
                                                            queryPositions[v]);
                      score = arith::SelectOp::create(
                          b, visible, score, b.splat(negativeInfinity()));
                    };
                    if (k.causal || k.window)
                      hideUnless(arith::CmpIPredicate::sle, toInt(position));
                    if (k.window)
                      hideUnless(arith::CmpIPredicate::sgt,
                                 toInt(b.add(position, *k.window)));
                    largest[v] = b.fmax(largest[v], score);
                    b.store(score, scores, {b.add(row, r), b.index(v * lanes)});
                  }
                }
                return largest;
              });
        };

        // What `map` makes of the scores of a block in their place, added up.
        auto replaceScores = [&](Value first, ValueRange total, auto map) {
          return b.loop(zeroIndex, roundUp(countKeys(first)), 1, total,
                        [&](Value row, ValueRange args) {
                          SmallVector<Value> next;
                          for (int64_t v = 0; v < queryVectors; ++v) {
                            SmallVector<Value> at{row, b.index(v * lanes)};
                            Value p = map(b.load(scores, at), v);
                            b.store(p, scores, at);
                            next.push_back(b.fadd(args[v], p));
                          }
                          return next;
                        });
        };

        // Adds the values of the block at `first`, weighted by what its scores
        // became, to the sums times `decay`.
        auto addValues = [&](Value first, ArrayRef<Value> decay) {
          Value rounded = roundUp(countKeys(first));
          b.loop(zeroIndex, rounded, 1, [&](Value row) {
            Value source = b.min(b.add(first, row), lastKey);
            for (int64_t c = 0; c < valueSize; c += lanes)
              b.store(c < k.valueSize
                          ? b.load(value,
                                   {batch, source, groupIndex, b.index(c)},
                                   b.tailMask(c, k.valueSize))
                          : b.splat(0.0),
                      valueBlock, {row, b.index(c)});
          });
          b.loop(zeroIndex, b.index(valueSize), tile, [&](Value channel) {
            SmallVector<Value> start;
            for (int64_t i = 0; i < tile * queryVectors; ++i) {
              Value sum = b.load(sums, {b.add(channel, i / queryVectors),
                                        b.index(i % queryVectors * lanes)});
              if (!decay.empty())
                sum = b.fmul(sum, decay[i % queryVectors]);
              start.push_back(sum);
            }
            SmallVector<Value> next = b.contract(
                tile, queryVectors, rounded, start,
                [&](Value depth, int64_t r) {
                  return b.loadScalar(valueBlock, {depth, b.add(channel, r)});
                },
                [&](Value depth, int64_t v) {
                  return b.load(scores, {depth, b.index(v * lanes)});
                });
            for (int64_t i = 0; i < tile * queryVectors; ++i)
              b.store(next[i], sums,
                      {b.add(channel, i / queryVectors),
                       b.index(i % queryVectors * lanes)});
          });
        };

        // Carried over blocks: the maximum and the sum of each query.
        SmallVector<Value> state(queryVectors, b.splat(lowest));
        state.append(queryVectors, b.splat(0.0));
        state = b.loop(
            begin, end, keyBlock, state, [&](Value first, ValueRange carried) {
              ValueRange oldMax = carried.take_front(queryVectors);
              SmallVector<Value> newMax = writeScores(first, oldMax);
              SmallVector<Value> decay, total;
              for (int64_t v = 0; v < queryVectors; ++v) {
                decay.push_back(b.exp(b.fsub(oldMax[v], newMax[v])));
                total.push_back(b.fmul(carried[queryVectors + v], decay[v]));
              }
              total = replaceScores(first, total, [&](Value score, int64_t v) {
                return b.exp(b.fsub(score, newMax[v]));
              });
              if (!k.clipped)
                addValues(first, decay);
              newMax.append(total);
              return newMax;
            });
        SmallVector<Value> factors;
        for (Value total : ArrayRef(state).drop_front(queryVectors))
          factors.push_back(invert(total));
        if (k.clipped) {
          for (Value &factor : factors)
            factor = b.fmul(factor, b.splat(slope));
          ValueRange largest = ValueRange(state).take_front(queryVectors);
          SmallVector<Value> unused(queryVectors, b.splat(0.0));
          b.loop(begin, end, keyBlock, [&](Value first) {
            writeScores(first, largest);
            replaceScores(first, unused, [&](Value score, int64_t v) {
              return clip(b.exp(b.fsub(score, largest[v])), factors[v]);
            });
            addValues(first, /*decay=*/{});
          });
          factors.assign(queryVectors, b.splat(1.0));
        }

        // [channel][query] back to rows of the output.
        Value totals = b.scratch({block});
        for (int64_t v = 0; v < queryVectors; ++v)
          b.store(factors[v], totals, b.index(v * lanes));
        b.loop(zeroIndex, b.index(block), lanes, [&](Value lane) {
          Value inverse = b.load(totals, lane);
          b.loop(zeroIndex, b.index(llvm::alignTo(k.valueSize, lanes)), lanes,
                 [&](Value channel) {
                   SmallVector<Value> rows;
                   for (int64_t i = 0; i < lanes; ++i)
                     rows.push_back(b.fmul(
                         b.load(sums, {b.add(channel, i), lane}), inverse));
                   for (auto [i, row] : llvm::enumerate(b.transpose(rows))) {
                     Value index = b.add(b.add(firstQuery, lane), i);
                     b.ifThen(b.less(index, queries), [&, row = row] {
                       b.store(row, out, {batch, index, head, channel},
                               channelMask(channel, k.valueSize));
                     });
                   }
                 });
        });
      });
}

void Writer::writeSingle() {
  const int64_t lanes = b.lanes();
  const int64_t keyVectors = llvm::divideCeil(k.keySize, lanes);
  const int64_t valueVectors = llvm::divideCeil(k.valueSize, lanes);
  Value zeroIndex = b.index(0);

  b.parallel({b.dim(query, 0), b.index(k.heads)}, [&](ValueRange ids) {
    Value batch = ids[0], head = ids[1], groupIndex = getHeadGroup(b, k, head);
    Value scores = b.scratch({keyBlock});
    SmallVector<Value> q;
    for (int64_t c = 0; c < keyVectors; ++c)
      q.push_back(
          b.fmul(b.load(query, {batch, zeroIndex, head, b.index(c * lanes)},
                        b.tailMask(c * lanes, k.keySize)),
                 b.splat(scale)));
    Value begin = zeroIndex;
    if (k.window)
      begin = b.max(zeroIndex, b.sub(keys, b.index(*k.window)));

    auto countKeys = [&](Value first) -> Value {
      return b.min(b.index(keyBlock), b.sub(keys, first));
    };
    auto writeScores = [&](Value first) {
      for (int64_t c = 0; c < keyBlock; c += lanes)
        b.store(b.splat(negativeInfinity()), scores, b.index(c));
      b.loop(zeroIndex, countKeys(first), 1, [&](Value row) {
        Value position = b.add(first, row);
        SmallVector<Value> partial(std::min<int64_t>(2, keyVectors),
                                   b.splat(0.0));
        for (int64_t c = 0; c < keyVectors; ++c) {
          Value &sum = partial[c % partial.size()];
          sum = b.fma(b.load(key,
                             {batch, position, groupIndex, b.index(c * lanes)},
                             b.tailMask(c * lanes, k.keySize)),
                      q[c], sum);
        }
        Value all =
            partial.size() == 2 ? b.fadd(partial[0], partial[1]) : partial[0];
        Value score = b.reduceAdd(all);
        if (mask)
          score = b.fadd(score, penalty(batch, position));
        if (bias)
          score = b.fadd(score, biasOf(batch, head, zeroIndex, position));
        b.storeScalar(score, scores, row);
      });
    };
    // Puts what `map` makes of them in place of the scores.
    auto replaceScores = [&](auto map) {
      for (int64_t c = 0; c < keyBlock; c += lanes)
        b.store(map(b.load(scores, b.index(c))), scores, b.index(c));
    };
    // The values of a block, weighted by what its scores became, and `sums`.
    auto addValues = [&](Value first, ValueRange sums) {
      return b.loop(
          zeroIndex, countKeys(first), 1, sums,
          [&](Value row, ValueRange args) {
            Value p = b.splat(b.loadScalar(scores, row));
            Value position = b.add(first, row);
            SmallVector<Value> next;
            for (int64_t c = 0; c < valueVectors; ++c)
              next.push_back(b.fma(
                  p,
                  b.load(value,
                         {batch, position, groupIndex, b.index(c * lanes)},
                         b.tailMask(c * lanes, k.valueSize)),
                  args[c]));
            return next;
          });
    };

    // Carried: maximum (all lanes equal), sum per lane, output.
    SmallVector<Value> state{b.splat(lowest), b.splat(0.0)};
    SmallVector<Value> output(valueVectors, b.splat(0.0));
    if (!k.clipped)
      state.append(output);
    state = b.loop(
        begin, keys, keyBlock, state, [&](Value first, ValueRange carried) {
          writeScores(first);
          Value largest = b.splat(lowest);
          for (int64_t c = 0; c < keyBlock; c += lanes)
            largest = b.fmax(largest, b.load(scores, b.index(c)));
          Value newMax = b.fmax(carried[0], b.splat(b.reduceMax(largest)));
          Value decay = b.exp(b.fsub(carried[0], newMax));
          Value total = b.fmul(carried[1], decay);
          replaceScores([&](Value score) {
            Value p = b.exp(b.fsub(score, newMax));
            total = b.fadd(total, p);
            return p;
          });
          SmallVector<Value> next{newMax, total}, sums;
          for (Value sum : carried.drop_front(2))
            sums.push_back(b.fmul(sum, decay));
          if (!k.clipped)
            next.append(addValues(first, sums));
          return next;
        });

    Value inverse = invert(b.splat(b.reduceAdd(state[1])));
    if (k.clipped) {
      Value factor = b.fmul(inverse, b.splat(slope));
      output = b.loop(begin, keys, keyBlock, output,
                      [&](Value first, ValueRange carried) {
                        writeScores(first);
                        replaceScores([&](Value score) {
                          return clip(b.exp(b.fsub(score, state[0])), factor);
                        });
                        return addValues(first, carried);
                      });
    } else {
      for (int64_t c = 0; c < valueVectors; ++c)
        output[c] = b.fmul(state[2 + c], inverse);
    }
    for (int64_t c = 0; c < valueVectors; ++c)
      b.store(output[c], out, {batch, zeroIndex, head, b.index(c * lanes)},
              b.tailMask(c * lanes, k.valueSize));
  });
}

} // namespace

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const AttentionKernel &k) {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  KernelBuilder b(library, k.element);
  SmallVector<Type> inputs{
      rowsType({dynamic, dynamic, k.heads, k.keySize}, k.element),
      rowsType({dynamic, dynamic, k.groups, k.keySize}, k.element),
      rowsType({dynamic, dynamic, k.groups, k.valueSize}, k.element),
      b.compute()};
  if (k.clipped)
    inputs.append(2, b.compute());
  addAttentionTypes(k, inputs);
  return library.getOrCreate("kernel_" + getSymbolPart(k), inputs, b,
                             [&](func::FuncOp function) {
                               Writer writer(k, b, function);
                               if (k.single)
                                 writer.writeSingle();
                               else
                                 writer.writeMany();
                             });
}
