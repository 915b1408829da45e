//===- MobileViT.cpp - MobileViT encoders ---------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Convolutions and transformer layers in turn. Feature maps have their channels
// last, so that most convolutions are linear layers; batch norms go into the
// weights and biases of the convolutions before them.
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Vision.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchVisionOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using llvm::StringRef;

namespace {
/// What a convolution with its norm computes with.
struct ConvolutionWeights {
  Value weight, bias;
};

class MobileViTBuilder {
public:
  explicit MobileViTBuilder(ModelBuilder &builder);

  /// Begins the entry point; the last feature map, `[batch, h, w, channels]`.
  Value encode();
  /// The mean of all pixels of a map, `[batch, channels]`.
  Value pool(Value map);
  /// A map as `[batch, channels, height, width]`.
  Value putChannelsFirst(Value map);

private:
  static constexpr double normEps = 1e-5;

  /// `ratio`, which is under `key`, times `size`; an error where that is no
  /// size.
  double scaleSize(StringRef key, int64_t size, double ratio);

  ConvolutionWeights getWeights(const Path &path, ArrayRef<int64_t> shape,
                                bool hasNorm);
  /// A convolution of all channels with padding that keeps the size, but for
  /// the stride.
  Value convolve(const Path &path, Value map, int64_t out, int64_t kernel,
                 int64_t stride = 1, bool hasNorm = true,
                 bool isActivated = true);
  /// The same of each channel by itself.
  Value convolveDepthwise(const Path &path, Value map, int64_t stride);
  Value activate(const Path &path, Value map) {
    return b.activation(path / "activation", map, activation);
  }
  Value buildInvertedResidual(const Path &path, Value map, int64_t out,
                              int64_t stride);
  /// The layer with transformer layers of `hidden` channels.
  Value buildMobileViTLayer(const Path &path, Value map, int64_t out,
                            int64_t hidden, int64_t layers);

  ModelBuilder &b;
  Path base;
  int64_t channels, patch, kernelSize, heads;
  std::pair<int64_t, int64_t> image;
  llvm::SmallVector<int64_t> hiddenSizes, neckSizes;
  double expandRatio, mlpRatio, layerNormEps;
  bool qkvBias;
  Activation activation;
};
} // namespace

static int64_t getSize(Value map, int64_t dim) {
  return cast<RankedTensorType>(map.getType()).getDimSize(dim);
}

MobileViTBuilder::MobileViTBuilder(ModelBuilder &builder) : b(builder) {
  const Config &config = b.config();
  channels = config.getInt("num_channels", 3);
  image = config.getSize("image_size", 256);
  patch = config.getInt("patch_size", 2);
  kernelSize = config.getInt("conv_kernel_size", 3);
  heads = config.getInt("num_attention_heads", 4);
  hiddenSizes = config.getInts("hidden_sizes", 3);
  neckSizes = config.getInts("neck_hidden_sizes", 7);
  expandRatio = config.getNumber("expand_ratio", 4);
  mlpRatio = config.getNumber("mlp_ratio", 2);
  layerNormEps = config.getNumber("layer_norm_eps", 1e-5);
  qkvBias = config.getBool("qkv_bias", true);
  activation = b.getActivation("hidden_act", "silu");
  // Smaller strides go with dilated convolutions.
  config.require("output_stride", 32);
  for (int64_t hidden : hiddenSizes)
    b.requireMultiple("hidden_sizes", hidden, "num_attention_heads", heads);
  if (kernelSize % 2 == 0)
    config.emitError("conv_kernel_size")
        << "'conv_kernel_size' is " << kernelSize << ", expected an odd number";
  base = b.findPrefix({"mobilevit", ""}, "conv_stem.convolution.weight");
}

double MobileViTBuilder::scaleSize(StringRef key, int64_t size, double ratio) {
  double scaled = size * ratio;
  if (scaled >= 1 && scaled <= Config::maxSize)
    return scaled;
  b.config().emitError(key)
      << "'" << key << "' times " << size << " is " << scaled
      << ", expected from 1 to " << Config::maxSize;
  return 1;
}

/// A number of channels next to `channels`, a multiple of 8.
static int64_t roundChannels(double channels) {
  constexpr int64_t divisor = 8;
  auto whole = static_cast<int64_t>(std::nearbyint(channels));
  int64_t rounded =
      std::max(divisor, (whole + divisor / 2) / divisor * divisor);
  // Not more than a tenth is lost.
  return rounded < 0.9 * whole ? rounded + divisor : rounded;
}

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

