//===- TensorBuilder.cpp - Builds loops on tensors -----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"

#include <numeric>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Scalar
//===----------------------------------------------------------------------===//

/// The constant `number` of type `type`.
static TypedAttr getNumber(Builder &builder, Type type, double number) {
  if (isa<FloatType>(type))
    return builder.getFloatAttr(type, number);
  return builder.getIntegerAttr(type, static_cast<int64_t>(number));
}

template <typename OpT>
static Scalar unary(Scalar x) {
  return Scalar(x.getBuilder(), OpT::create(x.getBuilder(), Value(x)));
}

template <typename OpT>
static Scalar binary(Scalar x, Scalar y) {
  return Scalar(x.getBuilder(),
                OpT::create(x.getBuilder(), Value(x), Value(y)));
}

Scalar Scalar::constant(double number) const {
  return Scalar(*builder,
                arith::ConstantOp::create(
                    *builder, getNumber(*builder, value.getType(), number)));
}

Scalar Scalar::operator-() const { return unary<arith::NegFOp>(*this); }
Scalar Scalar::operator+(Scalar other) const {
  return binary<arith::AddFOp>(*this, other);
}
Scalar Scalar::operator-(Scalar other) const {
  return binary<arith::SubFOp>(*this, other);
}
Scalar Scalar::operator*(Scalar other) const {
  return binary<arith::MulFOp>(*this, other);
}
Scalar Scalar::operator/(Scalar other) const {
  return binary<arith::DivFOp>(*this, other);
}

Scalar quench::abs(Scalar x) { return unary<math::AbsFOp>(x); }
Scalar quench::exp(Scalar x) { return unary<math::ExpOp>(x); }
Scalar quench::sqrt(Scalar x) { return unary<math::SqrtOp>(x); }
Scalar quench::tanh(Scalar x) { return unary<math::TanhOp>(x); }
Scalar quench::erf(Scalar x) { return unary<math::ErfOp>(x); }
Scalar quench::log1p(Scalar x) { return unary<math::Log1pOp>(x); }
Scalar quench::sin(Scalar x) { return unary<math::SinOp>(x); }
Scalar quench::cos(Scalar x) { return unary<math::CosOp>(x); }
Scalar quench::max(Scalar x, Scalar y) {
  return binary<arith::MaximumFOp>(x, y);
}
Scalar quench::min(Scalar x, Scalar y) {
  return binary<arith::MinimumFOp>(x, y);
}

Scalar quench::select(Value condition, Scalar x, Scalar y) {
  return Scalar(x.getBuilder(),
                arith::SelectOp::create(x.getBuilder(), condition, x, y));
}

Value quench::isEqual(Scalar x, double number) {
  return arith::CmpFOp::create(x.getBuilder(), arith::CmpFPredicate::OEQ, x,
                               x.constant(number));
}

FloatType quench::getComputeType(Type type) {
  return type.getIntOrFloatBitWidth() < 32 ? Float32Type::get(type.getContext())
                                           : mlir::cast<FloatType>(type);
}

//===----------------------------------------------------------------------===//
// LoopBody
//===----------------------------------------------------------------------===//

Value LoopBody::isSet(unsigned index) const {
  Value value = inputs[index];
  Value zero = arith::ConstantOp::create(
      builder, builder.getIntegerAttr(value.getType(), 0));
  return arith::CmpIOp::create(builder, arith::CmpIPredicate::ne, value, zero);
}

Value LoopBody::getIndex(unsigned loop) const {
  return linalg::IndexOp::create(builder, loop);
}

//===----------------------------------------------------------------------===//
// TensorBuilder
//===----------------------------------------------------------------------===//

/// `value` in its compute type; what is no float stays.
static Value widen(ImplicitLocOpBuilder &builder, Value value) {
  auto type = dyn_cast<FloatType>(value.getType());
  if (!type || getComputeType(type) == type)
    return value;
  return arith::ExtFOp::create(builder, getComputeType(type), value);
}

/// `value`, of a compute type, in `type`.
static Value narrow(ImplicitLocOpBuilder &builder, Value value, Type type) {
  if (value.getType() == type)
    return value;
  return arith::TruncFOp::create(builder, type, value);
}

