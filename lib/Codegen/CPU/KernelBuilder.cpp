//===- KernelBuilder.cpp - Writes vector kernels on buffers ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelLibrary.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace quench;

StringRef quench::stringify(Activation activation) {
  switch (activation) {
  case Activation::None:
    return "none";
  case Activation::Relu:
    return "relu";
  case Activation::GeluErf:
    return "gelu_erf";
  case Activation::GeluTanh:
    return "gelu_tanh";
  case Activation::GeluSigmoid:
    return "gelu_sigmoid";
  case Activation::Silu:
    return "silu";
  case Activation::Tanh:
    return "tanh";
  case Activation::Softplus:
    return "softplus";
  }
  llvm_unreachable("unknown activation");
}

int64_t quench::getDepth(IntegerDot dot) {
  switch (dot) {
  case IntegerDot::None:
    return 1;
  case IntegerDot::Pairs:
    return 2;
  case IntegerDot::Quads:
  case IntegerDot::NarrowQuads:
    return 4;
  }
  llvm_unreachable("unknown instruction");
}

bool quench::hasByteRows(IntegerDot dot) {
  return dot == IntegerDot::Quads || dot == IntegerDot::NarrowQuads;
}

MemRefType quench::rowsType(ArrayRef<int64_t> shape, Type element) {
  SmallVector<int64_t> strides(shape.size(), ShapedType::kDynamic);
  if (!strides.empty())
    strides.back() = 1;
  return MemRefType::get(shape, element,
                         StridedLayoutAttr::get(element.getContext(),
                                                ShapedType::kDynamic, strides));
}

MemRefType quench::denseType(ArrayRef<int64_t> shape, Type element) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t i = static_cast<int64_t>(shape.size()) - 2; i >= 0; --i)
    strides[i] = ShapedType::isDynamic(shape[i + 1]) ||
                         ShapedType::isDynamic(strides[i + 1])
                     ? ShapedType::kDynamic
                     : strides[i + 1] * shape[i + 1];
  return MemRefType::get(shape, element,
                         StridedLayoutAttr::get(element.getContext(),
                                                ShapedType::kDynamic, strides));
}

int64_t KernelLibrary::panel(Type element) const {
  return panelVectors * options.vectorBytes / (element.isF64() ? 8 : 4);
}

func::FuncOp
KernelLibrary::getOrCreate(StringRef name, TypeRange types, KernelBuilder &b,
                           function_ref<void(func::FuncOp)> write) const {
  ModuleOp scope = module;
  if (auto existing = scope.lookupSymbol<func::FuncOp>(name))
    return existing;
  b.setInsertionPointToEnd(scope.getBody());
  auto function = func::FuncOp::create(b, name, b.getFunctionType(types, {}));
  function.setPrivate();
  b.setInsertionPointToStart(function.addEntryBlock());
  write(function);
  func::ReturnOp::create(b);
  return function;
}

std::string quench::typeName(Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type;
  return name;
}

KernelBuilder::KernelBuilder(const KernelLibrary &library, Type storage)
    : ImplicitLocOpBuilder(UnknownLoc::get(storage.getContext()),
                           storage.getContext()),
      options(library.options),
      computeType(storage.isF64() ? FloatType(getF64Type())
                                  : FloatType(getF32Type())),
      numLanes(options.vectorBytes / (computeType.getWidth() / 8)) {}

