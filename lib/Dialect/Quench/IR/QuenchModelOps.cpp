//===- QuenchModelOps.cpp - Shapes of model ops --------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"

#include "AttentionShapes.h"
#include "ConvolutionShapes.h"

#include "Quench/Dialect/Quench/IR/QuenchObserveOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinAttributes.h"

#include <cmath>

using namespace mlir;
using namespace quench;

using llvm::Twine;
using Dim = ShapeInference::Dim;

namespace {
struct NamedOperand {
  Value value;
  StringRef name;
};
} // namespace

/// Fails unless all `operands` that are present have elements of type `type`.
static LogicalResult checkElementTypes(ShapeInference &shapes, Type type,
                                       ArrayRef<NamedOperand> operands) {
  for (const NamedOperand &operand : operands)
    if (failed(shapes.checkElementType(operand.value, operand.name, type)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

LogicalResult LinearOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), weight = op.getWeight(), bias = op.getBias();
  Type type = shapes.getElementType(input);
  if (failed(shapes.checkMinimalRank(input, "input", 1)) ||
      failed(shapes.checkShape(weight, "weight",
                               {Dim(), shapes.getDim(input, -1)})) ||
      failed(shapes.checkShape(bias, "bias", {shapes.getDim(weight, 0)})) ||
      failed(checkElementTypes(shapes, type,
                               {{weight, "weight"}, {bias, "bias"}})))
    return failure();
  SmallVector<Dim> dims = shapes.getDims(input, /*drop=*/1);
  dims.push_back(shapes.getDim(weight, 0));
  shapes.addResult(dims, type);
  return success();
}

LogicalResult MatmulOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value lhs = op.getLhs(), rhs = op.getRhs();
  Type type = shapes.getElementType(lhs);
  if (failed(shapes.checkMinimalRank(lhs, "lhs", 2)))
    return failure();
  SmallVector<Dim> dims = shapes.getDims(lhs, /*drop=*/2);
  Dim rows = shapes.getDim(lhs, op.getTransposeA() ? -1 : -2);
  Dim reduced = shapes.getDim(lhs, op.getTransposeA() ? -2 : -1);
  SmallVector<Dim> expected = dims;
  expected.append({reduced, Dim()});
  if (op.getTransposeB())
    std::swap(expected[dims.size()], expected[dims.size() + 1]);
  if (failed(shapes.checkShape(rhs, "rhs", expected)) ||
      failed(shapes.checkElementType(rhs, "rhs", type)))
    return failure();
  dims.append({rows, shapes.getDim(rhs, op.getTransposeB() ? -2 : -1)});
  shapes.addResult(dims, type);
  return success();
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

template <typename Adaptor>
static LogicalResult inferBinary(Adaptor op, ShapeInference &shapes) {
  Value lhs = op.getLhs(), rhs = op.getRhs();
  if (failed(shapes.checkSuffix(rhs, "rhs", shapes.getDims(lhs))) ||
      failed(shapes.checkElementType(rhs, "rhs", shapes.getElementType(lhs))))
    return failure();
  shapes.addResultLike(lhs);
  return success();
}

LogicalResult AddOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferBinary(op, shapes);
}

LogicalResult MulOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferBinary(op, shapes);
}

template <typename Adaptor>
static LogicalResult inferUnary(Adaptor op, ShapeInference &shapes) {
  shapes.addResultLike(op.getInput());
  return success();
}

LogicalResult ReluOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferUnary(op, shapes);
}

LogicalResult TanhOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferUnary(op, shapes);
}

LogicalResult SoftplusOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferUnary(op, shapes);
}

LogicalResult ExpOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferUnary(op, shapes);
}

LogicalResult NegOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferUnary(op, shapes);
}

LogicalResult GeluOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferUnary(op, shapes);
}

LogicalResult SiluOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), scale = op.getScale();
  if (failed(shapes.checkMinimalRank(input, "input", 1)) ||
      failed(shapes.checkShape(scale, "scale", {shapes.getDim(input, -1)})) ||
      failed(shapes.checkElementType(scale, "scale",
                                     shapes.getElementType(input))))
    return failure();
  shapes.addResultLike(input);
  return success();
}

LogicalResult GatedOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  shapes.addResultLike(op.getGate());
  return success();
}

