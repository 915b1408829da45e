//===- Statistics.cpp - Statistics of activations, by site ----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/Statistics.h"

#include "ChannelVectors.h"

#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Support/Hash.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/SetVector.h"

#include <set>

using namespace mlir;
using namespace quench;

std::string quench::getObservedName(int64_t index) {
  return "observed." + std::to_string(index);
}

std::string quench::getClassStatistic(StringRef site, StringRef what) {
  return (site + ".channels." + what).str();
}

void quench::noteBasis(Operation *op, StringRef transform) {
  SmallVector<Attribute> transforms;
  if (auto known = op->getAttrOfType<ArrayAttr>(basisAttrName))
    llvm::append_range(transforms, known);
  transforms.push_back(StringAttr::get(op->getContext(), transform));
  op->setAttr(basisAttrName, ArrayAttr::get(op->getContext(), transforms));
}

/// The transforms that `value` carries, oldest first.
static ArrayRef<Attribute> getBasis(Value value) {
  Operation *op = value.getDefiningOp();
  auto basis = op ? op->getAttrOfType<ArrayAttr>(basisAttrName) : ArrayAttr();
  return basis ? basis.getValue() : ArrayRef<Attribute>();
}

std::string quench::getBasisKey(bool isRotation, StringRef name) {
  return ((isRotation ? "basis.rotation." : "basis.scale.") + name).str();
}

std::string quench::getQuantBasisKey(StringRef name) {
  return ("basis.value." + name).str();
}

SmallVector<const ClassMember *>
quench::getReadMembers(const ChannelClass &site) {
  llvm::SmallPtrSet<Operation *, 8> consumers;
  for (const ClassWeight &weight : site.weights)
    if (weight.consumer)
      consumers.insert(weight.op);
  llvm::DenseMap<Value, bool> inverse;
  for (const ClassMember &member : site.members)
    inverse[member.value] = member.inverse;
  auto isRead = [&](const ClassMember &member) {
    return llvm::any_of(member.value.getUsers(), [&](Operation *user) {
      return consumers.contains(user) ||
             llvm::any_of(user->getOperands(), [&](Value other) {
               auto it = inverse.find(other);
               return it != inverse.end() && it->second != member.inverse;
             });
    });
  };
  SmallVector<const ClassMember *> members;
  llvm::DenseSet<Value> seen;
  for (const ClassMember &member : site.members)
    if (isRead(member) && seen.insert(member.value).second)
      members.push_back(&member);
  return members;
}

static SmallVector<Value> getReadValues(const ChannelClass &site) {
  return llvm::map_to_vector(
      getReadMembers(site),
      [](const ClassMember *member) { return member->value; });
}

/// A hash of all transforms that `values` carry but the last `newest`; none
/// where one carries fewer.
static std::optional<std::string> hashOlderBasis(ArrayRef<Value> values,
                                                 size_t newest) {
  std::set<std::string> bases;
  for (Value value : values) {
    ArrayRef<Attribute> transforms = getBasis(value);
    if (transforms.size() < newest)
      return std::nullopt;
    std::string text;
    if (transforms.size() > newest)
      llvm::raw_string_ostream(text) << ArrayAttr::get(
          transforms.front().getContext(), transforms.drop_back(newest));
    bases.insert(std::move(text));
  }
  std::string joined;
  for (const std::string &basis : bases)
    joined += basis + "\n";
  return hashBytes({joined.data(), joined.size()});
}

std::string quench::hashBasis(const ChannelClass &site) {
  return *hashOlderBasis(getReadValues(site), 0);
}

std::string quench::hashBasis(const QuantSite &site) {
  SmallVector<Value> values = llvm::map_to_vector(site.values, [](Value value) {
    // Views carry what they show.
    while (auto op = value.getDefiningOp<tensor::ExpandShapeOp>())
      value = op.getSrc();
    while (auto op = value.getDefiningOp<tensor::CollapseShapeOp>())
      value = op.getSrc();
    return value;
  });
  return *hashOlderBasis(values, 0);
}