//===----------------------------------------------------------------------===//
// Index arithmetic
//===----------------------------------------------------------------------===//

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}
Value KernelBuilder::add(Value a, Value b) {
  return createOrFold<arith::AddIOp>(a, b);
}
Value KernelBuilder::sub(Value a, Value b) {
  return createOrFold<arith::SubIOp>(a, b);
}
Value KernelBuilder::mul(Value a, Value b) {
  return createOrFold<arith::MulIOp>(a, b);
}
Value KernelBuilder::min(Value a, Value b) {
  return createOrFold<arith::MinSIOp>(a, b);
}
Value KernelBuilder::max(Value a, Value b) {
  return createOrFold<arith::MaxSIOp>(a, b);
}
Value KernelBuilder::ceilDiv(Value a, int64_t b) {
  return floorDiv(add(a, b - 1), b);
}
Value KernelBuilder::floorDiv(Value a, Value b) {
  // Sizes are not negative, so the unsigned division is the same and cheaper.
  return createOrFold<arith::DivUIOp>(a, b);
}
Value KernelBuilder::less(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, a, b);
}
Value KernelBuilder::dim(Value buffer, int64_t i) {
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.isDynamicDim(i))
    return index(type.getDimSize(i));
  return memref::DimOp::create(*this, buffer, i);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void KernelBuilder::loop(Value begin, Value end, int64_t step, Body body) {
  loop(begin, end, step, ValueRange(), [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

SmallVector<Value> KernelBuilder::loop(Value begin, Value end, int64_t step,
                                       ValueRange init, CarriedBody body) {
  auto loop = scf::ForOp::create(*this, begin, end, index(step), init);
  OpBuilder::InsertionGuard guard(*this);
  if (init.empty()) {
    setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVar(), {});
    return {};
  }
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(*this, next);
  return llvm::to_vector(llvm::map_range(
      loop.getResults(), [](OpResult r) -> Value { return r; }));
}

void KernelBuilder::parallel(ArrayRef<Value> counts,
                             function_ref<void(ValueRange)> body) {
  SmallVector<Value> begin(counts.size(), index(0));
  SmallVector<Value> step(counts.size(), index(1));
  auto loop = scf::ParallelOp::create(*this, begin, counts, step);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVars());
}

void KernelBuilder::ifThen(Value condition, function_ref<void()> then) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  then();
}

void KernelBuilder::blocks(Value begin, Value end, ArrayRef<int64_t> sizes,
                           function_ref<void(int64_t, Value)> body,
                           function_ref<void(Value, Value)> after) {
  scf::WhileOp::create(
      *this, TypeRange{getIndexType()}, ValueRange{begin},
      [&](OpBuilder &, Location, ValueRange args) {
        scf::ConditionOp::create(*this, less(args[0], end), args);
      },
      [&](OpBuilder &, Location, ValueRange args) {
        Value left = sub(end, args[0]);
        Value size = index(sizes.back());
        for (int64_t candidate : llvm::reverse(sizes.drop_back()))
          size = arith::SelectOp::create(*this, less(left, index(candidate)),
                                         size, index(candidate));
        choose(size, sizes, [&](int64_t size) { body(size, args[0]); });
        after(size, args[0]);
        scf::YieldOp::create(*this, add(args[0], size));
      });
}

void KernelBuilder::choose(Value size, ArrayRef<int64_t> sizes,
                           function_ref<void(int64_t)> body) {
  auto choice = scf::IndexSwitchOp::create(*this, TypeRange(), size,
                                           sizes.drop_back(), sizes.size() - 1);
  for (auto [i, candidate] : llvm::enumerate(sizes)) {
    Region &region = i + 1 == sizes.size() ? choice.getDefaultRegion()
                                           : choice.getCaseRegions()[i];
    OpBuilder::InsertionGuard guard(*this);
    createBlock(&region);
    body(candidate);
    scf::YieldOp::create(*this);
  }
}