//===----------------------------------------------------------------------===//
// Normalization
//===----------------------------------------------------------------------===//

/// A result like `input` of a norm with the optional vectors `gamma` and
/// `beta`.
static LogicalResult inferNorm(ShapeInference &shapes, Value input,
                               const APFloat &eps, Value gamma = {},
                               Value beta = {}) {
  if (failed(shapes.checkMinimalRank(input, "input", 1)) ||
      failed(shapes.checkShape(gamma, "gamma", {shapes.getDim(input, -1)})) ||
      failed(shapes.checkShape(beta, "beta", {shapes.getDim(input, -1)})) ||
      failed(checkElementTypes(shapes, shapes.getElementType(input),
                               {{gamma, "gamma"}, {beta, "beta"}})))
    return failure();
  if (eps.isNegative() || !eps.isFinite())
    return shapes.fail("expected eps to be finite and not negative, found ",
                       eps.convertToDouble());
  shapes.addResultLike(input);
  return success();
}

LogicalResult LayerNormOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferNorm(shapes, op.getInput(), op.getEps(), op.getGamma(),
                   op.getBeta());
}

LogicalResult RMSNormOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferNorm(shapes, op.getInput(), op.getEps(), op.getGamma());
}

LogicalResult L2NormalizeOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferNorm(shapes, op.getInput(), op.getEps());
}

/// Fails unless the stretch of a clipped softmax is whole and a stretch.
static LogicalResult checkStretch(ShapeInference &shapes,
                                  std::optional<APFloat> zeta,
                                  std::optional<APFloat> gamma) {
  if (zeta.has_value() != gamma.has_value())
    return shapes.fail("expected zeta and gamma together");
  if (!zeta)
    return success();
  double high = zeta->convertToDouble(), low = gamma->convertToDouble();
  if (!(high >= 1 && low <= 0 && std::isfinite(high) && std::isfinite(low)))
    return shapes.fail("expected zeta >= 1 and gamma <= 0, found ", high,
                       " and ", low);
  return success();
}

LogicalResult SoftmaxOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(shapes.checkMinimalRank(op.getInput(), "input", 1)) ||
      failed(checkStretch(shapes, op.getZeta(), op.getGamma())))
    return failure();
  shapes.addResultLike(op.getInput());
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Checks everything of attention but the values.
template <typename Adaptor>
static LogicalResult checkScores(Adaptor op, ShapeInference &shapes) {
  return failure(failed(checkScoreShapes(op, shapes)) ||
                 failed(checkElementTypes(
                     shapes, shapes.getElementType(op.getQuery()),
                     {{op.getKey(), "key"}, {op.getBias(), "bias"}})) ||
                 failed(checkStretch(shapes, op.getZeta(), op.getGamma())));
}

LogicalResult AttentionOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkScores(op, shapes)))
    return failure();
  Value query = op.getQuery(), key = op.getKey(), value = op.getValue();
  Type type = shapes.getElementType(query);
  if (failed(shapes.checkShape(value, "value",
                               {shapes.getDim(key, 0), shapes.getDim(key, 1),
                                shapes.getDim(key, 2), Dim()})) ||
      failed(checkElementTypes(shapes, type, {{value, "value"}})))
    return failure();
  SmallVector<Dim> dims = shapes.getDims(query, 1);
  dims.push_back(shapes.getDim(value, 3));
  shapes.addResult(dims, type);
  return success();
}

LogicalResult AttentionProbabilitiesOp::inferShapes(Adaptor op,
                                                    ShapeInference &shapes) {
  if (failed(checkScores(op, shapes)))
    return failure();
  Value query = op.getQuery();
  shapes.addResult({shapes.getDim(query, 0), shapes.getDim(query, 2),
                    shapes.getDim(query, 1), shapes.getDim(op.getKey(), 1)},
                   shapes.getElementType(query));
  return success();
}

LogicalResult PositionsOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  int64_t rank = shapes.getRank(op.getLike());
  int64_t dim = op.getDim();
  if (dim < 0 || dim >= rank)
    return shapes.fail("expected dim below ", rank, ", found ", dim);
  shapes.addResult({shapes.getDim(op.getLike(), dim)},
                   IntegerType::get(shapes.getContext(), 64));
  return success();
}

