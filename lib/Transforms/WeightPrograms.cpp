//===- WeightPrograms.cpp - From archives to parameters -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Transforms/WeightPrograms.h"

#include "Quench/Transforms/WeightEvaluator.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// ArchiveSet
//===----------------------------------------------------------------------===//

FailureOr<ArchiveSet>
ArchiveSet::open(ModuleOp module, const llvm::StringMap<std::string> &overrides,
                 llvm::StringRef baseDir) {
  llvm::MapVector<llvm::StringRef, ParamOp> scopes;
  module.walk([&](ParamOp param) {
    scopes.try_emplace(param.getRef().getScope(), param);
  });
  bool failed = false;
  for (const auto &entry : overrides) {
    if (scopes.contains(entry.getKey()))
      continue;
    failed = true;
    InFlightDiagnostic diagnostic =
        module.emitError() << "no parameter has the scope '" << entry.getKey()
                           << "' that is bound to '" << entry.getValue() << "'";
    for (auto &[scope, param] : scopes)
      diagnostic << (scope == scopes.front().first ? "; found '" : ", '")
                 << scope << "'";
  }

  ArchiveSet set;
  auto declared = module->getAttrOfType<DictionaryAttr>(attrs::archives);
  for (auto &[scope, param] : scopes) {
    llvm::SmallString<128> path;
    if (auto it = overrides.find(scope); it != overrides.end()) {
      path = it->getValue();
    } else if (auto file = declared ? declared.getAs<StringAttr>(scope)
                                    : StringAttr()) {
      path = file.getValue();
      if (llvm::sys::path::is_relative(path)) {
        path = baseDir;
        llvm::sys::path::append(path, file.getValue());
      }
    } else {
      failed = true;
      param.emitOpError("no archive is bound to the scope '") << scope << "'";
      continue;
    }
    llvm::Expected<std::unique_ptr<Archive>> archive = Archive::open(path);
    if (archive) {
      set.archives[scope] = std::move(*archive);
      continue;
    }
    failed = true;
    module.emitError() << "archive of scope '" << scope
                       << "': " << llvm::toString(archive.takeError());
  }
  if (failed)
    return failure();
  return set;
}