void KernelBuilder::forChannels(int64_t size, MutableArrayRef<Value> chains,
                                ChannelStep step) {
  const int64_t stride = channelChains * numLanes;
  const int64_t whole = size / stride * stride;
  if (chains.empty()) {
    loop(index(0), index(whole), stride, [&](Value at) {
      for (int64_t chain = 0; chain < channelChains; ++chain)
        step(add(at, chain * numLanes), {}, {});
    });
    for (int64_t at = whole; at < size; at += numLanes)
      step(index(at), tailMask(at, size), {});
    return;
  }
  SmallVector<Value> sums = loop(
      index(0), index(whole), stride, chains, [&](Value at, ValueRange args) {
        SmallVector<Value> next;
        for (int64_t chain = 0; chain < channelChains; ++chain)
          next.push_back(step(add(at, chain * numLanes), {}, args[chain]));
        return next;
      });
  for (int64_t at = whole; at < size; at += numLanes) {
    Value &sum = sums[(at - whole) / numLanes % channelChains];
    sum = step(index(at), tailMask(at, size), sum);
  }
  llvm::copy(sums, chains.begin());
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::scratch(ArrayRef<int64_t> shape, Type type) {
  return memref::AllocaOp::create(*this, MemRefType::get(shape, type),
                                  getI64IntegerAttr(64));
}

Value KernelBuilder::load(Value buffer, ValueRange indices, Value mask) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  auto type = VectorType::get({numLanes}, element);
  Value value;
  if (mask && element.isBF16()) {
    // LLVM takes masked accesses of this type apart by way of conversions that
    // only its own runtime library has.
    value = splat(0.0);
    forLanes(indices, mask, [&](int64_t lane, Value present, ValueRange at) {
      auto choice = scf::IfOp::create(
          *this, present,
          [&](OpBuilder &, Location) {
            scf::YieldOp::create(*this, loadScalar(buffer, at));
          },
          [&](OpBuilder &, Location) {
            scf::YieldOp::create(*this, arith::ConstantOp::create(
                                            *this, getZeroAttr(computeType))
                                            .getResult());
          });
      value = vector::InsertOp::create(*this, choice.getResult(0), value, lane);
    });
    return value;
  }
  if (mask) {
    Value zero = arith::ConstantOp::create(*this, getZeroAttr(type));
    value =
        vector::MaskedLoadOp::create(*this, type, buffer, indices, mask, zero);
  } else {
    value = vector::LoadOp::create(*this, type, buffer, indices);
  }
  if (isa<FloatType>(element) && element != computeType)
    value = arith::ExtFOp::create(*this, vector(), value);
  return value;
}

void KernelBuilder::store(Value value, Value buffer, ValueRange indices,
                          Value mask) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  if (mask && element.isBF16()) {
    forLanes(indices, mask, [&](int64_t lane, Value present, ValueRange at) {
      Value scalar = vector::ExtractOp::create(*this, value, lane);
      ifThen(present, [&] { storeScalar(scalar, buffer, at); });
    });
    return;
  }
  if (element != computeType)
    value = arith::TruncFOp::create(*this, VectorType::get({numLanes}, element),
                                    value);
  if (mask)
    vector::MaskedStoreOp::create(*this, buffer, indices, mask, value);
  else
    vector::StoreOp::create(*this, value, buffer, indices);
}

void KernelBuilder::forLanes(
    ValueRange indices, Value mask,
    function_ref<void(int64_t, Value, ValueRange)> body) {
  SmallVector<Value> at(indices);
  for (int64_t lane = 0; lane < numLanes; ++lane) {
    at.back() = add(indices.back(), lane);
    body(lane, vector::ExtractOp::create(*this, mask, lane), at);
  }
}

Value KernelBuilder::loadScalar(Value buffer, ValueRange indices) {
  Value value = memref::LoadOp::create(*this, buffer, indices);
  if (isa<FloatType>(value.getType()) && value.getType() != computeType)
    value = arith::ExtFOp::create(*this, computeType, value);
  return value;
}

void KernelBuilder::storeScalar(Value value, Value buffer, ValueRange indices) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  if (element != value.getType())
    value = arith::TruncFOp::create(*this, element, value);
  memref::StoreOp::create(*this, value, buffer, indices);
}

