//===- SplitKernels.cpp - Modules that are compiled apart -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SplitKernels.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace llvm;

namespace {
/// Which kernel each function belongs to.
class Owners {
public:
  explicit Owners(Module &module);

  /// The functions that are compiled apart.
  SetVector<Function *> kernels;
  /// The kernel that a function is part of; none: of what calls them.
  DenseMap<const Function *, Function *> ownerOf;

private:
  /// Finds the owners of functions that only one kernel uses. A function of
  /// several becomes a kernel itself, which returns false.
  bool propagate(Module &module);
};
} // namespace

/// Adds the functions that use `value` to `users`; null where a global does.
static void collectUsers(const Value &value,
                         SetVector<const Function *> &users) {
  for (const User *user : value.users()) {
    if (const auto *instruction = dyn_cast<Instruction>(user))
      users.insert(instruction->getFunction());
    else if (isa<GlobalValue>(user))
      users.insert(nullptr);
    else
      collectUsers(*user, users);
  }
}

Owners::Owners(Module &module) {
  for (Function &function : module)
    if (!function.isDeclaration() &&
        function.hasFnAttribute(Attribute::NoInline))
      kernels.insert(&function);
  while (!propagate(module))
    ;
}

bool Owners::propagate(Module &module) {
  ownerOf.clear();
  for (Function *kernel : kernels)
    ownerOf[kernel] = kernel;
  for (bool changed = true; changed;) {
    changed = false;
    for (Function &function : module) {
      if (function.isDeclaration() || ownerOf.contains(&function))
        continue;
      SetVector<const Function *> users;
      collectUsers(function, users);
      users.remove(&function);
      if (!all_of(users, [&](const Function *user) {
            return !user || ownerOf.contains(user);
          }))
        continue;
      SetVector<Function *> owners;
      for (const Function *user : users)
        owners.insert(ownerOf.lookup(user));
      if (owners.size() > 1) {
        kernels.insert(&function);
        return false;
      }
      ownerOf[&function] = owners.empty() ? nullptr : owners.front();
      changed = true;
    }
  }
  return true;
}

/// Removes what nothing in `module` needs.
static void removeUnused(Module &module) {
  for (GlobalObject &global : module.global_objects())
    global.removeDeadConstantUsers();
  for (GlobalVariable &global : make_early_inc_range(module.globals()))
    if (global.use_empty() &&
        (global.hasLocalLinkage() || global.isDeclaration()))
      global.eraseFromParent();
  for (Function &function : make_early_inc_range(module))
    if (function.use_empty() && function.isDeclaration())
      function.eraseFromParent();
}

SmallVector<std::unique_ptr<Module>> quench::splitKernels(Module &module) {
  Owners owners(module);
  for (Function *kernel : owners.kernels) {
    kernel->setName("quench.kernel." + kernel->getName());
    kernel->setLinkage(GlobalValue::ExternalLinkage);
    kernel->setVisibility(GlobalValue::HiddenVisibility);
    kernel->setDSOLocal(true);
  }

  SmallVector<std::unique_ptr<Module>> parts;
  for (Function *kernel : owners.kernels) {
    ValueToValueMapTy map;
    std::unique_ptr<Module> part =
        CloneModule(module, map, [&](const GlobalValue *value) {
          if (const auto *function = dyn_cast<Function>(value))
            return owners.ownerOf.lookup(function) == kernel;
          // Constants may be there several times.
          return cast<GlobalVariable>(value)->isConstant();
        });
    // Where a kernel comes from is of no matter.
    part->setModuleIdentifier("kernel");
    part->setSourceFileName("kernel");
    removeUnused(*part);
    parts.push_back(std::move(part));
  }
  for (Function &function : module)
    if (owners.ownerOf.lookup(&function))
      function.deleteBody();
  removeUnused(module);
  return parts;
}