//===----------------------------------------------------------------------===//
// Statistics of what was scaled since
//===----------------------------------------------------------------------===//

namespace {
/// A factor of each channel of an axis: `scale`, or one over it.
struct Factor {
  Value scale;
  bool inverse;
};

/// The scales that the values of a site got after statistics of it were taken.
struct NewerScales {
  /// A weight that writes the values, and what was multiplied onto the axis of
  /// it on which their channels are.
  const ClassWeight *writer = nullptr;
  SmallVector<Factor> factors;
};
} // namespace

/// The names of the scales that the values of `site` got last, if the last
/// `count` transforms of all values that are read are the same scales.
static std::optional<std::set<StringRef>>
getScaleNames(const ChannelClass &site, size_t count) {
  std::set<StringRef> names;
  std::optional<ArrayRef<Attribute>> first;
  for (Value value : getReadValues(site)) {
    ArrayRef<Attribute> newest = getBasis(value).take_back(count);
    if (first && *first != newest)
      return std::nullopt;
    first = newest;
  }
  for (Attribute transform : first.value_or(ArrayRef<Attribute>())) {
    StringRef text = cast<StringAttr>(transform).getValue();
    if (!text.starts_with("scale ") || text.ends_with(" inverse"))
      return std::nullopt;
    names.insert(text.rsplit(' ').second);
  }
  return names;
}

/// The names of the scales that the program of `scale` computes.
static std::set<StringRef> getNames(Value scale) {
  std::set<StringRef> names;
  llvm::SetVector<Operation *> program;
  program.insert(scale.getDefiningOp());
  for (size_t i = 0; i < program.size(); ++i) {
    if (auto checked = dyn_cast<CheckedScaleOp>(program[i]))
      names.insert(checked.getSite());
    for (Value operand : program[i]->getOperands())
      program.insert(operand.getDefiningOp());
  }
  return names;
}

/// The factors in the program of `weight` along `axis` that are the scales
/// `names`; none unless each of them is there once.
static std::optional<SmallVector<Factor>>
findFactors(Value weight, int64_t axis, const std::set<StringRef> &names) {
  SmallVector<Factor> factors;
  std::set<StringRef> missing = names;
  while (!missing.empty()) {
    if (auto cast = weight.getDefiningOp<CastOp>()) {
      weight = cast.getInput();
      continue;
    }
    auto step = weight.getDefiningOp<ChannelScaleOp>();
    if (!step)
      return std::nullopt;
    weight = step.getInput();
    if (static_cast<int64_t>(step.getAxis()) != axis)
      continue;
    // Scales that met are one step.
    std::set<StringRef> found = getNames(step.getScale());
    for (StringRef name : found)
      if (!missing.erase(name))
        return std::nullopt;
    if (!found.empty())
      factors.push_back({step.getScale(), step.getInverse()});
  }
  return factors;
}

/// What was done to the values of `site` since the statistics were taken that
/// are bound: nothing, or scales. None where it was something else.
static std::optional<NewerScales> findNewerScales(const ChannelClass &site,
                                                  StringRef basis) {
  std::optional<std::string> hash;
  for (size_t count = 0; (hash = hashOlderBasis(getReadValues(site), count));
       ++count) {
    if (*hash != basis)
      continue;
    std::optional<std::set<StringRef>> names = getScaleNames(site, count);
    if (!names || names->size() != count)
      return std::nullopt;
    if (names->empty())
      return NewerScales();
    for (const ClassWeight &weight : site.weights) {
      if (weight.consumer || !weight.operand)
        continue;
      if (auto factors =
              findFactors(weight.operand->get(), weight.axis, *names))
        return NewerScales{&weight, std::move(*factors)};
    }
    return std::nullopt;
  }
  return std::nullopt;
}

static ModuleOp getModule(const ChannelClass &site) {
  return site.weights.front().op->getParentOfType<ModuleOp>();
}