Value KernelBuilder::loadVector(Value buffer, ValueRange indices,
                                int64_t factor) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  return vector::LoadOp::create(
      *this, VectorType::get({numLanes * factor}, element), buffer, indices);
}

void KernelBuilder::storeVector(Value value, Value buffer, ValueRange indices) {
  vector::StoreOp::create(*this, value, buffer, indices);
}

Value KernelBuilder::loadRepeated(Value buffer, ValueRange indices) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  int64_t count = 32 / element.getIntOrFloatBitWidth();
  Value value = vector::LoadOp::create(*this, VectorType::get({count}, element),
                                       buffer, indices);
  value = vector::BitCastOp::create(*this, VectorType::get({1}, getI32Type()),
                                    value);
  value = integerSplat(vector::ExtractOp::create(*this, value, int64_t(0)));
  return vector::BitCastOp::create(
      *this, VectorType::get({numLanes * count}, element), value);
}

void KernelBuilder::prefetch(Value buffer, ValueRange indices,
                             CacheLevel level) {
  memref::PrefetchOp::create(*this, buffer, indices, /*isWrite=*/false,
                             /*localityHint=*/level == CacheLevel::First ? 3
                                                                         : 2,
                             /*isDataCache=*/true);
}

Value KernelBuilder::mask(Value count) {
  return vector::CreateMaskOp::create(
      *this, VectorType::get({numLanes}, getI1Type()), count);
}

Value KernelBuilder::tailMask(int64_t at, int64_t size) {
  if (at + numLanes <= size)
    return {};
  return vector::ConstantMaskOp::create(
      *this, VectorType::get({numLanes}, getI1Type()),
      getDenseI64ArrayAttr({std::max<int64_t>(size - at, 0)}));
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

Value KernelBuilder::splat(double value) {
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(
                 vector(), FloatAttr::get(computeType, value).getValue()));
}
Value KernelBuilder::splat(Value scalar) {
  return vector::BroadcastOp::create(*this, vector(), scalar);
}
Value KernelBuilder::fadd(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b);
}
Value KernelBuilder::fsub(Value a, Value b) {
  return arith::SubFOp::create(*this, a, b);
}
Value KernelBuilder::fmul(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b);
}
Value KernelBuilder::fdiv(Value a, Value b) {
  return arith::DivFOp::create(*this, a, b);
}
// The operand order makes the one instruction of x86 keep a NaN of `a`.
Value KernelBuilder::fmax(Value a, Value b) {
  Value greater = arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, b, a);
  return arith::SelectOp::create(*this, greater, b, a);
}
Value KernelBuilder::fmin(Value a, Value b) {
  Value less = arith::CmpFOp::create(*this, arith::CmpFPredicate::OLT, b, a);
  return arith::SelectOp::create(*this, less, b, a);
}
Value KernelBuilder::fma(Value a, Value b, Value c) {
  if (options.fma)
    return vector::FMAOp::create(*this, a, b, c);
  return fadd(fmul(a, b), c);
}

SmallVector<Value> KernelBuilder::transpose(ArrayRef<Value> rows) {
  assert(static_cast<int64_t>(rows.size()) == numLanes && "not a square");
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < numLanes / 2; ++i) {
    low.append({i, numLanes + i});
    high.append({numLanes / 2 + i, numLanes + numLanes / 2 + i});
  }
  // Each round interleaves the halves of the list, as a riffle of cards does;
  // after log2(lanes) rounds rows have become columns.
  SmallVector<Value> current(rows);
  for (int64_t round = 1; round < numLanes; round *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < numLanes / 2; ++i) {
      Value a = current[i], b = current[i + numLanes / 2];
      next.push_back(vector::ShuffleOp::create(*this, a, b, low));
      next.push_back(vector::ShuffleOp::create(*this, a, b, high));
    }
    current = next;
  }
  return current;
}

