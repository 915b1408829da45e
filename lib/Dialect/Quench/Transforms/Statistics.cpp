//===- Statistics.cpp - Statistics of activations, by site ----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/Statistics.h"

#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Support/Hash.h"

#include "llvm/ADT/SetVector.h"

#include <set>

using namespace mlir;
using namespace quench;

std::string quench::getBasisKey(bool isRotation, StringRef name) {
  return ((isRotation ? "basis.rotation." : "basis.scale.") + name).str();
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

std::string quench::hashBasis(const ChannelClass &site) {
  std::set<std::string> bases;
  for (const ClassMember *member : getReadMembers(site)) {
    std::string text;
    llvm::raw_string_ostream os(text);
    if (Operation *op = member->value.getDefiningOp())
      if (auto basis = op->getAttrOfType<ArrayAttr>(basisAttrName))
        os << basis;
    bases.insert(std::move(text));
  }
  std::string joined;
  for (const std::string &basis : bases)
    joined += basis + "\n";
  return hashBytes({joined.data(), joined.size()});
}

bool quench::hasStatistics(const ChannelClass &site, ArrayRef<StringRef> names,
                           std::string &reason) {
  auto module = site.weights.front().op->getParentOfType<ModuleOp>();
  if (!isBound(module, "stats"))
    return true;
  std::optional<StringRef> basis =
      getBoundText(module, "stats",
                   getBasisKey(site.kind == TransformKind::Basis, site.name));
  for (StringRef name : names)
    if (!basis ||
        !hasBoundTensor(module, "stats", site.name + "." + name.str())) {
      reason = ("the statistics have no '" + name + "' of it").str();
      return false;
    }
  if (*basis == hashBasis(site))
    return true;
  reason = "its statistics were taken before its values were transformed; "
           "collect them again from what the model is now";
  return false;
}
