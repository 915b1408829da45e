//===- LinearWriter.cpp - What kernels of linears share -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearWriter.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace quench;

/// Bytes between the weights that few rows ask for and those that they read, in
/// each stream; with twice as much memory is read as fast.
static constexpr int64_t bytesAhead = 1024;

std::string quench::getSymbolName(const LinearKernel &k) {
  std::string name = llvm::formatv("kernel_linear_{0}x{1}_{2}", k.out, k.in,
                                   typeName(k.element));
  if (k.isInteger()) {
    name += k.input.dot == IntegerDot::Quads   ? "_quads"
            : k.input.dot == IntegerDot::Pairs ? "_pairs"
                                               : "_narrow_quads";
    name += k.input.isSigned ? "_signed" : "_unsigned";
    if (k.input.rowScales)
      name += "_rows";
    if (k.input.zero)
      name += "_zero";
  }
  if (k.hasCodes()) {
    if (k.weight.isNibbles)
      name += k.weight.isSigned ? "_i4" : "_u4";
    else if (!k.isInteger())
      name += k.weight.isTable && !k.weight.isSigned ? "_ubytes" : "_bytes";
    if (k.weight.isTable)
      name += "_table";
    if (k.weight.zero)
      name += "_zeros";
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

SmallVector<Type> LinearWriter::getInputs() {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  SmallVector<Type> inputs;
  const int64_t depth = getDepth(k.input.dot);
  Type words = denseType({panels, numGroups(), panel}, b.getI32Type());
  Type factors = denseType({panels, numGroups(), panel}, b.compute());
  if (k.isInteger()) {
    IntegerRows rows{k.input.dot, k.in};
    SmallVector<int64_t> parameters(k.input.rowScales ? 1 : 0, dynamic);
    inputs.push_back(
        denseType({dynamic, rows.stride()}, rows.element(b.getContext())));
    inputs.push_back(denseType(parameters, b.compute()));
    if (k.input.zero)
      inputs.push_back(denseType(parameters, b.getI8Type()));
  } else {
    inputs.push_back(denseType({dynamic, k.in}, k.element));
  }
  Type matrix;
  if (k.weight.isNibbles)
    matrix =
        denseType({panels, int64_t(llvm::divideCeil(k.in, wordCodes)), panel},
                  b.getI32Type());
  else if (k.hasCodes())
    matrix = denseType(
        {panels, int64_t(llvm::divideCeil(k.in, depth)), panel * depth},
        b.getIntegerType(k.weight.wide ? 16 : 8));
  else
    matrix = denseType({panels, k.in, panel}, k.element);
  for (int64_t i = 0; i < (k.gated ? 2 : 1); ++i) {
    inputs.push_back(matrix);
    if (k.weight.zero)
      inputs.push_back(words);
    if (k.isInteger() && k.input.isShifted())
      inputs.push_back(words);
    if (k.hasCodes())
      inputs.push_back(factors);
    if (k.weight.isTable)
      inputs.push_back(denseType({tableSize}, b.compute()));
    if (k.bias)
      inputs.push_back(denseType({k.out}, k.element));
  }
  inputs.append(k.residual ? 2 : 1, rowsType({dynamic, k.out}, k.element));
  return inputs;
}

func::FuncOp LinearWriter::get(const KernelLibrary &library, StringRef suffix) {
  return library.getOrCreate(getSymbolName(k) + suffix.str(), getInputs(), b,
                             [&](func::FuncOp function) {
                               function->setAttr(
                                   KernelSchedule::attribute,
                                   schedule.toAttr(b.getContext()));
                               takeInputs(function);
                               write();
                             });
}

void LinearWriter::takeInputs(func::FuncOp function) {
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
    weight.zeros = take(k.weight.zero);
    weight.sums = take(k.isInteger() && k.input.isShifted());
    weight.scales = take(k.hasCodes());
    weight.table = take(k.weight.isTable);
    weight.bias = take(k.bias);
  }
  residual = take(k.residual);
  out = take(true);

  // Every element is used once for each panel: it is converted once for all.
  if (!k.isInteger() && (k.element != b.compute() ||
                         rowsCollide(k.in * b.compute().getWidth() / 8)))
    x = copyRows(b, x, k.in);
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
  for (Weight &weight : weights) {
    if (weight.table)
      weight.numbers = b.loadTable(weight.table);
    for (int64_t v = 0; k.bias && v < panelVectors; ++v)
      biases.push_back(
          b.load(weight.bias, b.add(firstColumn, v * lanes), masks[v]));
  }
}

SmallVector<Value> LinearWriter::getInputScales(int64_t size, Value row) {
  SmallVector<Value> result;
  for (int64_t r = 0; r < (k.input.rowScales ? size : 1); ++r) {
    SmallVector<Value> at;
    if (k.input.rowScales)
      at.push_back(b.add(row, r));
    result.push_back(b.splat(b.loadScalar(scales, at)));
  }
  return result;
}

SmallVector<Value> LinearWriter::getWeightScales(Value group,
                                                 const Weight &weight) {
  SmallVector<Value> result;
  for (int64_t v = 0; v < panelVectors; ++v)
    result.push_back(
        b.load(weight.scales, {panelIndex, group, b.index(v * lanes)}));
  return result;
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
          b.loadVector(weight.sums, {panelIndex, group, b.index(v * lanes)})));
  while (static_cast<int64_t>(shifts.size()) < size * panelVectors)
    shifts.push_back(shifts[shifts.size() - panelVectors]);
  return shifts;
}

