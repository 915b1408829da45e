//===- Outputs.cpp - Tensors that callers of the C ABI get ----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Outputs.h"

using namespace quench::rt;

/// More than callers hold at once who use one result after another.
static constexpr size_t kMaxKept = 16;

void Outputs::GiveBack::operator()(Outputs *outputs) const {
  std::unique_ptr<Outputs> owned(outputs);
  // What lies on a shelf does not keep it alive.
  if (std::shared_ptr<OutputShelf> shelf = std::move(owned->shelf))
    shelf->put(std::move(owned));
}

qrt_tensor *quench::rt::handOver(OutputsPtr outputs) {
  std::vector<qrt_tensor> &views = outputs->views;
  views.resize(1 + outputs->tensors.size());
  for (size_t i = 0; i < outputs->tensors.size(); ++i)
    views[1 + i] = viewOf(outputs->tensors[i]);
  views[0].data = outputs.get();
  return outputs.release()->views.data() + 1;
}

void qrt_tensors_free(qrt_tensor *tensors, size_t) {
  if (tensors)
    OutputsPtr(static_cast<Outputs *>(tensors[-1].data));
}

OutputShelf::OutputShelf() { kept.reserve(kMaxKept); }

OutputsPtr OutputShelf::take(const Entry &entry) {
  OutputsPtr result;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!kept.empty()) {
      result.reset(kept.back().release());
      kept.pop_back();
    }
  }
  if (!result) {
    std::vector<Tensor> tensors;
    for (const Port &port : entry.outputs)
      tensors.push_back({port.name, port.dtype, {}, nullptr});
    result.reset(new Outputs(std::move(tensors)));
  }
  result->shelf = shared_from_this();
  return result;
}

void OutputShelf::put(std::unique_ptr<Outputs> outputs) {
  std::lock_guard<std::mutex> lock(mutex);
  if (kept.size() < kMaxKept)
    kept.push_back(std::move(outputs));
}