LogicalResult RopeTableOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Type type = op.getElementType();
  if (!isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(type))
    return shapes.fail("expected element_type to be f16, bf16, f32 or f64");
  if (failed(shapes.checkShape(op.getPositions(), "positions", {Dim()})))
    return failure();
  int64_t pairs = op.getInvFreq().size();
  Dim tokens = shapes.getDim(op.getPositions(), 0);
  shapes.addResult({tokens, shapes.getConstant(pairs)}, type);
  shapes.addResult({tokens, shapes.getConstant(pairs)}, type);
  return success();
}

LogicalResult RopeOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), cos = op.getCos(), sin = op.getSin();
  if (failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim(), Dim()})))
    return failure();
  if (failed(shapes.checkShape(cos, "cos", {shapes.getDim(input, 1), Dim()})) ||
      failed(shapes.checkShape(sin, "sin", shapes.getDims(cos))) ||
      failed(checkElementTypes(shapes, shapes.getElementType(input),
                               {{cos, "cos"}, {sin, "sin"}})) ||
      failed(shapes.checkStatic(input, "input", 3)) ||
      failed(shapes.checkStatic(cos, "cos", 1)))
    return failure();
  int64_t channels = ShapeInference::getSize(shapes.getDim(input, 3));
  int64_t pairs = ShapeInference::getSize(shapes.getDim(cos, 1));
  if (2 * pairs > channels)
    return shapes.fail("expected at most ", channels / 2,
                       " pairs for heads of ", channels, " channels, found ",
                       pairs);
  shapes.addResultLike(input);
  return success();
}

LogicalResult KVCacheOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value cache = op.getCache(), input = op.getInput();
  if (failed(shapes.checkShape(cache, "cache", {Dim(), Dim(), Dim(), Dim()})))
    return failure();
  Type type = shapes.getElementType(cache);
  Dim batch = shapes.getDim(cache, 0), groups = shapes.getDim(cache, 2),
      channels = shapes.getDim(cache, 3);
  if (failed(shapes.checkShape(input, "input",
                               {batch, Dim(), groups, channels})) ||
      failed(shapes.checkElementType(input, "input", type)))
    return failure();
  shapes.addResultLike(cache);
  shapes.addResult(
      {batch, shapes.getScalar(op.getPosition()) + shapes.getDim(input, 1),
       groups, channels},
      type);
  return success();
}

//===----------------------------------------------------------------------===//
// Embeddings and tokens
//===----------------------------------------------------------------------===//

LogicalResult EmbeddingOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(shapes.checkShape(op.getTable(), "table", {Dim(), Dim()})))
    return failure();
  SmallVector<Dim> dims = shapes.getDims(op.getIds());
  dims.push_back(shapes.getDim(op.getTable(), 1));
  shapes.addResult(dims, shapes.getElementType(op.getTable()));
  return success();
}

/// The number of patches of `height` x `width` pixels in `image`, fully known
/// sizes being multiples of those of a patch.
static FailureOr<Dim> inferPatches(ShapeInference &shapes, Value image,
                                   int64_t height, int64_t width) {
  if (height < 1 || width < 1)
    return shapes.fail("expected patches of at least 1 x 1 pixels, found ",
                       height, " x ", width);
  Dim rows = shapes.getDim(image, 2), columns = shapes.getDim(image, 3);
  for (auto [dim, size, name] :
       {std::tuple(rows, height, "height"), {columns, width, "width"}}) {
    int64_t extent = ShapeInference::getSize(dim);
    if (!ShapedType::isDynamic(extent) && extent % size != 0)
      return shapes.fail("expected the ", name,
                         " of the image to be a multiple of ", size, ", found ",
                         extent);
  }
  return rows.floorDiv(height) * columns.floorDiv(width);
}

LogicalResult PatchEmbedOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), weight = op.getWeight(), bias = op.getBias();
  Type type = shapes.getElementType(input);
  if (failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim(), Dim()})) ||
      failed(shapes.checkShape(
          weight, "weight", {Dim(), shapes.getDim(input, 1), Dim(), Dim()})) ||
      failed(shapes.checkShape(bias, "bias", {shapes.getDim(weight, 0)})) ||
      failed(checkElementTypes(shapes, type,
                               {{weight, "weight"}, {bias, "bias"}})) ||
      failed(shapes.checkStatic(weight, "weight", 1)) ||
      failed(shapes.checkStatic(weight, "weight", 2)) ||
      failed(shapes.checkStatic(weight, "weight", 3)))
    return failure();
  FailureOr<Dim> patches = inferPatches(
      shapes, input, ShapeInference::getSize(shapes.getDim(weight, 2)),
      ShapeInference::getSize(shapes.getDim(weight, 3)));
  if (failed(patches))
    return failure();
  shapes.addResult(
      {shapes.getDim(input, 0), *patches, shapes.getDim(weight, 0)}, type);
  return success();
}

