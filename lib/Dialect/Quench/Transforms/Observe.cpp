//===- Observe.cpp - Entry points that also compute statistics ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Analysis/QuantSites.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchObserveOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "RoomForScales.h"

#include "Quench/Dialect/Quench/Transforms/Statistics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

#include <limits>
#include <map>
#include <tuple>

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
/// A value, and its dimensions that are channels.
struct ChannelValue {
  Value value;
  SmallVector<int64_t> axes;

  RankedTensorType getType() const {
    return cast<RankedTensorType>(value.getType());
  }
  bool isChannel(int64_t axis) const { return llvm::is_contained(axes, axis); }
};

/// Computes statistics of values of `function` in it and returns them. What is
/// returned are numbers of results.
class Observer {
public:
  explicit Observer(func::FuncOp function)
      : function(function),
        terminator(function.getBody().front().getTerminator()) {}

  /// The least, the greatest, the sum and the sum of magnitudes of each
  /// channel.
  SmallVector<int64_t> addRanges(const ChannelValue &channels);

  /// The sum of products of the `blocks` parts of the channels,
  /// `[blocks, n, n]`; none where channels are not adjacent. With `weights`,
  /// `[batch, tokens]` like the first dimensions of the value, products are
  /// multiplied by them.
  std::optional<int64_t> addProducts(const ChannelValue &channels,
                                     int64_t blocks, Value weights = {});

  /// The sum of products of the channels of `channels` with those of `others`,
  /// which has the same dimensions, `[n, n]`.
  std::optional<int64_t> addProducts(const ChannelValue &channels,
                                     const ChannelValue &others);

  /// How many elements each channel has, of which the sizes are known when the
  /// function runs.
  int64_t addCount(const ChannelValue &channels);

  /// The least, the sum and the greatest of the greatest magnitudes of all
  /// tokens, which are what is not channels.
  SmallVector<int64_t> addTokenRanges(const ChannelValue &channels);

  /// The results of `quench.distribution`.
  SmallVector<int64_t> addDistribution(Value value);

  /// For each head the sum over sequences of the part of the attention that
  /// the most attended key receives, and the number of sequences.
  SmallVector<int64_t> addConcentration(AttentionOp attention);

  /// The parts of `value` that `quench.sample` gives, and their number before.
  SmallVector<int64_t> addSample(Value value, int64_t count,
                                 ArrayRef<int64_t> shape);

  /// The probabilities of `attention`, `[B, H, T, L]`.
  Value getProbabilities(AttentionOp attention);

  /// The weights of tokens `[B, T]`, which follow from the attention that they
  /// receive, for a value `[B, T, C]`.
  Value getTokenWeights(AttentionOp attention, Value value,
                        TokenWeighting weighting, double leastWeight);

private:
  using Sizes = ArrayRef<OpFoldResult>;
  using Body = llvm::function_ref<SmallVector<Value>(OpBuilder &, ValueRange,
                                                     ValueRange)>;

  int64_t addResult(Value value);
  SmallVector<int64_t> addResults(ValueRange values) {
    return llvm::map_to_vector(values, [&](Value v) { return addResult(v); });
  }
  /// Runs `body`, on f64 elements of `inputs` and of what was computed so far,
  /// over a space of `iterators`; `inits` are filled into the results, which
  /// have the sizes `sizes`.
  SmallVector<Value> reduce(ValueRange inputs, ArrayRef<AffineMap> maps,
                            Sizes sizes, ArrayRef<double> inits,
                            ArrayRef<IteratorType> iterators, Body body);
  /// The same over the dimensions of `input` alone; `kept` of them are those of
  /// the results.
  SmallVector<Value> reduce(Value input, ArrayRef<int64_t> kept,
                            ArrayRef<double> inits, Body body);
  /// The value of `channels`, which are adjacent, with these as its last
  /// dimension.
  Value getTokens(const ChannelValue &channels);
  /// Adds sums of products of the channels of `tokens`, in `blocks` parts, with
  /// each other or with those of `others`.
  int64_t addSums(Value tokens, Value others, Value weights, int64_t blocks);
  /// The dimensions `axes` of a space of `rank` dimensions.
  AffineMap getMap(int64_t rank, ArrayRef<int64_t> axes);

