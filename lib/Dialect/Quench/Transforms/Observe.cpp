//===- Observe.cpp - Entry points that also compute statistics ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "RoomForScales.h"

#include "Quench/Dialect/Quench/Transforms/Statistics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>
#include <map>

namespace quench {
#define GEN_PASS_DEF_QUENCHOBSERVE
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;
using utils::IteratorType;

//===----------------------------------------------------------------------===//
// Statistics of a value
//===----------------------------------------------------------------------===//

namespace {
/// Computes statistics of values of `function` in it and returns them.
class Observer {
public:
  explicit Observer(func::FuncOp function)
      : function(function),
        terminator(function.getBody().front().getTerminator()) {}

  /// The numbers of the results that are the least, the greatest, the sum and
  /// the sum of magnitudes of each channel.
  SmallVector<int64_t> addRanges(const ClassMember &member);

  /// The number of the result that is the sum of products of the `blocks`
  /// parts of the channels, `[blocks, n, n]`; none where channels are not
  /// adjacent.
  std::optional<int64_t> addProducts(const ClassMember &member, int64_t blocks);

  /// How many elements of `member` each channel has, of which the sizes are
  /// known when the function runs: the number of the result.
  int64_t addCount(const ClassMember &member);

private:
  int64_t addResult(Value value);
  /// Runs `body`, on f64 elements of `inputs` and of what was computed so far,
  /// over a space of `iterators`; `inits` are filled into the results, which
  /// have the shapes `shapes`.
  SmallVector<Value>
  reduce(ValueRange inputs, ArrayRef<AffineMap> maps, ArrayRef<int64_t> shape,
         ArrayRef<double> inits, ArrayRef<IteratorType> iterators,
         function_ref<SmallVector<Value>(OpBuilder &, ValueRange, ValueRange)>
             body);

  func::FuncOp function;
  Operation *terminator;
  std::map<std::pair<const void *, int64_t>, SmallVector<int64_t>> known;
};
} // namespace

int64_t Observer::addResult(Value value) {
  int64_t index = function.getNumResults();
  OpBuilder builder(function);
  auto name = builder.getStringAttr("observed." + llvm::Twine(index));
  (void)function.insertResult(
      index, value.getType(),
      builder.getDictionaryAttr(builder.getNamedAttr(attrs::name, name)));
  terminator->insertOperands(index, value);
  return index;
}

SmallVector<Value> Observer::reduce(
    ValueRange inputs, ArrayRef<AffineMap> maps, ArrayRef<int64_t> shape,
    ArrayRef<double> inits, ArrayRef<IteratorType> iterators,
    function_ref<SmallVector<Value>(OpBuilder &, ValueRange, ValueRange)>
        body) {
  OpBuilder builder(terminator);
  Location loc = terminator->getLoc();
  Type f64 = builder.getF64Type();
  SmallVector<Value> outputs;
  for (double init : inits) {
    Value number =
        arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(init));
    Value empty = tensor::EmptyOp::create(builder, loc, shape, f64);
    outputs.push_back(
        linalg::FillOp::create(builder, loc, number, empty).getResult(0));
  }
  auto op = linalg::GenericOp::create(
      builder, loc, ValueRange(outputs).getTypes(), inputs, outputs, maps,
      iterators, [&](OpBuilder &builder, Location loc, ValueRange arguments) {
        SmallVector<Value> elements;
        for (Value element : arguments.take_front(inputs.size()))
          elements.push_back(
              element.getType() == f64
                  ? element
                  : arith::ExtFOp::create(builder, loc, f64, element));
        linalg::YieldOp::create(
            builder, loc,
            body(builder, elements, arguments.drop_front(inputs.size())));
      });
  return llvm::to_vector_of<Value>(op.getResults());
}