Value KernelBuilder::constant(VectorType type, uint64_t value) {
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(
                 type, APInt(type.getElementTypeBitWidth(), value)));
}
Value KernelBuilder::integerSplat(int64_t value) {
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(integers(), APInt(32, value, true)));
}
Value KernelBuilder::integerSplat(Value scalar) {
  return vector::BroadcastOp::create(*this, integers(), scalar);
}
Value KernelBuilder::toFloats(Value integers) {
  return arith::SIToFPOp::create(*this, vector(), integers);
}

Value KernelBuilder::callIntrinsic(StringRef name, Type type,
                                   ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(*this, type, getStringAttr(name),
                                       operands)
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// Bits of a place in a table.
static constexpr int64_t placeBits = 4;
static_assert(tableSize == 1 << placeBits);

Value KernelBuilder::gather(Value buffer, Value places) {
  SmallVector<Value> numbers;
  for (int64_t lane = 0; lane < numLanes; ++lane) {
    Value place = vector::ExtractOp::create(*this, places, lane);
    place = arith::IndexCastUIOp::create(*this, getIndexType(), place);
    numbers.push_back(loadScalar(buffer, place));
  }
  return vector::FromElementsOp::create(*this, vector(), numbers);
}

LookupTable KernelBuilder::loadTable(Value buffer) {
  if (options.vectorBytes == 16)
    return {buffer};
  LookupTable table;
  for (int64_t at = 0; at < tableSize; at += numLanes)
    table.push_back(loadVector(buffer, index(at)));
  return table;
}

Value KernelBuilder::lookup(const LookupTable &table, Value integers,
                            int64_t shift) {
  Value places = arith::ShRUIOp::create(*this, integers, integerSplat(shift));
  if (options.vectorBytes == 16)
    return gather(
        table.front(),
        arith::AndIOp::create(*this, places, integerSplat(tableSize - 1)));
  // The instructions ignore bits above those that tell their lanes apart.
  if (table.size() == 1)
    return callIntrinsic("llvm.x86.avx512.permvar.sf.512", vector(),
                         {table.front(), places});
  auto permute = [&](Value half) {
    return callIntrinsic("llvm.x86.avx2.permps", vector(), {half, places});
  };
  // The highest bit of a place, which becomes the sign, chooses between the
  // halves.
  Value sign = arith::ShLIOp::create(*this, integers,
                                     integerSplat(32 - placeBits - shift));
  Value isHigh = arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, sign,
                                       integerSplat(int64_t(0)));
  return arith::SelectOp::create(*this, isHigh, permute(table[1]),
                                 permute(table[0]));
}