  func::FuncOp function;
  Operation *terminator;
  /// What is known of a value: which kind of result of which channels.
  enum Kind { Ranges, Products, WeightedProducts, Count };
  using Key = std::tuple<const void *, Kind, int64_t, int64_t, int64_t>;
  static Key getKey(Kind kind, const ChannelValue &channels,
                    int64_t blocks = 0) {
    return {channels.value.getAsOpaquePointer(), kind, channels.axes.front(),
            channels.axes.size(), blocks};
  }
  std::map<Key, SmallVector<int64_t>> known;
  DenseMap<Operation *, Value> probabilities, tokenWeights;
};
} // namespace

int64_t Observer::addResult(Value value) {
  int64_t index = function.getNumResults();
  OpBuilder builder(function);
  auto name = builder.getStringAttr(getObservedName(index));
  (void)function.insertResult(
      index, value.getType(),
      builder.getDictionaryAttr(builder.getNamedAttr(attrs::name, name)));
  terminator->insertOperands(index, value);
  return index;
}

AffineMap Observer::getMap(int64_t rank, ArrayRef<int64_t> axes) {
  MLIRContext *context = function.getContext();
  return AffineMap::get(
      rank, 0,
      llvm::map_to_vector(
          axes, [&](int64_t axis) { return getAffineDimExpr(axis, context); }),
      context);
}

SmallVector<Value> Observer::reduce(ValueRange inputs, ArrayRef<AffineMap> maps,
                                    Sizes sizes, ArrayRef<double> inits,
                                    ArrayRef<IteratorType> iterators,
                                    Body body) {
  OpBuilder builder(terminator);
  Location loc = terminator->getLoc();
  Type f64 = builder.getF64Type();
  SmallVector<Value> outputs;
  for (double init : inits) {
    Value number =
        arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(init));
    Value empty = tensor::EmptyOp::create(builder, loc, sizes, f64);
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

SmallVector<Value> Observer::reduce(Value input, ArrayRef<int64_t> kept,
                                    ArrayRef<double> inits, Body body) {
  int64_t rank = cast<RankedTensorType>(input.getType()).getRank();
  OpBuilder builder(terminator);
  SmallVector<IteratorType> iterators(rank, IteratorType::reduction);
  SmallVector<OpFoldResult> sizes;
  for (int64_t axis : kept) {
    iterators[axis] = IteratorType::parallel;
    sizes.push_back(
        tensor::getMixedSize(builder, terminator->getLoc(), input, axis));
  }
  SmallVector<AffineMap> maps(1 + inits.size(), getMap(rank, kept));
  maps.front() = builder.getMultiDimIdentityMap(rank);
  return reduce(input, maps, sizes, inits, iterators, body);
}

static Value getAbs(OpBuilder &builder, Value value) {
  return math::AbsFOp::create(builder, value.getLoc(), value);
}
static Value getMin(OpBuilder &builder, Value a, Value b) {
  return arith::MinimumFOp::create(builder, a.getLoc(), a, b);
}
static Value getMax(OpBuilder &builder, Value a, Value b) {
  return arith::MaximumFOp::create(builder, a.getLoc(), a, b);
}
static Value getSum(OpBuilder &builder, Value a, Value b) {
  return arith::AddFOp::create(builder, a.getLoc(), a, b);
}
static Value getProduct(OpBuilder &builder, Value a, Value b) {
  return arith::MulFOp::create(builder, a.getLoc(), a, b);
}

static constexpr double infinity = std::numeric_limits<double>::infinity();

SmallVector<int64_t> Observer::addRanges(const ChannelValue &channels) {
  SmallVector<int64_t> &results = known[getKey(Ranges, channels)];
  if (results.empty())
    results = addResults(reduce(
        channels.value, channels.axes, {infinity, -infinity, 0, 0},
        [](OpBuilder &builder, ValueRange in, ValueRange out) {
          return SmallVector<Value>{
              getMin(builder, in[0], out[0]), getMax(builder, in[0], out[1]),
              getSum(builder, in[0], out[2]),
              getSum(builder, getAbs(builder, in[0]), out[3])};
        }));
  return results;
}

static bool areAdjacent(ArrayRef<int64_t> axes) {
  return axes.back() == axes.front() + static_cast<int64_t>(axes.size()) - 1;
}

Value Observer::getTokens(const ChannelValue &channels) {
  RankedTensorType type = channels.getType();
  int64_t first = channels.axes.front(), count = channels.axes.size();
  OpBuilder builder(terminator);
  Location loc = terminator->getLoc();
  SmallVector<ReassociationIndices> groups;
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    if (axis > first && axis < first + count)
      groups.back().push_back(axis);
    else
      groups.push_back({axis});
  }
  Value flat = count == 1 ? channels.value
                          : tensor::CollapseShapeOp::create(
                                builder, loc, channels.value, groups);
  if (first == static_cast<int64_t>(groups.size()) - 1)
    return flat;
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, groups.size()));
  order.erase(order.begin() + first);
  order.push_back(first);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, flat);
  applyPermutationToVector(sizes, order);
  Value empty =
      tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
  return linalg::TransposeOp::create(builder, loc, flat, empty, order)
      .getResult()
      .front();
}

