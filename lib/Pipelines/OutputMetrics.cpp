//===- OutputMetrics.cpp - What outputs are worth -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OutputMetrics.h"

#include "HostNumbers.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/FloatBytes.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Rows of tensors
//===----------------------------------------------------------------------===//

namespace {
/// The vectors along the last dimension of a tensor, as numbers.
struct Rows {
  explicit Rows(const qrt_tensor &tensor)
      : shape(tensor.shape, tensor.shape + tensor.rank), tensor(tensor) {
    if (shape.empty())
      shape.push_back(1);
    size = shape.pop_back_val();
    for (int64_t dim : shape)
      count *= dim;
  }

  /// Reads row `row`; fails where a number is not finite, or no float.
  llvm::Error read(int64_t row, std::vector<double> &numbers) const;

  /// Without the last dimension.
  SmallVector<int64_t> shape;
  int64_t count = 1, size = 1;

private:
  const qrt_tensor &tensor;
};
} // namespace

llvm::Error Rows::read(int64_t row, std::vector<double> &numbers) const {
  std::optional<DType> type = getFloatType(tensor);
  if (!type)
    return makeError("'", tensor.name, "' is no tensor of floats");
  numbers.resize(size);
  int64_t bytes = getBitWidth(*type) / 8 * size;
  decodeFloats(*type, static_cast<const char *>(tensor.data) + row * bytes,
               numbers);
  if (!llvm::all_of(numbers, [](double x) { return std::isfinite(x); }))
    return makeError("found a number in '", tensor.name,
                     "' that is not finite");
  return llvm::Error::success();
}

const qrt_tensor *quench::findTensor(ArrayRef<qrt_tensor> tensors,
                                     StringRef name) {
  const auto *it = llvm::find_if(
      tensors, [&](const qrt_tensor &tensor) { return name == tensor.name; });
  return it == tensors.end() ? nullptr : it;
}

//===----------------------------------------------------------------------===//
// Metrics
//===----------------------------------------------------------------------===//

OutputMetrics::OutputMetrics(func::FuncOp function, bool areBytes)
    : areBytes(areBytes) {
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    auto role = function.getArgAttrOfType<StringAttr>(index, attrs::role);
    isCausal |= role && role.getValue() == "state";
    if (tokensName.empty() &&
        getElementTypeOrSelf(function.getArgumentTypes()[index]).isInteger(64))
      if (auto name = function.getArgAttrOfType<StringAttr>(index, attrs::name))
        tokensName = name.str();
  }
}

/// Subtracts the logarithm of the sum of exponentials.
static void makeLogProbabilities(std::vector<double> &numbers) {
  double most = *llvm::max_element(numbers), sum = 0;
  for (double number : numbers)
    sum += std::exp(number - most);
  double norm = most + std::log(sum);
  for (double &number : numbers)
    number -= norm;
}

static int64_t getLargest(ArrayRef<double> numbers) {
  return std::distance(numbers.begin(), llvm::max_element(numbers));
}

/// The cosine of the angle; 1 where both are zero.
static double getCosine(ArrayRef<double> a, ArrayRef<double> b) {
  double aa = 0, bb = 0, ab = 0;
  for (auto [x, y] : llvm::zip_equal(a, b)) {
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  if (aa == 0 || bb == 0)
    return aa == bb;
  return ab / std::sqrt(aa) / std::sqrt(bb);
}

llvm::Error OutputMetrics::addOutput(const qrt_tensor &output,
                                     const qrt_tensor *reference,
                                     ArrayRef<qrt_tensor> inputs,
                                     const qrt_tensor *labels) {
  Rows rows(output);
  bool areLogits = StringRef(output.name) == "logits";
  auto hasShape = [&](const qrt_tensor &tensor) {
    return ArrayRef(tensor.shape, tensor.rank) == ArrayRef(rows.shape);
  };
  // One integer for each row, where there is such a tensor.
  auto getForRows = [&](const qrt_tensor *tensor) {
    return tensor && hasShape(*tensor) ? getIntegers(*tensor) : std::nullopt;
  };
  auto mask = getForRows(findTensor(inputs, "attention_mask"));
  auto classes = areLogits ? getForRows(labels) : std::nullopt;
  auto tokens = areLogits && isCausal
                    ? getForRows(findTensor(inputs, tokensName))
                    : std::nullopt;
  if (areLogits && labels && !classes)
    return makeError("expected a label, an integer, for each row of 'logits'");
  if (reference && (Rows(*reference).count != rows.count ||
                    Rows(*reference).size != rows.size))
    return makeError("'", output.name, "' of the reference has another shape");

  for (int64_t row = 0; row < rows.count; ++row) {
    if (mask && !(*mask)[row])
      continue;
    if (llvm::Error error = rows.read(row, numbers))
      return error;
    int64_t largest = getLargest(numbers);
    if (classes && (*classes)[row] >= 0)
      add("accuracy", largest == (*classes)[row]);
    if (reference) {
      if (llvm::Error error = Rows(*reference).read(row, referenceNumbers))
        return makeError(llvm::toString(std::move(error)), " of the reference");
      add("cosine." + std::string(output.name),
          getCosine(numbers, referenceNumbers));
      Power &power = powers[output.name];
      ++power.rows;
      for (auto [x, y] : llvm::zip_equal(referenceNumbers, numbers)) {
        power.signal += x * x;
        power.noise += (y - x) * (y - x);
      }
      if (areLogits)
        add("agreement", largest == getLargest(referenceNumbers));
    }
    if (!areLogits || (!tokens && !reference))
      continue;
    makeLogProbabilities(numbers);
    if (reference) {
      makeLogProbabilities(referenceNumbers);
      double divergence = 0;
      for (auto [p, q] : llvm::zip_equal(referenceNumbers, numbers))
        divergence += std::exp(p) * (p - q);
      add("kl", divergence);
    }
    bool hasNext = tokens && (row + 1) % rows.shape.back() != 0 &&
                   (!mask || (*mask)[row + 1]);
    if (!hasNext)
      continue;
    int64_t next = (*tokens)[row + 1];
    if (next < 0 || next >= rows.size)
      return makeError("found token ", next, ", expected less than ",
                       rows.size);
    add(areBytes ? "bits_per_byte" : "bits_per_token",
        -numbers[next] / std::log(2.0));
    add("next_token_accuracy", largest == next);
  }
  return llvm::Error::success();
}

llvm::Error OutputMetrics::add(ArrayRef<qrt_tensor> inputs,
                               const qrt_tensor *labels,
                               ArrayRef<qrt_tensor> outputs,
                               ArrayRef<qrt_tensor> expected) {
  for (const qrt_tensor &output : outputs)
    if (llvm::Error error = addOutput(output, findTensor(expected, output.name),
                                      inputs, labels))
      return error;
  return llvm::Error::success();
}

std::vector<Evaluation::Metric> OutputMetrics::get() const {
  std::vector<Evaluation::Metric> metrics;
  for (const auto &[name, total] : sums) {
    auto [sum, count] = total;
    metrics.push_back({name, sum / count, count});
    if (StringRef(name).starts_with("bits_per"))
      metrics.push_back({"perplexity", std::exp2(sum / count), count});
  }
  for (const auto &[name, power] : powers)
    metrics.push_back(
        {"sqnr." + name, getDecibels(power.signal, power.noise), power.rows});
  return metrics;
}

double OutputMetrics::getErrorRatio() const {
  double sum = 0;
  for (const auto &[name, power] : powers)
    if (power.noise > 0)
      sum += power.noise / power.signal;
  return powers.empty() ? 0 : sum / powers.size();
}
