//===- RotationPolicy.cpp - How rotations are chosen ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/RotationPolicy.h"

#include "ChannelVectors.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Support/Hadamard.h"

#include "llvm/Support/FormatVariadic.h"

#include <limits>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Policies
//===----------------------------------------------------------------------===//

/// The order of the matrices for a class of `size` channels; none, with the
/// reason, where there is no such matrix.
static std::optional<int64_t> getOrder(int64_t size, int64_t block,
                                       bool isHadamard, std::string &reason) {
  int64_t order = block;
  if (block == 0)
    order = size;
  else if (block < 0)
    order = HadamardMatrix::getLargestBlock(size);
  if (size % order)
    reason =
        llvm::formatv("blocks of {0} do not divide {1} channels", order, size);
  else if (order == 1)
    reason = "a matrix of order 1 rotates nothing";
  else if (isHadamard && !HadamardMatrix::isKnown(order))
    reason = HadamardMatrix::explainUnknown(order) +
             "; 'random-orthogonal' has every order";
  else
    return order;
  return std::nullopt;
}

using MakeMatrix = RotationAttrInterface (*)(MLIRContext *, int64_t order,
                                             uint64_t seed);

static void addMatrixPolicy(RotationPolicyRegistry &registry, StringRef name,
                            bool isHadamard, bool isRandom, MakeMatrix make) {
  registry.add(name, [=](PolicyOptions &options) -> RotationPolicy {
    constexpr int64_t most = std::numeric_limits<int64_t>::max();
    int64_t block = options.getInteger("block", 0, -1, most);
    int64_t seed = isRandom ? options.getInteger("seed", 0, 0, most) : 0;
    return [=](OpBuilder &builder, const ChannelClass &site,
               std::string &reason) -> std::optional<Rotation> {
      if (std::optional<int64_t> order =
              getOrder(site.size, block, isHadamard, reason))
        return Rotation(make(builder.getContext(), *order, seed));
      return std::nullopt;
    };
  });
}

void quench::registerRotationPolicies(RotationPolicyRegistry &registry) {
  registry.add("identity", [](PolicyOptions &) -> RotationPolicy {
    return [](OpBuilder &, const ChannelClass &, std::string &reason) {
      reason = "the identity rotates nothing";
      return std::optional<Rotation>();
    };
  });
  addMatrixPolicy(registry, "hadamard", /*isHadamard=*/true, /*isRandom=*/false,
                  [](MLIRContext *context, int64_t order,
                     uint64_t seed) -> RotationAttrInterface {
                    return HadamardAttr::get(context, order);
                  });
  addMatrixPolicy(registry, "random-hadamard", /*isHadamard=*/true,
                  /*isRandom=*/true,
                  [](MLIRContext *context, int64_t order,
                     uint64_t seed) -> RotationAttrInterface {
                    return RandomHadamardAttr::get(context, order, seed);
                  });
  addMatrixPolicy(registry, "random-orthogonal", /*isHadamard=*/false,
                  /*isRandom=*/true,
                  [](MLIRContext *context, int64_t order,
                     uint64_t seed) -> RotationAttrInterface {
                    return RandomOrthogonalAttr::get(context, order, seed);
                  });
}

RotationPolicyRegistry quench::getRotationPolicies(MLIRContext *context) {
  RotationPolicyRegistry registry;
  registerRotationPolicies(registry);
  registerDataRotationPolicies(registry);
  for (Dialect *dialect : context->getLoadedDialects())
    if (auto *policies =
            dialect->getRegisteredInterface<RotationPolicyDialectInterface>())
      policies->addRotationPolicies(registry);
  return registry;
}

//===----------------------------------------------------------------------===//
// Rotating
//===----------------------------------------------------------------------===//

/// `rotation`, with the matrices of a stack in the order of `blocks`.
static Rotation getBlockRotation(OpBuilder &builder, const Rotation &rotation,
                                 ArrayRef<ChannelBlock> blocks) {
  Value matrix = rotation.getMatrix();
  if (!matrix)
    return rotation;
  auto type = cast<RankedTensorType>(matrix.getType());
  auto isInPlace = [](auto entry) {
    return entry.value().transform == static_cast<int64_t>(entry.index());
  };
  if (type.getRank() == 2 ||
      (type.getDimSize(0) == static_cast<int64_t>(blocks.size()) &&
       llvm::all_of(llvm::enumerate(blocks), isInPlace)))
    return rotation;
  SmallVector<Value> stack;
  for (ChannelBlock block : blocks)
    stack.push_back(SliceOp::create(builder, matrix.getLoc(), matrix,
                                    /*axis=*/0, block.transform,
                                    block.transform + 1));
  return Rotation(stack.size() == 1 ? stack.front()
                                    : ConcatOp::create(builder, matrix.getLoc(),
                                                       stack, /*axis=*/0),
                  rotation.isTransposed());
}

/// `weight` with the blocks of `place`, of `size` channels, rotated.
static Value rotateBlocks(OpBuilder &builder, Value weight,
                          const ClassWeight &place, int64_t size,
                          const Rotation &rotation) {
  auto type = cast<RankedTensorType>(weight.getType());
  int64_t length = type.getDimSize(place.axis);
  if (static_cast<int64_t>(place.blocks.size()) * size == length)
    return rotateWeight(builder, weight,
                        getBlockRotation(builder, rotation, place.blocks),
                        place.axis);

  Value wide = widenWeight(builder, weight);
  auto slice = [&](int64_t begin, int64_t end) -> Value {
    return SliceOp::create(builder, weight.getLoc(), wide, place.axis, begin,
                           end);
  };
  SmallVector<Value> parts;
  int64_t end = 0;
  for (const ChannelBlock &block : place.blocks) {
    if (block.offset != end)
      parts.push_back(slice(end, block.offset));
    end = block.offset + size;
    parts.push_back(rotateWeight(builder, slice(block.offset, end),
                                 getBlockRotation(builder, rotation, block),
                                 place.axis));
  }
  if (end != length)
    parts.push_back(slice(end, length));
  return narrowWeight(
      builder, ConcatOp::create(builder, weight.getLoc(), parts, place.axis),
      type.getElementType());
}

std::string quench::rotateClass(const ChannelClass &site,
                                const RotationPolicy &policy, StringRef label,
                                std::string &description) {
  for (auto &[function, part] : splitByFunction(site)) {
    if (part.weights.empty())
      continue;
    OpBuilder builder(function.getContext());
    setInsertionPointBefore(builder, part, function);
    std::string reason;
    std::optional<Rotation> rotation = policy(builder, part, reason);
    if (!rotation)
      return reason;
    // What a matrix is, its program tells; its name must differ from others.
    description = rotation->getMatrix() ? (label + " of " + site.name).str()
                                        : rotation->getDescription();
    // A rotation is its own inverse transpose: both sides take the same.
    auto rotate = [&](OpBuilder &builder, Value weight,
                      const ClassWeight &place) {
      return rotateBlocks(builder, weight, place, site.size, *rotation);
    };
    applyTransform(part, rotate, rotate);
    noteBasis(part, "rotate " + description);
  }
  return {};
}