int64_t Observer::addSums(Value tokens, Value others, Value weights,
                          int64_t blocks) {
  OpBuilder builder(terminator);
  Value sum =
      SecondMomentsOp::create(builder, terminator->getLoc(), tokens, others,
                              weights, builder.getI64IntegerAttr(blocks));
  return addResult(sum);
}

std::optional<int64_t> Observer::addProducts(const ChannelValue &channels,
                                             int64_t blocks, Value weights) {
  if (!areAdjacent(channels.axes))
    return std::nullopt;
  SmallVector<int64_t> &results =
      known[getKey(weights ? WeightedProducts : Products, channels, blocks)];
  if (results.empty())
    results.push_back(
        addSums(getTokens(channels), /*others=*/{}, weights, blocks));
  return results.front();
}

std::optional<int64_t> Observer::addProducts(const ChannelValue &channels,
                                             const ChannelValue &others) {
  if (!areAdjacent(channels.axes))
    return std::nullopt;
  return addSums(getTokens(channels), getTokens(others), /*weights=*/{},
                 /*blocks=*/1);
}

int64_t Observer::addCount(const ChannelValue &channels) {
  SmallVector<int64_t> &results = known[getKey(Count, channels)];
  if (!results.empty())
    return results.front();
  OpBuilder builder(terminator);
  Location loc = terminator->getLoc();
  Value count = arith::ConstantIndexOp::create(builder, loc, 1);
  for (int64_t axis = 0; axis < channels.getType().getRank(); ++axis)
    if (!channels.isChannel(axis))
      count = arith::MulIOp::create(
          builder, loc, count,
          tensor::DimOp::create(builder, loc, channels.value, axis));
  Value number =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), count);
  results.push_back(
      addResult(tensor::FromElementsOp::create(builder, loc, number)));
  return results.front();
}

SmallVector<int64_t> Observer::addTokenRanges(const ChannelValue &channels) {
  SmallVector<int64_t> tokens;
  for (int64_t axis = 0; axis < channels.getType().getRank(); ++axis)
    if (!channels.isChannel(axis))
      tokens.push_back(axis);
  Value greatest =
      reduce(channels.value, tokens, {0.0},
             [](OpBuilder &builder, ValueRange in, ValueRange out) {
               return SmallVector<Value>{
                   getMax(builder, getAbs(builder, in[0]), out[0])};
             })
          .front();
  return addResults(
      reduce(greatest, {}, {infinity, 0, 0},
             [](OpBuilder &builder, ValueRange in, ValueRange out) {
               return SmallVector<Value>{getMin(builder, in[0], out[0]),
                                         getSum(builder, in[0], out[1]),
                                         getMax(builder, in[0], out[2])};
             }));
}