// C30 of docs/spec.md.
SmallVector<Value>
LinearWriter::addGroups(int64_t size, Value row,
                        function_ref<Factors(Value group)> get,
                        int64_t numPanels) {
  SmallVector<Value> results;
  if (numGroups() == 1) {
    for (auto [sum, scale] : get(b.index(0)))
      results.push_back(b.fmul(sum, scale));
    return results;
  }
  SmallVector<Value> zeros(numPanels * size * panelVectors, b.splat(0.0));
  results =
      b.loop(b.index(0), b.index(numGroups()), 1, zeros,
             [&](Value group, ValueRange carried) {
               SmallVector<Value> sums;
               for (auto [factors, sum] : llvm::zip_equal(get(group), carried))
                 sums.push_back(math::FmaOp::create(b, factors.first,
                                                    factors.second, sum));
               return sums;
             });
  if (!k.isInteger())
    return results;
  SmallVector<Value> inputScales = getInputScales(size, row);
  for (auto [place, result] : llvm::enumerate(results))
    result =
        b.fmul(result, inputScales[place / panelVectors % inputScales.size()]);
  return results;
}

void LinearWriter::prefetchAhead(const Weight &weight, Value step,
                                 Value column) {
  auto type = cast<MemRefType>(weight.matrix.getType());
  int64_t stepBytes =
      type.getShape().back() * type.getElementTypeBitWidth() / 8;
  b.prefetch(weight.matrix,
             {panelIndex, b.add(step, bytesAhead / stepBytes), column},
             CacheLevel::First);
}

void LinearWriter::put(ArrayRef<Value> sums, Value row, Value tile) {
  for (auto [place, sum] : llvm::enumerate(sums)) {
    int64_t r = place / panelVectors, v = place % panelVectors;
    if (isDirect())
      finish(b.add(row, r), v, sum);
    else
      b.store(sum, tile, {b.index(r), b.index(v * lanes)});
  }
}

void LinearWriter::finishTiles(ArrayRef<Value> tiles, Value row, Value size) {
  b.loop(b.index(0), size, 1, [&](Value r) {
    for (int64_t v = 0; v < panelVectors; ++v) {
      SmallVector<Value> sums;
      for (Value tile : tiles)
        sums.push_back(b.load(tile, {r, b.index(v * lanes)}));
      finish(b.add(row, r), v, sums);
    }
  });
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