Value KernelBuilder::reduceAdd(Value value) {
  return vector::ReductionOp::create(*this, vector::CombiningKind::ADD, value,
                                     arith::FastMathFlags::reassoc);
}
Value KernelBuilder::reduceMax(Value value) {
  return vector::ReductionOp::create(*this, vector::CombiningKind::MAXIMUMF,
                                     value);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

Value KernelBuilder::horner(Value x, ArrayRef<double> coefficients) {
  Value result = splat(coefficients.back());
  for (double c : llvm::reverse(coefficients.drop_back()))
    result = fma(result, x, splat(c));
  return result;
}

// e^x = 2^n e^r with n = round(x log2(e)), |r| <= ln(2)/2. Relative error at
// most 1.6e-7 between -87.3 and 88.3, infinite above; below -87.7 the exponent
// field is zero and so is the result. The fit of e^r weighs the relative error.
Value KernelBuilder::exp(Value x) {
  if (computeType.isF64())
    return math::ExpOp::create(*this, x);
  x = fmin(fmax(x, splat(-88.0)), splat(88.73));
  // Adding 1.5 * 2^23 leaves n in the low bits of the sum.
  Value magic = splat(12582912.0);
  Value shifted = fma(x, splat(1.44269504088896341), magic);
  Value n = fsub(shifted, magic);
  Value r = fma(n, splat(-0.693359375), x);
  r = fma(n, splat(2.12194440e-4), r);
  Value p = horner(r, {1.0, 0.999999706, 0.499991478, 0.166676381, 0.0418981603,
                       0.00829027326});
  Value bits = arith::BitcastOp::create(*this, integers(), shifted);
  bits = arith::ShLIOp::create(*this, bits, integerSplat(23));
  bits = arith::AddIOp::create(*this, bits, integerSplat(127 << 23));
  return fmul(p, arith::BitcastOp::create(*this, vector(), bits));
}

// x p(t), where t is x^2 from [0, 3.8^2] brought to [-1, 1], so that little
// cancels; absolute error 2e-7. A quotient of shorter polynomials would wait
// for the division, which takes longer than all of this.
Value KernelBuilder::erf(Value x) {
  if (computeType.isF64())
    return math::ErfOp::create(*this, x);
  x = fmin(fmax(x, splat(-3.8)), splat(3.8));
  Value t = fma(fmul(x, x), splat(2 / (3.8 * 3.8)), splat(-1.0));
  return fmul(
      x, horner(t, {0.372107625, -0.185641199, 0.137739509, -0.111185573,
                    0.0908327103, -0.0725154951, 0.0550565608, -0.0389396548,
                    0.0266930331, -0.0183332711, 0.00994950719, -0.00329947216,
                    0.00236728718, -0.00269575813, 0.00102208345}));
}

Value KernelBuilder::sigmoid(Value x) {
  Value one = splat(1.0);
  return fdiv(one, fadd(one, exp(fsub(splat(0.0), x))));
}

Value KernelBuilder::activate(Activation activation, Value x) {
  switch (activation) {
  case Activation::None:
    return x;
  case Activation::Relu:
    return fmax(x, splat(0.0));
  case Activation::GeluErf: {
    Value half = fmul(x, splat(0.5));
    return fma(half, erf(fmul(x, splat(0.70710678118654752))), half);
  }
  case Activation::GeluTanh: {
    // 0.5 (1 + tanh(y)) is the logistic function of 2 y.
    Value square = fmul(x, x);
    Value inner =
        fma(square, splat(0.07135481282720105), splat(1.5957691216057308));
    return fmul(x, sigmoid(fmul(x, inner)));
  }
  case Activation::GeluSigmoid:
    return fmul(x, sigmoid(fmul(x, splat(1.702))));
  case Activation::Silu:
    return fmul(x, sigmoid(x));
  case Activation::Tanh:
    return math::TanhOp::create(*this, x);
  case Activation::Softplus: {
    Value magnitude = math::AbsFOp::create(*this, x);
    Value rest = math::Log1pOp::create(*this, exp(fsub(splat(0.0), magnitude)));
    return fadd(fmax(x, splat(0.0)), rest);
  }
  }
  llvm_unreachable("unknown activation");
}

SmallVector<Value>
KernelBuilder::contract(int64_t rows, int64_t columns, Value depth,
                        ArrayRef<Value> accumulators,
                        function_ref<Value(Value, int64_t)> a,
                        function_ref<Value(Value, int64_t)> b) {
  return contract(IntegerDot::None, rows, columns, depth, accumulators, a, b);
}

SmallVector<Value> KernelBuilder::contract(
    IntegerDot dot, int64_t rows, int64_t columns, Value depth,
    ArrayRef<Value> accumulators, function_ref<Value(Value, int64_t)> a,
    function_ref<Value(Value, int64_t)> b, int64_t largest) {
  return contractPacked(
      dot, rows, columns, /*parts=*/1, depth, accumulators,
      [&](Value k, int64_t, int64_t row) { return a(k, row); }, b,
      [](Value packed, int64_t, int64_t) { return packed; },
      /*isSwapped=*/false, largest);
}

SmallVector<Value> KernelBuilder::contractPacked(
    IntegerDot dot, int64_t rows, int64_t columns, int64_t parts, Value depth,
    ArrayRef<Value> accumulators,
    function_ref<Value(Value, int64_t, int64_t)> a,
    function_ref<Value(Value, int64_t)> b,
    function_ref<Value(Value, int64_t, int64_t)> unpack, bool isSwapped,
    int64_t largest) {
  if (dot == IntegerDot::NarrowQuads)
    return contractNarrow(rows, columns, parts, depth, accumulators, a, b,
                          unpack, isSwapped, largest);
  if (dot == IntegerDot::None) {
    auto addFloats = [&](Value a, Value b) { return fadd(a, b); };
    auto multiplyAddFloats = [&](Value a, Value b, Value c) {
      return fma(a, b, c);
    };
    return contractPacked(
        {splat(0.0), addFloats, multiplyAddFloats}, rows, columns, parts, depth,
        accumulators,
        [&](Value k, int64_t part, int64_t row) {
          return splat(a(k, part, row));
        },
        b, unpack);
  }
  auto addIntegers = [&](Value a, Value b) -> Value {
    return arith::AddIOp::create(*this, a, b);
  };
  auto multiplyAddIntegers = [&](Value a, Value b, Value c) {
    return isSwapped ? multiplyAdd(dot, b, a, c) : multiplyAdd(dot, a, b, c);
  };
  return contractPacked(
      {integerSplat(int64_t(0)), addIntegers, multiplyAddIntegers}, rows,
      columns, parts, depth, accumulators, a, b, unpack);
}

SmallVector<Value> KernelBuilder::contractNarrow(
    int64_t rows, int64_t columns, int64_t parts, Value depth,
    ArrayRef<Value> accumulators,
    function_ref<Value(Value, int64_t, int64_t)> a,
    function_ref<Value(Value, int64_t)> b,
    function_ref<Value(Value, int64_t, int64_t)> unpack, bool isSwapped,
    int64_t largest) {
  // A step adds two products to each sum of 16 bits. The bytes that are not
  // `largest` at most are unsigned or, where these are, signed.
  assert(largest > 0 && "expected the greatest magnitude of weights");
  const int64_t product = (isSwapped ? 128 : 255) * largest;
  const int64_t block =
      std::numeric_limits<int16_t>::max() / (2 * product) / parts;
  assert(block > 0 && "products of a step exceed 16 bits");
  const VectorType sumType = integers(16, 2);
  auto addSums = [&](Value a, Value b) -> Value {
    return arith::AddIOp::create(*this, a, b);
  };
  StringRef name = options.vectorBytes == 64 ? "llvm.x86.avx512.pmaddubs.w.512"
                   : options.vectorBytes == 32
                       ? "llvm.x86.avx2.pmadd.ub.sw"
                       : "llvm.x86.ssse3.pmadd.ub.sw.128";
  auto multiplyAddBytes = [&](Value a, Value b, Value c) {
    if (isSwapped)
      std::swap(a, b);
    return addSums(c, callIntrinsic(name, sumType, {a, b}));
  };
  auto addBlock = [&](Value first, Value count, ValueRange sums) {
    SmallVector<Value> zeros(sums.size(), constant(sumType, 0));
    SmallVector<Value> products = contractPacked(
        {zeros.front(), addSums, multiplyAddBytes}, rows, columns, parts, count,
        zeros,
        [&](Value k, int64_t part, int64_t row) {
          return a(add(first, k), part, row);
        },
        [&](Value k, int64_t column) { return b(add(first, k), column); },
        unpack);
    for (auto [product, sum] : llvm::zip_equal(products, sums))
      product =
          multiplyAdd(IntegerDot::Pairs, product, constant(sumType, 1), sum);
    return products;
  };

  std::optional<int64_t> known = getConstantIntValue(depth);
  Value whole = known ? index(*known / block * block)
                      : mul(floorDiv(depth, block), block);
  SmallVector<Value> sums =
      loop(index(0), whole, block, accumulators, [&](Value k, ValueRange sums) {
        return addBlock(k, index(block), sums);
      });
  if (!known || *known % block != 0)
    sums = addBlock(whole, sub(depth, whole), sums);
  return sums;
}

Value KernelBuilder::multiplyAdd(IntegerDot dot, Value a, Value b, Value c) {
  if (dot == IntegerDot::Quads)
    return callIntrinsic(options.vectorBytes == 64
                             ? "llvm.x86.avx512.vpdpbusd.512"
                             : "llvm.x86.avx512.vpdpbusd.256",
                         integers(), {c, a, b});
  StringRef name = options.vectorBytes == 64   ? "llvm.x86.avx512.pmaddw.d.512"
                   : options.vectorBytes == 32 ? "llvm.x86.avx2.pmadd.wd"
                                               : "llvm.x86.sse2.pmadd.wd";
  return arith::AddIOp::create(*this, c,
                               callIntrinsic(name, integers(), {a, b}));
}

SmallVector<Value> KernelBuilder::contractPacked(
    const Arithmetic &arithmetic, int64_t rows, int64_t columns, int64_t parts,
    Value depth, ArrayRef<Value> accumulators,
    function_ref<Value(Value, int64_t, int64_t)> a,
    function_ref<Value(Value, int64_t)> b,
    function_ref<Value(Value, int64_t, int64_t)> unpack) {
  // One multiply-add waits about four cycles for the last: with fewer than
  // eight chains a small tile would wait most of the time, so it gets more
  // sets of accumulators.
  int64_t tile = rows * columns;
  int64_t sets = 1;
  while (sets < 4 && tile * sets < 8)
    sets *= 2;
  // A step of a large tile hides the loop; to unroll it would be code alone.
  // With several sets it decides which one a step adds to.
  int64_t unroll = options.compact && sets == 1 ? 1 : 4;
  while (unroll > 1 && tile * parts * unroll > 32)
    unroll /= 2;
  SmallVector<Value> all(accumulators);
  for (int64_t i = tile; i < tile * sets; ++i)
    all.push_back(arithmetic.zero);

  // `first`: how many steps were before in this round.
  auto step = [&](Value k, int64_t first, MutableArrayRef<Value> acc) {
    SmallVector<Value> packed;
    for (int64_t c = 0; c < columns; ++c)
      packed.push_back(b(k, c));
    for (int64_t part = 0; part < parts; ++part) {
      MutableArrayRef<Value> sums =
          acc.slice((first + part) % sets * tile, tile);
      SmallVector<Value> right;
      for (int64_t c = 0; c < columns; ++c)
        right.push_back(unpack(packed[c], part, c));
      for (int64_t r = 0; r < rows; ++r) {
        Value left = a(k, part, r);
        for (int64_t c = 0; c < columns; ++c)
          sums[r * columns + c] =
              arithmetic.multiplyAdd(left, right[c], sums[r * columns + c]);
      }
    }
  };
  std::optional<int64_t> constant = getConstantIntValue(depth);
  Value whole = constant ? index(*constant / unroll * unroll)
                         : mul(floorDiv(depth, unroll), unroll);
  all = loop(index(0), whole, unroll, all, [&](Value k, ValueRange args) {
    SmallVector<Value> acc(args);
    for (int64_t u = 0; u < unroll; ++u)
      step(add(k, u), u * parts, acc);
    return acc;
  });
  if (!constant || *constant % unroll)
    all = loop(whole, depth, 1, all, [&](Value k, ValueRange args) {
      SmallVector<Value> acc(args);
      step(k, /*first=*/0, acc);
      return acc;
    });
  for (int64_t live = sets; live > 1; live /= 2)
    for (int64_t i = 0; i < tile * live / 2; ++i)
      all[i] = arithmetic.add(all[i], all[i + tile * live / 2]);
  all.resize(tile);
  return all;
}