SmallVector<int64_t> Observer::addRanges(const ClassMember &member) {
  auto type = cast<RankedTensorType>(member.value.getType());
  SmallVector<int64_t> &results =
      known[{member.value.getAsOpaquePointer(), member.axes.front()}];
  if (!results.empty())
    return results;
  MLIRContext *context = function.getContext();
  SmallVector<IteratorType> iterators(type.getRank(), IteratorType::reduction);
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> channels;
  for (int64_t axis : member.axes) {
    iterators[axis] = IteratorType::parallel;
    shape.push_back(type.getDimSize(axis));
    channels.push_back(getAffineDimExpr(axis, context));
  }
  AffineMap out = AffineMap::get(type.getRank(), 0, channels, context);
  AffineMap in = AffineMap::getMultiDimIdentityMap(type.getRank(), context);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (Value value :
       reduce(member.value, {in, out, out, out, out}, shape,
              {infinity, -infinity, 0, 0}, iterators,
              [](OpBuilder &builder, ValueRange in, ValueRange out) {
                Location loc = in[0].getLoc();
                Value magnitude = math::AbsFOp::create(builder, loc, in[0]);
                return SmallVector<Value>{
                    arith::MinimumFOp::create(builder, loc, in[0], out[0]),
                    arith::MaximumFOp::create(builder, loc, in[0], out[1]),
                    arith::AddFOp::create(builder, loc, in[0], out[2]),
                    arith::AddFOp::create(builder, loc, magnitude, out[3])};
              }))
    results.push_back(addResult(value));
  return results;
}

std::optional<int64_t> Observer::addProducts(const ClassMember &member,
                                             int64_t blocks) {
  auto type = cast<RankedTensorType>(member.value.getType());
  int64_t first = member.axes.front(), count = member.axes.size();
  if (member.axes.back() != first + count - 1)
    return std::nullopt;
  SmallVector<int64_t> &results =
      known[{member.value.getAsOpaquePointer(), -1 - blocks}];
  if (!results.empty())
    return results.front();

  // The channels become two dimensions, blocks and what is in them.
  OpBuilder builder(terminator);
  Location loc = terminator->getLoc();
  int64_t channels = 1;
  SmallVector<ReassociationIndices> groups;
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    if (axis > first && axis < first + count)
      groups.back().push_back(axis);
    else
      groups.push_back({axis});
    if (axis >= first && axis < first + count)
      channels *= type.getDimSize(axis);
  }
  Value flat =
      count == 1
          ? member.value
          : tensor::CollapseShapeOp::create(builder, loc, member.value, groups);
  auto flatType = cast<RankedTensorType>(flat.getType());
  SmallVector<int64_t> shape(flatType.getShape());
  shape[first] = blocks;
  shape.insert(shape.begin() + first + 1, channels / blocks);
  groups.clear();
  for (int64_t axis = 0; axis < flatType.getRank(); ++axis) {
    groups.push_back({axis + (axis > first)});
    if (axis == first)
      groups.back().push_back(axis + 1);
  }
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, flat);
  sizes[first] = builder.getIndexAttr(blocks);
  sizes.insert(sizes.begin() + first + 1,
               builder.getIndexAttr(channels / blocks));
  Value parts = tensor::ExpandShapeOp::create(
      builder, loc, flatType.clone(shape), flat, groups, sizes);

  MLIRContext *context = function.getContext();
  int64_t rank = shape.size();
  SmallVector<IteratorType> iterators(rank + 1, IteratorType::reduction);
  for (int64_t axis : {first, first + 1, rank})
    iterators[axis] = IteratorType::parallel;
  SmallVector<AffineExpr> left, right;
  for (int64_t axis = 0; axis < rank; ++axis) {
    left.push_back(getAffineDimExpr(axis, context));
    right.push_back(getAffineDimExpr(axis == first + 1 ? rank : axis, context));
  }
  AffineMap maps[] = {AffineMap::get(rank + 1, 0, left, context),
                      AffineMap::get(rank + 1, 0, right, context),
                      AffineMap::get(rank + 1, 0,
                                     {getAffineDimExpr(first, context),
                                      getAffineDimExpr(first + 1, context),
                                      getAffineDimExpr(rank, context)},
                                     context)};
  int64_t size = channels / blocks;
  Value sum =
      reduce({parts, parts}, maps, {blocks, size, size}, {0.0}, iterators,
             [](OpBuilder &builder, ValueRange in, ValueRange out) {
               Location loc = in[0].getLoc();
               Value product =
                   arith::MulFOp::create(builder, loc, in[0], in[1]);
               return SmallVector<Value>{
                   arith::AddFOp::create(builder, loc, product, out[0])};
             })
          .front();
  results.push_back(addResult(sum));
  return results.front();
}

