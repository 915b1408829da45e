//===- Mutation.cpp - Wrong versions of a model ---------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mutation.h"

#include "Quench/Dialect/Quench/IR/Quench.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace quench;

namespace {
/// One step of a mutation, parsed.
struct Step {
  llvm::StringRef kind, op;
  SmallVector<llvm::StringRef> arguments;
  std::optional<unsigned> index;
  llvm::StringRef where;
};
} // namespace

/// Splits at spaces outside of brackets and quotes.
static SmallVector<llvm::StringRef> splitWords(llvm::StringRef text) {
  SmallVector<llvm::StringRef> words;
  unsigned depth = 0;
  bool isQuoted = false;
  size_t begin = 0;
  auto finish = [&](size_t end) {
    if (end > begin)
      words.push_back(text.slice(begin, end));
    begin = end + 1;
  };
  for (auto [i, c] : llvm::enumerate(text)) {
    if (c == '"')
      isQuoted = !isQuoted;
    if (isQuoted)
      continue;
    if (llvm::StringRef("{[(<").contains(c))
      ++depth;
    else if (llvm::StringRef("}])>").contains(c))
      --depth;
    else if (c == ' ' && depth == 0)
      finish(i);
  }
  finish(text.size());
  return words;
}

static llvm::Expected<Step> parseStep(llvm::StringRef text) {
  Step step;
  for (llvm::StringRef word : splitWords(text)) {
    unsigned index;
    if (step.kind.empty())
      step.kind = word;
    else if (step.op.empty())
      step.op = word;
    else if (word.consume_front("where="))
      step.where = word;
    else if (word.starts_with("#") &&
             !word.drop_front().getAsInteger(10, index))
      step.index = index;
    else
      step.arguments.push_back(word);
  }
  size_t expected = llvm::StringSwitch<size_t>(step.kind)
                        .Cases({"drop", "exchange"}, 0)
                        .Cases({"unset", "toggle", "omit"}, 1)
                        .Cases({"set", "swap", "wrap"}, 2)
                        .Case("take", 3)
                        .Default(~size_t(0));
  if (step.op.empty() || step.arguments.size() != expected)
    return llvm::createStringError("no mutation: '" + text + "'");
  return step;
}

/// Whether a parameter that `op` is computed from through weight programs has
/// `text` in its key.
static bool readsParameter(Operation *op, llvm::StringRef text) {
  llvm::SetVector<Operation *> seen;
  seen.insert(op);
  for (unsigned i = 0; i < seen.size(); ++i) {
    if (auto param = dyn_cast<ParamOp>(seen[i]);
        param && param.getRef().getKey().contains(text))
      return true;
    for (Value operand : seen[i]->getOperands())
      if (Operation *definition = operand.getDefiningOp();
          definition && isa<WeightProgramOpInterface>(definition))
        seen.insert(definition);
  }
  return false;
}

static SmallVector<Operation *> findOps(ModuleOp module, llvm::StringRef name,
                                        llvm::StringRef where) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (op->getName().getStringRef() == name &&
        (where.empty() || readsParameter(op, where)))
      ops.push_back(op);
  });
  return ops;
}

/// An operand by its number in the definition of the op, which counts those
/// that are missing.
static std::optional<unsigned> removeSegment(Operation *op, unsigned number) {
  auto segments = op->getAttrOfType<DenseI32ArrayAttr>("operandSegmentSizes");
  if (!segments)
    return number < op->getNumOperands() ? std::optional(number) : std::nullopt;
  if (number >= segments.size() || segments[number] != 1)
    return std::nullopt;
  SmallVector<int32_t> sizes(segments.asArrayRef());
  unsigned position = 0;
  for (unsigned i = 0; i < number; ++i)
    position += sizes[i];
  sizes[number] = 0;
  op->setAttr("operandSegmentSizes",
              DenseI32ArrayAttr::get(op->getContext(), sizes));
  return position;
}

static llvm::Error wrap(Operation *op, llvm::StringRef name, Attribute attrs) {
  auto dictionary = dyn_cast_or_null<DictionaryAttr>(attrs);
  if (!dictionary)
    return llvm::createStringError("expected attributes to wrap with");
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  Value result = op->getResult(0);
  OperationState state(op->getLoc(), name, result, result.getType(),
                       dictionary.getValue());
  Operation *around = builder.create(state);
  result.replaceAllUsesExcept(around->getResult(0), around);
  return llvm::Error::success();
}