static Type getElementType(Value value) {
  return mlir::cast<RankedTensorType>(value.getType()).getElementType();
}

SmallVector<OpFoldResult> TensorBuilder::getSizes(Value value) {
  return tensor::getMixedSizes(*this, getLoc(), value);
}

OpFoldResult TensorBuilder::getSize(Value value, int64_t dim) {
  return tensor::getMixedSize(*this, getLoc(), value, dim);
}

SmallVector<OpFoldResult> TensorBuilder::getResultSizes(Operation *op,
                                                        unsigned index) {
  ReifiedRankedShapedTypeDims sizes;
  LogicalResult reified =
      mlir::cast<ReifyRankedShapedTypeOpInterface>(op).reifyResultShapes(*this,
                                                                         sizes);
  (void)reified;
  assert(succeeded(reified) && "a verified op knows its shapes");
  return sizes[index];
}

Value TensorBuilder::getIndex(OpFoldResult size) {
  return getValueOrCreateConstantIndexOp(*this, getLoc(), size);
}

OpFoldResult TensorBuilder::add(OpFoldResult lhs, OpFoldResult rhs) {
  auto left = getConstantIntValue(lhs), right = getConstantIntValue(rhs);
  if (left && right)
    return getIndexAttr(*left + *right);
  return createOrFold<arith::AddIOp>(getIndex(lhs), getIndex(rhs));
}

Value TensorBuilder::empty(Sizes sizes, Type type) {
  return tensor::EmptyOp::create(*this, sizes, type);
}

Value TensorBuilder::fill(Sizes sizes, Type type, double number) {
  Value value =
      arith::ConstantOp::create(*this, getNumber(*this, type, number));
  return linalg::FillOp::create(*this, value, empty(sizes, type)).getResult(0);
}