int64_t Observer::addCount(const ClassMember &member) {
  auto type = cast<RankedTensorType>(member.value.getType());
  SmallVector<int64_t> &results =
      known[{member.value.getAsOpaquePointer(), type.getRank()}];
  if (!results.empty())
    return results.front();
  OpBuilder builder(terminator);
  Location loc = terminator->getLoc();
  Value count = arith::ConstantIndexOp::create(builder, loc, 1);
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    if (!llvm::is_contained(member.axes, axis))
      count = arith::MulIOp::create(
          builder, loc, count,
          tensor::DimOp::create(builder, loc, member.value, axis));
  Value number =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), count);
  results.push_back(
      addResult(tensor::FromElementsOp::create(builder, loc, number)));
  return results.front();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct Observe : quench::impl::QuenchObserveBase<Observe> {
  using QuenchObserveBase::QuenchObserveBase;

  void runOnOperation() override;

private:
  /// The description of `site`, observed in `function`; null where none of its
  /// values is in it.
  DictionaryAttr observe(const ChannelClass &site, func::FuncOp function,
                         Observer &observer);
};
} // namespace

/// Whether the blocks of `member` are all of its channels in their order.
static bool isTiled(const ChannelClass &site, const ClassMember &member) {
  auto type = cast<RankedTensorType>(member.value.getType());
  int64_t channels = 1;
  for (int64_t axis : member.axes)
    channels *= type.getDimSize(axis);
  for (auto [index, block] : llvm::enumerate(member.blocks))
    if (block.offset != static_cast<int64_t>(index) * site.size)
      return false;
  return channels == static_cast<int64_t>(member.blocks.size()) * site.size;
}

DictionaryAttr Observe::observe(const ChannelClass &site, func::FuncOp function,
                                Observer &observer) {
  OpBuilder builder(&getContext());
  bool isBasis = site.kind == TransformKind::Basis;
  SmallVector<Attribute> values;
  for (const ClassMember *member : getReadMembers(site)) {
    Value read = member->value;
    if (read.getParentBlock() != &function.getBody().front())
      continue;
    NamedAttrList entry;
    SmallVector<int64_t> offsets, transforms;
    for (const ChannelBlock &block : member->blocks) {
      offsets.push_back(block.offset);
      transforms.push_back(block.transform);
    }
    entry.set("offsets", builder.getDenseI64ArrayAttr(offsets));
    entry.set("transforms", builder.getDenseI64ArrayAttr(transforms));
    entry.set("inverse", builder.getBoolAttr(member->inverse));
    entry.set("count", builder.getI64IntegerAttr(observer.addCount(*member)));
    entry.set("ranges",
              builder.getDenseI64ArrayAttr(observer.addRanges(*member)));
    if (products && !member->inverse && isTiled(site, *member)) {
      // A scale wants to know of all channels together.
      bool isWhole =
          static_cast<int64_t>(member->blocks.size()) == site.numTransforms;
      if (isBasis || isWhole)
        if (std::optional<int64_t> result = observer.addProducts(
                *member, isBasis ? member->blocks.size() : 1))
          entry.set("products", builder.getI64IntegerAttr(*result));
    }
    values.push_back(entry.getDictionary(&getContext()));
  }
  if (values.empty())
    return {};
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("site", builder.getStringAttr(site.name)),
       builder.getNamedAttr("kind",
                            builder.getStringAttr(isBasis ? "basis" : "scale")),
       builder.getNamedAttr("size", builder.getI64IntegerAttr(site.size)),
       builder.getNamedAttr("count",
                            builder.getI64IntegerAttr(site.numTransforms)),
       builder.getNamedAttr("basis", builder.getStringAttr(hashBasis(site))),
       builder.getNamedAttr("values", builder.getArrayAttr(values))});
}

void Observe::runOnOperation() {
  func::FuncOp function;
  for (auto candidate : getOperation().getOps<func::FuncOp>())
    if (candidate->hasAttr(attrs::entry) &&
        (entry.empty() || candidate.getName() == entry)) {
      function = candidate;
      break;
    }
  if (!function || !function.getBody().hasOneBlock()) {
    getOperation().emitError("found no entry point '")
        << entry << "' of one block to observe";
    return signalPassFailure();
  }
  Observer observer(function);
  SmallVector<Attribute> sites;
  auto add = [&](TransformKind kind) {
    ChannelClasses classes(getOperation(), kind);
    llvm::DenseSet<StringRef> names;
    for (const ChannelClass &site : classes.getClasses())
      if (names.insert(site.name).second)
        if (DictionaryAttr description = observe(site, function, observer))
          sites.push_back(description);
  };
  // A scale that passes a gate is one of what the gate gives.
  FusedSilus silus;
  silus.open(getOperation(), /*all=*/false);
  add(TransformKind::Scale);
  if (products)
    add(TransformKind::Basis);
  silus.close();
  function->setAttr(observedAttrName, ArrayAttr::get(&getContext(), sites));
}