/// Applies `step` to one of the ops that it is for.
static llvm::Error apply(const Step &step, Operation *op) {
  MLIRContext *context = op->getContext();
  auto fail = [&](const llvm::Twine &reason) {
    return llvm::createStringError("cannot " + step.kind + " '" + step.op +
                                   "': " + reason);
  };
  auto number = [&](unsigned i) {
    unsigned value = ~0u;
    (void)step.arguments[i].getAsInteger(10, value);
    return value;
  };
  if (step.kind == "drop") {
    Type type = op->getResult(0).getType();
    for (Value operand : op->getOperands()) {
      if (operand.getType() != type)
        continue;
      op->getResult(0).replaceAllUsesWith(operand);
      op->erase();
      return llvm::Error::success();
    }
    return fail("no operand has the type of its result");
  }
  if (step.kind == "set") {
    Attribute value = parseAttribute(step.arguments[1], context);
    if (!value)
      return fail("no attribute: " + step.arguments[1]);
    op->setAttr(step.arguments[0], value);
    return llvm::Error::success();
  }
  if (step.kind == "unset" || step.kind == "toggle") {
    bool isThere = op->hasAttr(step.arguments[0]);
    if (isThere)
      op->removeAttr(step.arguments[0]);
    else if (step.kind == "unset")
      return fail("it has no '" + step.arguments[0] + "'");
    else
      op->setAttr(step.arguments[0], UnitAttr::get(context));
    return llvm::Error::success();
  }
  if (step.kind == "omit") {
    std::optional<unsigned> position = removeSegment(op, number(0));
    if (!position)
      return fail("it has no operand " + step.arguments[0]);
    op->eraseOperand(*position);
    return llvm::Error::success();
  }
  if (step.kind == "swap") {
    unsigned first = number(0), second = number(1);
    if (std::max(first, second) >= op->getNumOperands())
      return fail("it has fewer operands");
    Value value = op->getOperand(first);
    op->setOperand(first, op->getOperand(second));
    op->setOperand(second, value);
    return llvm::Error::success();
  }
  if (step.kind == "take") {
    auto [name, index] = step.arguments[2].split('#');
    if (index.empty())
      std::swap(name, index);
    if (name.empty())
      name = step.op;
    unsigned operand = number(0), other = ~0u;
    (void)index.getAsInteger(10, other);
    SmallVector<Operation *> sources =
        findOps(op->getParentOfType<ModuleOp>(), name, "");
    if (other >= sources.size() || operand >= op->getNumOperands() ||
        operand >= sources[other]->getNumOperands())
      return fail("there is no such operand");
    op->setOperand(operand, sources[other]->getOperand(operand));
    return llvm::Error::success();
  }
  if (step.kind == "exchange") {
    Operation *first = op->getOperand(0).getDefiningOp();
    if (!first || !first->hasOneUse() || first->getNumOperands() == 0)
      return fail("what it takes is no result of its own");
    op->getResult(0).replaceAllUsesWith(first->getResult(0));
    op->setOperand(0, first->getOperand(0));
    first->setOperand(0, op->getResult(0));
    first->moveAfter(op);
    return llvm::Error::success();
  }
  return wrap(op, step.arguments[0],
              parseAttribute(step.arguments[1], context));
}

llvm::Error mutate(ModuleOp module, llvm::StringRef text) {
  SmallVector<llvm::StringRef> texts;
  text.split(texts, ';');
  for (llvm::StringRef part : texts) {
    llvm::Expected<Step> step = parseStep(part.trim());
    if (!step)
      return step.takeError();
    SmallVector<Operation *> peers = findOps(module, step->op, step->where);
    ArrayRef<Operation *> changed = peers;
    if (step->index)
      changed = changed.slice(std::min<size_t>(*step->index, peers.size()))
                    .take_front(1);
    if (changed.empty())
      return llvm::createStringError("no op for '" + part.trim() + "'");
    for (Operation *op : changed)
      if (llvm::Error error = apply(*step, op))
        return error;
  }
  return llvm::Error::success();
}