SmallVector<int64_t> Observer::addDistribution(Value value) {
  OpBuilder builder(terminator);
  auto op = DistributionOp::create(builder, terminator->getLoc(), value);
  return addResults(op.getResults());
}

SmallVector<int64_t> Observer::addSample(Value value, int64_t count,
                                         ArrayRef<int64_t> shape) {
  OpBuilder builder(terminator);
  Value parts =
      SampleOp::create(builder, terminator->getLoc(), value, count, shape);
  ChannelValue channels = {value, {}};
  for (int64_t rank = channels.getType().getRank(),
               axis = rank - static_cast<int64_t>(shape.size());
       axis < rank; ++axis)
    channels.axes.push_back(axis);
  return {addResult(parts), addCount(channels)};
}

Value Observer::getProbabilities(AttentionOp attention) {
  Value &value = probabilities[attention];
  if (value)
    return value;
  OpBuilder builder(terminator);
  value = AttentionProbabilitiesOp::create(
      builder, attention.getLoc(), attention.getQuery(), attention.getKey(),
      attention.getMask(), attention.getBias(), attention.getScaleAttr(),
      attention.getMaskKindAttr(), attention.getWindowAttr(),
      attention.getHeadGroupsAttr(), attention.getZetaAttr(),
      attention.getGammaAttr());
  return value;
}

SmallVector<int64_t> Observer::addConcentration(AttentionOp attention) {
  Value all = getProbabilities(attention);
  auto add = [](OpBuilder &builder, ValueRange in, ValueRange out) {
    return SmallVector<Value>{getSum(builder, in[0], out[0])};
  };
  // What keys receive, the greatest of that, and that over what there is.
  Value received = reduce(all, {0, 1, 3}, {0.0}, add).front();
  SmallVector<Value> parts =
      reduce(received, {0, 1}, {0.0, 0.0},
             [](OpBuilder &builder, ValueRange in, ValueRange out) {
               return SmallVector<Value>{getMax(builder, in[0], out[0]),
                                         getSum(builder, in[0], out[1])};
             });
  OpBuilder builder(terminator);
  int64_t heads = cast<RankedTensorType>(all.getType()).getDimSize(1);
  AffineMap in = builder.getMultiDimIdentityMap(2), out = getMap(2, {1});
  Value sum = reduce(parts, {in, in, out}, {builder.getIndexAttr(heads)}, {0.0},
                     {IteratorType::reduction, IteratorType::parallel},
                     [](OpBuilder &builder, ValueRange in, ValueRange out) {
                       Value part = arith::DivFOp::create(
                           builder, in[0].getLoc(), in[0], in[1]);
                       return SmallVector<Value>{getSum(builder, part, out[0])};
                     })
                  .front();
  return {addResult(sum), addCount({received, {1, 2}})};
}