const Archive *ArchiveSet::find(llvm::StringRef scope) const {
  auto it = archives.find(scope);
  return it == archives.end() ? nullptr : it->getValue().get();
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

FailureOr<const Archive::Tensor *>
quench::resolveParam(ParamOp param, const ArchiveSet &archives) {
  llvm::StringRef scope = param.getRef().getScope();
  llvm::StringRef key = param.getRef().getKey();
  const Archive *archive = archives.find(scope);
  if (!archive)
    return param.emitOpError("no archive is bound to the scope '")
           << scope << "'";
  const Archive::Tensor *tensor = archive->find(key);
  if (!tensor) {
    InFlightDiagnostic diagnostic = param.emitOpError("archive '")
                                    << archive->path() << "' has no tensor '"
                                    << key << "'";
    SmallVector<llvm::StringRef> similar = archive->findSimilar(key);
    for (llvm::StringRef name : similar)
      diagnostic << (name == similar.front() ? "; did you mean '" : "', '")
                 << name;
    if (!similar.empty())
      diagnostic << "'?";
    return diagnostic;
  }
  auto found = RankedTensorType::get(
      tensor->shape, getElementType(tensor->dtype, param.getContext()));
  if (found != param.getResult().getType())
    return param.emitOpError("archive '")
           << archive->path() << "' holds '" << key << "' as " << found
           << ", expected " << param.getResult().getType();
  return tensor;
}

LogicalResult quench::verifyParams(Operation *op, const ArchiveSet &archives) {
  bool failed = false;
  op->walk([&](ParamOp param) {
    failed |= mlir::failed(resolveParam(param, archives));
  });
  return failure(failed);
}

//===----------------------------------------------------------------------===//
// WeightProgramSet
//===----------------------------------------------------------------------===//

int64_t WeightProgramSet::addRoot(Value value) {
  // Not recursive: programs may be long.
  SmallVector<Operation *> stack = {value.getDefiningOp()};
  while (!stack.empty()) {
    Operation *op = stack.back();
    size_t size = stack.size();
    for (Value operand : op->getOperands())
      if (!mapping.contains(operand))
        stack.push_back(operand.getDefiningOp());
    if (stack.size() != size)
      continue;
    stack.pop_back();
    if (!mapping.contains(op->getResult(0)))
      copy(op);
  }
  Value root = mapping.lookup(value);
  auto [it, isNew] = indices.try_emplace(root, roots.size());
  if (isNew)
    roots.push_back(root);
  return it->second;
}

void WeightProgramSet::copy(Operation *op) {
  Operation *copy = builder.clone(*op, mapping);
  constexpr auto ignoreLocations = OperationEquivalence::Flags::IgnoreLocations;
  llvm::hash_code hash = OperationEquivalence::computeHash(
      copy, OperationEquivalence::directHashValue,
      OperationEquivalence::ignoreHashValue, ignoreLocations);
  SmallVector<Operation *> &equals = copies[hash];
  for (Operation *other : equals) {
    if (!OperationEquivalence::isEquivalentTo(copy, other, ignoreLocations))
      continue;
    copy->erase();
    mapping.map(op->getResults(), other->getResults());
    return;
  }
  equals.push_back(copy);
}

/// Fails with a diagnostic unless ops on parameters alone compute `value`.
static LogicalResult verifyProgram(Value value,
                                   llvm::DenseSet<Operation *> &verified) {
  SmallVector<Value> stack = {value};
  while (!stack.empty()) {
    Value current = stack.pop_back_val();
    Operation *op = current.getDefiningOp();
    if (!isa_and_present<WeightProgramOpInterface>(op))
      return emitError(current.getLoc(),
                       "expected a parameter or an op that computes one");
    if (verified.insert(op).second)
      llvm::append_range(stack, op->getOperands());
  }
  return success();
}

FailureOr<SmallVector<ParamUse>>
quench::collectPrograms(Operation *op, WeightProgramSet &programs) {
  SmallVector<ParamUse> uses;
  llvm::DenseSet<Operation *> verified;
  WalkResult walked = op->walk([&](Operation *user) {
    if (isa<WeightProgramOpInterface>(user))
      return WalkResult::advance();
    for (OpOperand &operand : user->getOpOperands()) {
      Value value = operand.get();
      if (!isa_and_present<WeightProgramOpInterface>(value.getDefiningOp()))
        continue;
      if (failed(verifyProgram(value, verified)))
        return WalkResult::interrupt();
      uses.emplace_back(&operand, programs.addRoot(value));
    }
    return WalkResult::advance();
  });
  if (walked.wasInterrupted())
    return failure();
  return uses;
}

void quench::eraseDeadPrograms(Operation *op) {
  SmallVector<Operation *> programs;
  op->walk(
      [&](WeightProgramOpInterface program) { programs.push_back(program); });
  // Users come after what they use.
  for (Operation *program : llvm::reverse(programs))
    if (program->use_empty())
      program->erase();
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

LogicalResult quench::evaluateWeights(Value root, const ArchiveSet &archives,
                                      llvm::MutableArrayRef<char> result) {
  WeightEvaluator evaluator(root.getContext(), archives, {});
  if (failed(evaluator.getLeastBytes(root)))
    return failure();
  int64_t size = *getByteSize(root.getType());
  if (static_cast<int64_t>(result.size()) != size)
    return root.getDefiningOp()->emitOpError("has a result of ")
           << size << " bytes, but room for " << result.size();
  return evaluator.evaluate(root, result);
}

LogicalResult quench::evaluatePayload(func::FuncOp params,
                                      const ArchiveSet &archives,
                                      llvm::MutableArrayRef<char> payload) {
  if (params.isExternal() || !params.getBody().hasOneBlock())
    return params.emitOpError("expected a body of one block");
  auto offsets = params->getAttrOfType<DenseI64ArrayAttr>("quench.offsets");
  Operation *terminator = params.getBody().front().getTerminator();
  if (!offsets || offsets.size() != terminator->getNumOperands())
    return params.emitOpError("expected 'quench.offsets' with ")
           << terminator->getNumOperands() << " numbers";
  if (failed(verifyParams(params, archives)))
    return failure();

  WeightEvaluator evaluator(params.getContext(), archives, {});
  SmallVector<llvm::MutableArrayRef<char>> results;
  int64_t reached = 0, room = payload.size();
  for (auto [value, offset] :
       llvm::zip_equal(terminator->getOperands(), offsets.asArrayRef())) {
    if (failed(evaluator.getLeastBytes(value)))
      return failure();
    int64_t size = *getByteSize(value.getType());
    if (offset < reached || offset > room || size > room - offset)
      return params.emitOpError("parameter ")
             << results.size() << " of " << size << " bytes at offset "
             << offset << ", expected it within [" << reached << ", " << room
             << ")";
    std::fill(payload.begin() + reached, payload.begin() + offset, 0);
    results.push_back(payload.slice(offset, size));
    reached = offset + size;
  }
  std::fill(payload.begin() + reached, payload.end(), 0);
  for (auto [value, result] :
       llvm::zip_equal(terminator->getOperands(), results))
    if (failed(evaluator.evaluate(value, result)))
      return failure();
  return success();
}