LogicalResult PatchesOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  if (failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim(), Dim()})))
    return failure();
  int64_t height = op.getHeight(), width = op.getWidth();
  FailureOr<Dim> patches = inferPatches(shapes, input, height, width);
  if (failed(patches))
    return failure();
  shapes.addResult({shapes.getDim(input, 0), *patches,
                    shapes.getDim(input, 1) * (height * width)},
                   shapes.getElementType(input));
  return success();
}

LogicalResult PrependOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), tokens = op.getTokens();
  Type type = shapes.getElementType(input);
  if (failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim()})) ||
      failed(shapes.checkShape(tokens, "tokens",
                               {Dim(), shapes.getDim(input, 2)})) ||
      failed(shapes.checkElementType(tokens, "tokens", type)))
    return failure();
  shapes.addResult({shapes.getDim(input, 0),
                    shapes.getDim(tokens, 0) + shapes.getDim(input, 1),
                    shapes.getDim(input, 2)},
                   type);
  return success();
}

LogicalResult PoolOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  if (failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim()})) ||
      failed(shapes.checkShape(
          op.getMask(), "mask",
          {shapes.getDim(input, 0), shapes.getDim(input, 1)})))
    return failure();
  bool chooses = op.getKind() == PoolKind::First ||
                 (op.getKind() == PoolKind::Last && !op.getMask());
  if (chooses && ShapeInference::getSize(shapes.getDim(input, 1)) == 0)
    return shapes.fail("expected at least one token, found none");
  if (op.getMask() && op.getKind() == PoolKind::First)
    return shapes.fail("expected no mask for kind first");
  shapes.addResult({shapes.getDim(input, 0), shapes.getDim(input, 2)},
                   shapes.getElementType(input));
  return success();
}

//===----------------------------------------------------------------------===//
// Convolution and state-space models
//===----------------------------------------------------------------------===//

LogicalResult CausalConv1DOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), weight = op.getWeight();
  Type type = shapes.getElementType(input);
  if (failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim()})))
    return failure();
  Dim batch = shapes.getDim(input, 0), channels = shapes.getDim(input, 2);
  if (ShapeInference::getSize(shapes.getDim(input, 1)) == 0)
    return shapes.fail("expected at least one token, found none");
  if (failed(shapes.checkShape(weight, "weight", {channels, Dim()})) ||
      failed(shapes.checkStatic(weight, "weight", 1)))
    return failure();
  int64_t taps = ShapeInference::getSize(shapes.getDim(weight, 1));
  if (taps < 1)
    return shapes.fail("expected weight of at least one tap, found none");
  SmallVector<Dim> state = {batch, shapes.getConstant(taps - 1), channels};
  if (failed(shapes.checkShape(op.getBias(), "bias", {channels})) ||
      failed(shapes.checkShape(op.getState(), "state", state)) ||
      failed(checkElementTypes(shapes, type,
                               {{weight, "weight"},
                                {op.getBias(), "bias"},
                                {op.getState(), "state"}})))
    return failure();
  shapes.addResultLike(input);
  shapes.addResult(state, type);
  return success();
}