ConvolutionWeights MobileViTBuilder::getWeights(const Path &path,
                                                ArrayRef<int64_t> shape,
                                                bool hasNorm) {
  Path convolution = path / "convolution", norm = path / "normalization";
  if (!hasNorm)
    return {b.param(convolution / "weight", shape), Value()};
  auto get = [&](StringRef part) {
    return b.wideParam(norm / part, shape.front());
  };
  auto scale = [&](const Path &name, Value param, Value gain) -> Value {
    return ChannelScaleOp::create(b.builder(), b.at(name), param, gain,
                                  /*axis=*/0, /*inverse=*/false);
  };
  Value gamma = get("weight"), beta = get("bias"), mean = get("running_mean"),
        variance = get("running_var");
  Value gain = BatchNormGainOp::create(b.builder(), b.at(norm), gamma, variance,
                                       llvm::APFloat(normEps));
  Value weight =
      scale(convolution, b.wideParam(convolution / "weight", shape), gain);
  Value bias = ShiftOp::create(b.builder(), b.at(norm), beta,
                               scale(norm, mean, gain), /*negative=*/true);
  return {b.narrow(weight), b.narrow(bias)};
}

Value MobileViTBuilder::convolve(const Path &path, Value map, int64_t out,
                                 int64_t kernel, int64_t stride, bool hasNorm,
                                 bool isActivated) {
  int64_t in = getSize(map, 3);
  auto [weight, bias] = getWeights(path, {out, in, kernel, kernel}, hasNorm);
  Location loc = b.at(path / "convolution");
  if (kernel != 1 || stride != 1) {
    int64_t padding = kernel / 2;
    map = Im2ColOp::create(
        b.builder(), loc, map, ArrayRef<int64_t>{kernel, kernel},
        ArrayRef<int64_t>{stride, stride}, ArrayRef<int64_t>{padding, padding});
    weight = TransposeOp::create(b.builder(), weight.getLoc(), weight,
                                 ArrayRef<int64_t>{0, 2, 3, 1});
  }
  weight = b.reshape(weight, {out, in * kernel * kernel});
  map = LinearOp::create(b.builder(), loc, map, weight, bias);
  return isActivated ? activate(path, map) : map;
}

Value MobileViTBuilder::convolveDepthwise(const Path &path, Value map,
                                          int64_t stride) {
  constexpr int64_t size = 3;
  int64_t width = getSize(map, 3);
  auto [weight, bias] =
      getWeights(path, {width, 1, size, size}, /*hasNorm=*/true);
  weight = b.reshape(weight, {width, size, size});
  map = DepthwiseConv2DOp::create(
      b.builder(), b.at(path / "convolution"), map, weight, bias,
      ArrayRef<int64_t>{stride, stride}, ArrayRef<int64_t>{1, 1});
  return activate(path, map);
}