SmallVector<unsigned> TensorBuilder::range(unsigned n) {
  SmallVector<unsigned> numbers(n);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

/// Where `inputs`, then the results over `resultLoops`, are read and written.
static SmallVector<AffineMap> getMaps(MLIRContext *context, unsigned numLoops,
                                      ArrayRef<LoopInput> inputs,
                                      ArrayRef<unsigned> resultLoops,
                                      unsigned numResults) {
  auto getMap = [&](ArrayRef<unsigned> loops) {
    auto exprs = llvm::map_to_vector(
        loops, [&](unsigned loop) { return getAffineDimExpr(loop, context); });
    return AffineMap::get(numLoops, 0, exprs, context);
  };
  SmallVector<AffineMap> maps;
  for (const LoopInput &input : inputs)
    maps.push_back(getMap(input.loops));
  maps.append(numResults, getMap(resultLoops));
  return maps;
}

SmallVector<Value> TensorBuilder::mapMany(Sizes sizes, TypeRange types,
                                          ArrayRef<LoopInput> inputs,
                                          MultiMapBody body) {
  SmallVector<Value> outs;
  for (Type type : types)
    outs.push_back(empty(sizes, type));
  auto ins = llvm::map_to_vector(
      inputs, [](const LoopInput &input) { return input.value; });
  unsigned numLoops = sizes.size();
  SmallVector<utils::IteratorType> iterators(numLoops,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      *this, ValueRange(outs).getTypes(), ins, outs,
      getMaps(getContext(), numLoops, inputs, range(numLoops), outs.size()),
      iterators, [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        ImplicitLocOpBuilder inner(loc, nested);
        auto widened = llvm::map_to_vector(
            arguments.take_front(ins.size()),
            [&](Value argument) { return widen(inner, argument); });
        LoopBody loop(inner, widened);
        SmallVector<Value> results;
        for (auto [scalar, type] : llvm::zip_equal(body(loop), types))
          results.push_back(narrow(inner, scalar, type));
        linalg::YieldOp::create(inner, results);
      });
  return llvm::to_vector_of<Value>(generic.getResults());
}

Value TensorBuilder::map(Sizes sizes, Type type, ArrayRef<LoopInput> inputs,
                         MapBody body) {
  return mapMany(
             sizes, type, inputs,
             [&](LoopBody &loop) { return SmallVector<Scalar>{body(loop)}; })
      .front();
}

Value TensorBuilder::fold(Value init, ArrayRef<unsigned> loops,
                          unsigned numLoops, ArrayRef<LoopInput> inputs,
                          FoldBody body) {
  auto ins = llvm::map_to_vector(
      inputs, [](const LoopInput &input) { return input.value; });
  SmallVector<utils::IteratorType> iterators(numLoops,
                                             utils::IteratorType::reduction);
  for (unsigned loop : loops)
    iterators[loop] = utils::IteratorType::parallel;
  auto generic = linalg::GenericOp::create(
      *this, init.getType(), ins, init,
      getMaps(getContext(), numLoops, inputs, loops, 1), iterators,
      [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        ImplicitLocOpBuilder inner(loc, nested);
        auto widened = llvm::map_to_vector(
            arguments, [&](Value argument) { return widen(inner, argument); });
        LoopBody loop(inner, ValueRange(widened).drop_back());
        Value result = body(loop, Scalar(inner, widened.back()));
        linalg::YieldOp::create(
            inner, narrow(inner, result, arguments.back().getType()));
      });
  return generic.getResult(0);
}

Value TensorBuilder::convert(Value value, Type type) {
  if (getElementType(value) == type)
    return value;
  SmallVector<OpFoldResult> sizes = getSizes(value);
  return map(sizes, type, {{value, range(sizes.size())}},
             [&](LoopBody &body) { return body[0]; });
}

Value TensorBuilder::cast(Value value, Type type) {
  if (value.getType() == type)
    return value;
  return tensor::CastOp::create(*this, type, value);
}

Value TensorBuilder::collapse(Value value,
                              ArrayRef<ReassociationIndices> groups) {
  return tensor::CollapseShapeOp::create(*this, value, groups);
}

Value TensorBuilder::expand(Value value, ArrayRef<ReassociationIndices> groups,
                            Sizes sizes) {
  SmallVector<int64_t> shape;
  for (OpFoldResult size : sizes)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  // A dimension of the source is exactly as dynamic as its group.
  SmallVector<int64_t> source;
  for (const ReassociationIndices &group : groups) {
    int64_t size = 1;
    for (int64_t dim : group)
      size = ShapedType::isDynamic(size) || ShapedType::isDynamic(shape[dim])
                 ? ShapedType::kDynamic
                 : size * shape[dim];
    source.push_back(size);
  }
  Type element = getElementType(value);
  return tensor::ExpandShapeOp::create(
      *this, RankedTensorType::get(shape, element),
      cast(value, RankedTensorType::get(source, element)), groups, sizes);
}

Value TensorBuilder::slice(Value value, int64_t dim, OpFoldResult offset,
                           OpFoldResult size, int64_t stride) {
  SmallVector<OpFoldResult> sizes = getSizes(value);
  SmallVector<OpFoldResult> offsets(sizes.size(), getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), getIndexAttr(1));
  offsets[dim] = offset;
  sizes[dim] = size;
  strides[dim] = getIndexAttr(stride);
  return tensor::ExtractSliceOp::create(*this, value, offsets, sizes, strides);
}

Value TensorBuilder::select(Value value, int64_t dim, OpFoldResult offset) {
  SmallVector<OpFoldResult> sizes = getSizes(value);
  SmallVector<OpFoldResult> offsets(sizes.size(), getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), getIndexAttr(1));
  offsets[dim] = offset;
  sizes[dim] = getIndexAttr(1);
  auto source = mlir::cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(source.getShape());
  shape.erase(shape.begin() + dim);
  return tensor::ExtractSliceOp::create(
      *this, RankedTensorType::get(shape, source.getElementType()), value,
      offsets, sizes, strides);
}

Value TensorBuilder::insert(Value value, Value into, int64_t dim,
                            OpFoldResult offset, int64_t stride) {
  SmallVector<OpFoldResult> sizes = getSizes(value);
  auto target = mlir::cast<RankedTensorType>(into.getType());
  if (static_cast<int64_t>(sizes.size()) < target.getRank())
    sizes.insert(sizes.begin() + dim, getIndexAttr(1));
  SmallVector<OpFoldResult> offsets(sizes.size(), getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), getIndexAttr(1));
  offsets[dim] = offset;
  strides[dim] = getIndexAttr(stride);
  return tensor::InsertSliceOp::create(*this, value, into, offsets, sizes,
                                       strides);
}