/// The hash of the transforms that the values of `site` carried when the
/// statistics were taken that are bound; none where the site has none.
static std::optional<StringRef> getBoundBasis(const ChannelClass &site) {
  return getBoundText(
      getModule(site), "stats",
      getBasisKey(site.kind == TransformKind::Basis, site.name));
}

/// Whether the archive that is bound to `stats` in the module of `op`, if its
/// header is known, has the statistics `names` of a site, which begin with
/// `prefix`, and `isCurrent` of the hash of the transforms under `key`.
static bool hasStatistics(Operation *op, StringRef prefix, StringRef key,
                          function_ref<bool(StringRef hash)> isCurrent,
                          ArrayRef<StringRef> names, std::string &reason) {
  auto module = op->getParentOfType<ModuleOp>();
  if (!isBound(module, "stats"))
    return true;
  std::optional<StringRef> basis = getBoundText(module, "stats", key);
  for (StringRef name : names)
    if (!basis || !hasBoundTensor(module, "stats", prefix.str() + name.str())) {
      reason = ("the statistics have no '" + name + "' of it").str();
      return false;
    }
  if (!basis || isCurrent(*basis))
    return true;
  reason = "its statistics were taken before its values were transformed; "
           "calibrate again from what the model is now";
  return false;
}

bool quench::hasStatistics(const ChannelClass &site, ArrayRef<StringRef> names,
                           std::string &reason) {
  return ::hasStatistics(
      site.weights.front().op, getClassStatistic(site.name, ""),
      getBasisKey(site.kind == TransformKind::Basis, site.name),
      [&](StringRef hash) { return findNewerScales(site, hash).has_value(); },
      names, reason);
}

bool quench::hasStatistics(const QuantSite &site, ArrayRef<StringRef> names,
                           std::string &reason) {
  return ::hasStatistics(
      site.ops.front(), site.name + ".", getQuantBasisKey(site.name),
      [&](StringRef hash) { return hash == hashBasis(site); }, names, reason);
}

/// `matrices`, one of each transform of `site` or one of all its channels, with
/// rows and columns multiplied by `factor`.
static Value scaleMatrices(OpBuilder &builder, Value matrices,
                           const Factor &factor) {
  auto type = cast<RankedTensorType>(matrices.getType());
  int64_t width = type.getShape().back();
  auto rows = type.clone(ArrayRef{type.getNumElements() / width, width});
  bool isStack = type.getRank() == 3;
  SmallVector<int64_t> swapped = {0, 2, 1};
  if (!isStack)
    swapped = {1, 0};
  // They are symmetric: twice the rows of the transposed ones.
  for (int side = 0; side < 2; ++side) {
    Location loc = matrices.getLoc();
    if (isStack)
      matrices = ReshapeOp::create(builder, loc, rows, matrices);
    matrices = scaleWeight(builder, matrices, factor.scale, 0, factor.inverse);
    if (isStack)
      matrices = ReshapeOp::create(builder, loc, type, matrices);
    matrices = TransposeOp::create(builder, loc, type, matrices, swapped);
  }
  return matrices;
}

Value quench::createStatistic(OpBuilder &builder, const ChannelClass &site,
                              StringRef name, ArrayRef<int64_t> shape) {
  Location loc = site.weights.front().op->getLoc();
  Value statistic = ParamOp::create(
      builder, loc, RankedTensorType::get(shape, builder.getF64Type()),
      RefAttr::get(builder.getContext(), "stats",
                   getClassStatistic(site.name, name)));
  std::optional<StringRef> basis = getBoundBasis(site);
  std::optional<NewerScales> newer;
  if (basis)
    newer = findNewerScales(site, *basis);
  if (!newer)
    return statistic;
  for (const Factor &factor : newer->factors) {
    Factor own = {cloneProgram(builder, factor.scale), factor.inverse};
    own.scale = gatherChannels(builder, own.scale, site, newer->writer->blocks,
                               /*rest=*/1)
                    .front();
    if (name == "gram" || name == "covariance")
      statistic = scaleMatrices(builder, statistic, own);
    else
      statistic = scaleWeight(builder, statistic, own.scale, 0, own.inverse);
  }
  return statistic;
}