Value MobileViTBuilder::buildInvertedResidual(const Path &path, Value map,
                                              int64_t out, int64_t stride) {
  int64_t in = getSize(map, 3);
  int64_t wide = roundChannels(scaleSize("expand_ratio", in, expandRatio));
  Value branch = convolve(path / "expand_1x1", map, wide, /*kernel=*/1);
  branch = convolveDepthwise(path / "conv_3x3", branch, stride);
  branch = convolve(path / "reduce_1x1", branch, out, /*kernel=*/1,
                    /*stride=*/1, /*hasNorm=*/true, /*isActivated=*/false);
  return stride == 1 && in == out ? b.residual(path, map, branch) : branch;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

Value MobileViTBuilder::buildMobileViTLayer(const Path &path, Value map,
                                            int64_t out, int64_t hidden,
                                            int64_t layers) {
  map = buildInvertedResidual(path / "downsampling_layer", map, out,
                              /*stride=*/2);
  Value local = convolve(path / "conv_kxk", map, out, kernelSize);
  local = convolve(path / "conv_1x1", local, hidden, /*kernel=*/1,
                   /*stride=*/1, /*hasNorm=*/false, /*isActivated=*/false);
  int64_t height = getSize(local, 1), width = getSize(local, 2);
  if (height % patch || width % patch) {
    b.config().emitError("image_size")
        << "'image_size' gives '" << path.str() << "' maps of " << height
        << " x " << width << ", expected multiples of 'patch_size', " << patch
        << ": maps are not resized";
    return map;
  }

  auto intermediate =
      static_cast<int64_t>(scaleSize("mlp_ratio", hidden, mlpRatio));
  VisionLayer layer{heads, intermediate, layerNormEps, qkvBias, activation};
  Value tokens = UnfoldOp::create(b.builder(), b.at(path / "unfolding"), local,
                                  patch, patch);
  b.setTokens(tokens);
  for (int64_t i = 0; i != layers && !b.failed(); ++i)
    tokens = buildVisionLayer(b, path / "transformer.layer" / i, tokens, layer);
  tokens = b.layerNorm(path / "layernorm", tokens, layerNormEps);
  Value global = FoldOp::create(b.builder(), b.at(path / "folding"), tokens,
                                patch, patch, height, width);
  global = convolve(path / "conv_projection", global, out, /*kernel=*/1);
  Value both = tensor::ConcatOp::create(b.builder(), b.at(path / "fusion"),
                                        /*dim=*/3, ValueRange{map, global});
  return convolve(path / "fusion", both, out, kernelSize);
}

Value MobileViTBuilder::encode() {
  b.ignore("num_batches_tracked");
  b.setSymbol("batch", 1);
  b.beginEntry("encode");
  Value pixels = b.addArgument(
      b.getType({ShapedType::kDynamic, channels, image.first, image.second}),
      {"pixel_values", {"batch"}});
  // Patches of one pixel are pixels with their channels last.
  Path stem = base / "conv_stem";
  Location loc = b.at(stem);
  Value rows = PatchesOp::create(b.builder(), loc, pixels, /*height=*/1,
                                 /*width=*/1);
  SmallVector<OpFoldResult> sizes = {
      tensor::getMixedSize(b.builder(), loc, rows, 0)};
  for (int64_t size : {image.first, image.second, channels})
    sizes.push_back(b.builder().getIndexAttr(size));
  Value map = tensor::ExpandShapeOp::create(
      b.builder(), loc,
      b.getType({ShapedType::kDynamic, image.first, image.second, channels}),
      rows, ArrayRef<ReassociationIndices>{{0}, {1, 2}, {3}}, sizes);

  map = convolve(stem, map, neckSizes[0], /*kernel=*/3, /*stride=*/2);
  Path layers = base / "encoder.layer";
  map = buildInvertedResidual(layers / 0 / "layer" / 0, map, neckSizes[1],
                              /*stride=*/1);
  for (int64_t i = 0; i != 3; ++i)
    map = buildInvertedResidual(layers / 1 / "layer" / i, map, neckSizes[2],
                                /*stride=*/i == 0 ? 2 : 1);
  constexpr int64_t depths[] = {2, 4, 3};
  for (int64_t i = 0; i != 3 && !b.failed(); ++i)
    map = buildMobileViTLayer(layers / (i + 2), map, neckSizes[i + 3],
                              hiddenSizes[i], depths[i]);
  return convolve(base / "conv_1x1_exp", map, neckSizes[6], /*kernel=*/1);
}

Value MobileViTBuilder::pool(Value map) {
  Location loc = b.at(base / "pooler");
  Value pixels = tensor::CollapseShapeOp::create(
      b.builder(), loc, map, ArrayRef<ReassociationIndices>{{0}, {1, 2}, {3}});
  return PoolOp::create(b.builder(), loc, pixels, /*mask=*/Value(),
                        PoolKind::Mean);
}

Value MobileViTBuilder::putChannelsFirst(Value map) {
  constexpr int64_t order[] = {0, 3, 1, 2};
  Location loc = map.getLoc();
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b.builder(), loc, map);
  applyPermutationToVector(sizes, order);
  Value empty =
      tensor::EmptyOp::create(b.builder(), loc, sizes, b.elementType());
  return linalg::TransposeOp::create(b.builder(), loc, map, empty, order)
      ->getResult(0);
}

LogicalResult quench::importMobileViT(ModelBuilder &b) {
  bool bare = b.getArchitecture(
                  {"MobileViTModel", "MobileViTForImageClassification"}) ==
              "MobileViTModel";
  MobileViTBuilder model(b);
  if (b.failed())
    return failure();
  Value map = model.encode();
  Value pooled = model.pool(map);
  if (bare) {
    b.addResult("last_hidden_state", model.putChannelsFirst(map), {"batch"});
    b.addResult("pooler_output", pooled, {"batch"});
  } else {
    b.addResult("logits", b.classifier("classifier", pooled), {"batch"});
  }
  b.endEntry();
  return success(!b.failed());
}