Value Observer::getTokenWeights(AttentionOp attention, Value value,
                                TokenWeighting weighting, double leastWeight) {
  OpBuilder builder(terminator);
  Location loc = terminator->getLoc();
  Value &weights = tokenWeights[attention];
  if (!weights) {
    auto all = [&](SmallVector<Value> inputs, SmallVector<AffineMap> maps,
                   Body body) {
      maps.push_back(builder.getMultiDimIdentityMap(2));
      SmallVector<OpFoldResult> sizes =
          tensor::getMixedSizes(builder, loc, inputs.front());
      return reduce(inputs, maps, sizes, {0.0},
                    {IteratorType::parallel, IteratorType::parallel}, body)
          .front();
    };
    AffineMap each = builder.getMultiDimIdentityMap(2), row = getMap(2, {0});
    Value received =
        reduce(getProbabilities(attention), {0, 3}, {0.0},
               [](OpBuilder &builder, ValueRange in, ValueRange out) {
                 return SmallVector<Value>{getSum(builder, in[0], out[0])};
               })
            .front();
    SmallVector<Value> ends =
        reduce(received, {0}, {infinity, -infinity},
               [](OpBuilder &builder, ValueRange in, ValueRange out) {
                 return SmallVector<Value>{getMin(builder, in[0], out[0]),
                                           getMax(builder, in[0], out[1])};
               });
    weights = all(
        {received, ends[0], ends[1]}, {each, row, row},
        [&](OpBuilder &builder, ValueRange in, ValueRange) {
          ImplicitLocOpBuilder b(loc, builder);
          auto getNumber = [&](double number) {
            return arith::ConstantOp::create(b, b.getF64FloatAttr(number));
          };
          Value width = arith::SubFOp::create(b, in[2], in[1]);
          Value place = arith::SubFOp::create(b, in[0], in[1]);
          // Where all receive the same all count.
          Value isEven = arith::CmpFOp::create(b, arith::CmpFPredicate::OLE,
                                               width, getNumber(0));
          place = arith::SelectOp::create(
              b, isEven, getNumber(1), arith::DivFOp::create(b, place, width));
          Value weight =
              getSum(b, getProduct(b, place, getNumber(1 - leastWeight)),
                     getNumber(leastWeight));
          if (weighting == TokenWeighting::Squared)
            weight = getProduct(b, weight, weight);
          return SmallVector<Value>{weight};
        });
    if (weighting == TokenWeighting::Linear) {
      SmallVector<Value> sums =
          reduce(weights, {0}, {0.0, 0.0},
                 [&](OpBuilder &builder, ValueRange in, ValueRange out) {
                   Value one = arith::ConstantOp::create(
                       builder, loc, builder.getF64FloatAttr(1));
                   return SmallVector<Value>{getSum(builder, in[0], out[0]),
                                             getSum(builder, one, out[1])};
                 });
      weights = all({weights, sums[0], sums[1]}, {each, row, row},
                    [&](OpBuilder &builder, ValueRange in, ValueRange) {
                      Value mean =
                          arith::DivFOp::create(builder, loc, in[1], in[2]);
                      return SmallVector<Value>{
                          arith::DivFOp::create(builder, loc, in[0], mean)};
                    });
    }
  }
  // The tokens are the last keys.
  OpFoldResult batch = tensor::getMixedSize(builder, loc, weights, 0);
  Value length = tensor::DimOp::create(builder, loc, weights, 1);
  Value tokens = tensor::DimOp::create(builder, loc, value, 1);
  Value offset = arith::SubIOp::create(builder, loc, length, tokens);
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  return tensor::ExtractSliceOp::create(
      builder, loc, weights, {zero, OpFoldResult(offset)},
      {batch, OpFoldResult(tokens)}, {one, one});
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
  DictionaryAttr observe(const QuantSite &site, func::FuncOp function,
                         Observer &observer);
  bool isAsked(StringRef name) const {
    return only.empty() || llvm::is_contained(only, name);
  }
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
    ChannelValue channels = {read, llvm::to_vector(member->axes)};
    entry.set("count", builder.getI64IntegerAttr(observer.addCount(channels)));
    entry.set("ranges",
              builder.getDenseI64ArrayAttr(observer.addRanges(channels)));
    if (products && !member->inverse && isTiled(site, *member)) {
      // A scale wants to know of all channels together.
      bool isWhole =
          static_cast<int64_t>(member->blocks.size()) == site.numTransforms;
      if (isBasis || isWhole)
        if (std::optional<int64_t> result = observer.addProducts(
                channels, isBasis ? member->blocks.size() : 1))
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

/// The attention in `function` whose probabilities `site` is, if it is that.
static AttentionOp getAttention(const QuantSite &site, func::FuncOp function) {
  if (site.role == SiteRole::Probabilities)
    for (Operation *op : site.ops)
      if (op->getBlock() == &function.getBody().front())
        return dyn_cast<AttentionOp>(op);
  return {};
}

/// The channels of `site` in `function`; none where it has no value there whose
/// channels could be counted.
static std::optional<ChannelValue>
findChannels(const QuantSite &site, func::FuncOp function, Observer &observer) {
  Block *body = &function.getBody().front();
  if (AttentionOp attention = getAttention(site, function))
    return ChannelValue{observer.getProbabilities(attention), {1}};
  bool hasHeads = site.role == SiteRole::Query || site.role == SiteRole::Key ||
                  site.role == SiteRole::Value;
  for (Value value : site.values) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (value.getParentBlock() != body || !type || type.getRank() < 2 ||
        !isa<FloatType>(type.getElementType()))
      continue;
    ChannelValue channels = {value, {type.getRank() - 1}};
    if (hasHeads)
      channels.axes.insert(channels.axes.begin(), type.getRank() - 2);
    if (llvm::none_of(channels.axes,
                      [&](int64_t axis) { return type.isDynamicDim(axis); }))
      return channels;
  }
  return std::nullopt;
}

/// What quantizes `site` in `function`, for all that read it; null where
/// nothing does.
static FakeQuantOp findQuantizer(const QuantSite &site, func::FuncOp function) {
  FakeQuantOp found;
  for (OpOperand *use : site.uses) {
    if (use->getOwner()->getBlock() != &function.getBody().front())
      continue;
    auto quantizer = use->get().getDefiningOp<FakeQuantOp>();
    if (!quantizer || (found && found != quantizer))
      return {};
    found = quantizer;
  }
  return found;
}

/// Tokens of a sequence in a sample at most.
static constexpr int64_t mostTokens = 64;

/// How many parts of which shape are a sample of `samples` tokens of `site`,
/// the channels of which are `channels`. Those of all operands of an attention
/// are of the same sequences.
static std::pair<int64_t, SmallVector<int64_t>>
getSampleShape(const QuantSite &site, const ChannelValue &channels,
               int64_t samples) {
  RankedTensorType type = channels.getType();
  auto attention = dyn_cast<AttentionOp>(site.ops.front());
  if (!attention)
    return {samples, {type.getShape().back()}};
  auto getTokens = [](RankedTensorType type) {
    int64_t tokens = type.isDynamicDim(1) ? mostTokens : type.getDimSize(1);
    return std::clamp<int64_t>(tokens, 1, mostTokens);
  };
  int64_t queries = getTokens(attention.getQuery().getType());
  int64_t keys = getTokens(attention.getKey().getType());
  int64_t sequences = llvm::divideCeil(samples, keys);
  if (site.role == SiteRole::Probabilities)
    return {sequences, {type.getDimSize(1), queries, keys}};
  return {sequences,
          {site.role == SiteRole::Query ? queries : keys, type.getDimSize(2),
           type.getDimSize(3)}};
}

/// How many names from the outside in `a` and `b` share.
static size_t countShared(StringRef a, StringRef b) {
  SmallVector<StringRef> left, right;
  a.split(left, '.');
  b.split(right, '.');
  size_t count = 0;
  while (count < std::min(left.size(), right.size()) &&
         left[count] == right[count])
    ++count;
  return count;
}

/// The attention in the layer of `site`: that whose path shares most with it,
/// the first of several.
static AttentionOp findAttention(const QuantSite &site, func::FuncOp function) {
  AttentionOp found;
  size_t most = 0;
  for (auto attention : function.getBody().front().getOps<AttentionOp>()) {
    size_t shared = countShared(site.getPath(), getSiteName(attention));
    if (shared > most) {
      most = shared;
      found = attention;
    }
  }
  return found;
}

DictionaryAttr Observe::observe(const QuantSite &site, func::FuncOp function,
                                Observer &observer) {
  std::optional<ChannelValue> channels =
      site.isWeight() ? std::nullopt : findChannels(site, function, observer);
  if (!channels)
    return {};
  OpBuilder builder(&getContext());
  NamedAttrList entry;
  entry.set("count", builder.getI64IntegerAttr(observer.addCount(*channels)));
  entry.set("ranges",
            builder.getDenseI64ArrayAttr(observer.addRanges(*channels)));
  entry.set("tokens",
            builder.getDenseI64ArrayAttr(observer.addTokenRanges(*channels)));
  entry.set("distribution", builder.getDenseI64ArrayAttr(
                                observer.addDistribution(channels->value)));
  if (AttentionOp attention = getAttention(site, function))
    entry.set("concentration", builder.getDenseI64ArrayAttr(
                                   observer.addConcentration(attention)));
  bool isSampled =
      site.role == SiteRole::Input || isa<AttentionOp>(site.ops.front());
  if (samples > 0 && isSampled) {
    auto [count, shape] = getSampleShape(site, *channels, samples);
    entry.set("sample", builder.getDenseI64ArrayAttr(
                            observer.addSample(channels->value, count, shape)));
    // Heads and their channels are one dimension.
    if (channels->axes.size() == 2) {
      int64_t size = shape.pop_back_val();
      shape.back() *= size;
    }
    shape.insert(shape.begin(), count);
    entry.set("sample_shape", builder.getDenseI64ArrayAttr(shape));
  }
  if (site.role == SiteRole::Input) {
    // What weights are multiplied by.
    ChannelValue read = *channels;
    if (FakeQuantOp quantizer = findQuantizer(site, function)) {
      read.value = quantizer.getResult();
      entry.set("read", builder.getDenseI64ArrayAttr(observer.addRanges(read)));
      if (products)
        if (auto result = observer.addProducts(read, *channels))
          entry.set("cross", builder.getI64IntegerAttr(*result));
    }
    if (products)
      if (std::optional<int64_t> result = observer.addProducts(read, 1))
        entry.set("products", builder.getI64IntegerAttr(*result));
    AttentionOp attention = weighting == TokenWeighting::None
                                ? AttentionOp()
                                : findAttention(site, function);
    if (attention && channels->getType().getRank() == 3) {
      Value weights = observer.getTokenWeights(attention, channels->value,
                                               weighting, leastWeight);
      if (std::optional<int64_t> result =
              observer.addProducts(read, 1, weights))
        entry.set("weighted", builder.getI64IntegerAttr(*result));
    }
  }
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("site", builder.getStringAttr(site.name)),
       builder.getNamedAttr("kind", builder.getStringAttr("value")),
       builder.getNamedAttr("basis", builder.getStringAttr(hashBasis(site))),
       builder.getNamedAttr("values", builder.getArrayAttr(entry.getDictionary(
                                          &getContext())))});
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
      if (isAsked(site.name) && names.insert(site.name).second)
        if (DictionaryAttr description = observe(site, function, observer))
          sites.push_back(description);
  };
  // First: the other sites need changes that values of these do not survive.
  if (quantizers)
    for (const QuantSite &site : collectQuantSites(getOperation()))
      if (isAsked(site.name))
        if (DictionaryAttr description = observe(site, function, observer))
          sites.push_back(description);
  // A scale that passes a gate is one of what the gate gives.
  function->setAttr(observedAttrName, ArrayAttr::get(&getContext(), sites));
  if (!classes)
    return;
  FusedSilus silus;
  silus.open(getOperation(), /*all=*/false);
  add(TransformKind::Scale);
  if (products)
    add(TransformKind::Basis);
  silus.close();
  function->setAttr(observedAttrName, ArrayAttr::get(&getContext(), sites));
}
