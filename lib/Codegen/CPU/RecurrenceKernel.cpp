//===- RecurrenceKernel.cpp - Scans and convolutions over tokens ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tokens follow each other, channels are independent: lanes are channels, and a
// task is a vector of channels of one sequence.
//
//===----------------------------------------------------------------------===//

#include "KernelLibrary.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace quench;

namespace {

constexpr int64_t dynamic = ShapedType::kDynamic;

std::string symbolName(const ScanKernel &k) {
  return llvm::formatv("kernel_scan_{0}x{1}_{2}{3}{4}", k.channels, k.states,
                       typeName(k.element), k.skip ? "_skip" : "",
                       k.hasState ? "_state" : "");
}

std::string symbolName(const ConvKernel &k) {
  std::string name = llvm::formatv(
      "kernel_conv1d_{0}x{1}_{2}{3}{4}", k.channels, k.taps,
      typeName(k.element), k.bias ? "_bias" : "", k.hasState ? "_state" : "");
  if (k.activation != Activation::None)
    name += ("_" + stringify(k.activation)).str();
  return name;
}

/// A vector of channels: its first channel, how many exist, and the mask of
/// those (null: all).
struct Channels {
  Value first, count, mask;

  Channels(KernelBuilder &b, Value task, int64_t size)
      : first(b.mul(task, b.lanes())) {
    count = b.min(b.index(b.lanes()), b.sub(b.index(size), first));
    if (size % b.lanes() != 0)
      mask = b.mask(count);
  }
};

/// Rows `[channel, size]` at `leading` of `buffer` as scratch
/// `[size, channel]`, or back.
void transposeIn(KernelBuilder &b, const Channels &channels, Value buffer,
                 ValueRange leading, int64_t size, Value scratch) {
  b.loop(b.index(0), channels.count, 1, [&](Value lane) {
    SmallVector<Value> at(leading);
    at.append({b.add(channels.first, lane), Value()});
    for (int64_t i = 0; i < size; ++i) {
      at.back() = b.index(i);
      b.storeScalar(b.loadScalar(buffer, at), scratch, {b.index(i), lane});
    }
  });
}
void transposeOut(KernelBuilder &b, const Channels &channels, Value scratch,
                  ValueRange leading, int64_t size, Value buffer) {
  b.loop(b.index(0), channels.count, 1, [&](Value lane) {
    SmallVector<Value> at(leading);
    at.append({b.add(channels.first, lane), Value()});
    for (int64_t i = 0; i < size; ++i) {
      at.back() = b.index(i);
      b.storeScalar(b.loadScalar(scratch, {b.index(i), lane}), buffer, at);
    }
  });
}

void clear(KernelBuilder &b, Value scratch, int64_t rows) {
  b.loop(b.index(0), b.index(rows), 1,
         [&](Value row) { b.store(b.splat(0.0), scratch, {row, b.index(0)}); });
}

} // namespace

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const ScanKernel &k) {
  KernelBuilder b(library, k.element);
  Type tokens = rowsType({dynamic, dynamic, k.channels}, k.element);
  Type factors = rowsType({dynamic, dynamic, k.states}, k.element);
  SmallVector<Type> inputs{tokens, tokens,
                           denseType({k.channels, k.states}, k.element),
                           factors, factors};
  if (k.skip)
    inputs.push_back(denseType({k.channels}, k.element));
  inputs.append({tokens, rowsType({dynamic, k.channels, k.states}, k.element)});

  auto write = [&](func::FuncOp function) {
    unsigned next = 0;
    auto take = [&] { return function.getArgument(next++); };
    Value input = take(), delta = take(), decay = take(), in = take(),
          read = take();
    Value skip = k.skip ? take() : Value();
    Value out = take(), state = take();

    Value tasks = b.index(llvm::divideCeil(k.channels, b.lanes()));
    b.parallel({b.dim(input, 0), tasks}, [&](ValueRange ids) {
      Value batch = ids[0], zero = b.index(0);
      Channels channels(b, ids[1], k.channels);
      Value decays = b.scratch({k.states, b.lanes()});
      Value states = b.scratch({k.states, b.lanes()});
      // Lanes without a channel compute zeros.
      clear(b, decays, k.states);
      transposeIn(b, channels, decay, {}, k.states, decays);
      clear(b, states, k.states);
      if (k.hasState)
        transposeIn(b, channels, state, batch, k.states, states);
      Value through =
          skip ? b.load(skip, channels.first, channels.mask) : b.splat(0.0);

      b.loop(zero, b.dim(input, 1), 1, [&](Value token) {
        Value at[] = {batch, token, channels.first};
        Value u = b.load(input, at, channels.mask);
        Value d = b.load(delta, at, channels.mask);
        Value du = b.fmul(d, u);
        Value sum =
            b.loop(zero, b.index(k.states), 1, b.fmul(through, u),
                   [&](Value s, ValueRange args) -> SmallVector<Value> {
                     Value kept = b.exp(b.fmul(d, b.load(decays, {s, zero})));
                     Value old = b.fmul(kept, b.load(states, {s, zero}));
                     Value h = b.fma(
                         du, b.splat(b.loadScalar(in, {batch, token, s})), old);
                     b.store(h, states, {s, zero});
                     return {b.fma(
                         h, b.splat(b.loadScalar(read, {batch, token, s})),
                         args[0])};
                   })
                .front();
        b.store(sum, out, at, channels.mask);
      });
      transposeOut(b, channels, states, batch, k.states, state);
    });
  };
  return library.getOrCreate(symbolName(k), inputs, b, write);
}

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const ConvKernel &k) {
  KernelBuilder b(library, k.element);
  Type tokens = rowsType({dynamic, dynamic, k.channels}, k.element);
  SmallVector<Type> inputs{tokens, denseType({k.channels, k.taps}, k.element)};
  if (k.bias)
    inputs.push_back(denseType({k.channels}, k.element));
  inputs.append(
      {tokens, rowsType({dynamic, k.taps - 1, k.channels}, k.element)});

  auto write = [&](func::FuncOp function) {
    unsigned next = 0;
    auto take = [&] { return function.getArgument(next++); };
    Value input = take(), weight = take();
    Value bias = k.bias ? take() : Value();
    Value out = take(), state = take();

    Value tasks = b.index(llvm::divideCeil(k.channels, b.lanes()));
    b.parallel({b.dim(input, 0), tasks}, [&](ValueRange ids) {
      Value batch = ids[0];
      Channels channels(b, ids[1], k.channels);
      Value scratch = b.scratch({k.taps, b.lanes()});
      clear(b, scratch, k.taps);
      transposeIn(b, channels, weight, {}, k.taps, scratch);
      SmallVector<Value> weights, window;
      for (int64_t i = 0; i < k.taps; ++i)
        weights.push_back(b.load(scratch, {b.index(i), b.index(0)}));
      for (int64_t i = 0; i + 1 < k.taps; ++i)
        window.push_back(
            k.hasState ? b.load(state, {batch, b.index(i), channels.first},
                                channels.mask)
                       : b.splat(0.0));
      Value start =
          bias ? b.load(bias, channels.first, channels.mask) : b.splat(0.0);

      // The window of past inputs moves through registers.
      auto step = [&](Value token, ValueRange past) {
        Value at[] = {batch, token, channels.first};
        SmallVector<Value> taps(past);
        taps.push_back(b.load(input, at, channels.mask));
        Value sum = start;
        for (auto [tap, w] : llvm::zip_equal(taps, weights))
          sum = b.fma(tap, w, sum);
        b.store(b.activate(k.activation, sum), out, at, channels.mask);
        taps.erase(taps.begin());
        return taps;
      };
      if (window.empty()) {
        b.loop(b.index(0), b.dim(input, 1), 1,
               [&](Value token) { step(token, {}); });
        return;
      }
      window = b.loop(b.index(0), b.dim(input, 1), 1, window, step);
      for (auto [i, value] : llvm::enumerate(window))
        b.store(value, state, {batch, b.index(i), channels.first},
                channels.mask);
    });
  };
  return library.getOrCreate(symbolName(k), inputs, b, write);
}