LogicalResult Conv2DOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), weight = op.getWeight();
  Type type = shapes.getElementType(input);
  ArrayRef<int64_t> strides = op.getStrides(), padding = op.getPadding();
  int64_t groups = op.getGroups();
  if (failed(checkWindowSteps(shapes, strides, padding)))
    return failure();
  if (groups < 1)
    return shapes.fail("expected at least one group, found ", groups);
  if (failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim(), Dim()})) ||
      failed(shapes.checkShape(weight, "weight", {Dim(), Dim(), Dim(), Dim()})))
    return failure();
  for (int64_t index = 0; index < 4; ++index)
    if (failed(shapes.checkStatic(weight, "weight", index)))
      return failure();
  Dim out = shapes.getDim(weight, 0);
  if (failed(shapes.checkShape(
          input, "input",
          {Dim(), shapes.getDim(weight, 1) * groups, Dim(), Dim()})) ||
      failed(shapes.checkShape(op.getBias(), "bias", {out})) ||
      failed(checkElementTypes(shapes, type,
                               {{weight, "weight"}, {op.getBias(), "bias"}})))
    return failure();
  if (ShapeInference::getSize(out) % groups != 0)
    return shapes.fail("expected the output channels to be a multiple of ",
                       groups, " groups, found ", ShapeInference::getSize(out));
  SmallVector<Dim> dims = {shapes.getDim(input, 0), out};
  int64_t kernel[] = {ShapeInference::getSize(shapes.getDim(weight, 2)),
                      ShapeInference::getSize(shapes.getDim(weight, 3))};
  if (failed(inferWindows(shapes, input, /*first=*/2, kernel, strides, padding,
                          dims)))
    return failure();
  shapes.addResult(dims, type);
  return success();
}

LogicalResult SelectiveScanOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  Type type = shapes.getElementType(input);
  if (failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim()})))
    return failure();
  Dim batch = shapes.getDim(input, 0), tokens = shapes.getDim(input, 1),
      channels = shapes.getDim(input, 2);
  if (failed(shapes.checkShape(op.getA(), "a", {channels, Dim()})))
    return failure();
  Dim states = shapes.getDim(op.getA(), 1);
  if (failed(shapes.checkShape(op.getDelta(), "delta",
                               {batch, tokens, channels})) ||
      failed(shapes.checkShape(op.getB(), "b", {batch, tokens, states})) ||
      failed(shapes.checkShape(op.getC(), "c", {batch, tokens, states})) ||
      failed(shapes.checkShape(op.getD(), "d", {channels})) ||
      failed(shapes.checkShape(op.getState(), "state",
                               {batch, channels, states})) ||
      failed(checkElementTypes(shapes, type,
                               {{op.getDelta(), "delta"},
                                {op.getA(), "a"},
                                {op.getB(), "b"},
                                {op.getC(), "c"},
                                {op.getD(), "d"},
                                {op.getState(), "state"}})))
    return failure();
  shapes.addResultLike(input);
  shapes.addResult({batch, channels, states}, type);
  return success();
}

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

static LogicalResult checkWindow(ShapeInference &shapes, int64_t window,
                                 int64_t shift) {
  if (window < 1)
    return shapes.fail("expected a window of at least 1, found ", window);
  if (shift < 0 || shift >= window)
    return shapes.fail("expected a shift below the window of ", window,
                       ", found ", shift);
  return success();
}

LogicalResult WindowPartitionOp::inferShapes(Adaptor op,
                                             ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t window = op.getWindow();
  if (failed(checkWindow(shapes, window, op.getShift())) ||
      failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim(), Dim()})))
    return failure();
  shapes.addResult(
      {shapes.getDim(input, 0) * shapes.getDim(input, 1).ceilDiv(window) *
           shapes.getDim(input, 2).ceilDiv(window),
       shapes.getConstant(window * window), shapes.getDim(input, 3)},
      shapes.getElementType(input));
  return success();
}

LogicalResult WindowMergeOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t window = op.getWindow(), height = op.getHeight(),
          width = op.getWidth();
  if (failed(checkWindow(shapes, window, op.getShift())))
    return failure();
  if (height < 1 || width < 1)
    return shapes.fail("expected a map of at least 1 x 1, found ", height,
                       " x ", width);
  if (failed(shapes.checkShape(
          input, "input", {Dim(), shapes.getConstant(window * window), Dim()})))
    return failure();
  int64_t windows =
      llvm::divideCeil(height, window) * llvm::divideCeil(width, window);
  Dim total = shapes.getDim(input, 0);
  int64_t size = ShapeInference::getSize(total);
  if (!ShapedType::isDynamic(size) && size % windows != 0)
    return shapes.fail("expected a multiple of ", windows, " windows, found ",
                       size);
  shapes.addResult({total.floorDiv(windows), shapes.getConstant(height),
                    shapes.getConstant(width), shapes.getDim(input, 2)},
                   shapes.getElementType(input));
  return success();
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchModelOps.cpp.inc"
