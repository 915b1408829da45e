//===- Session.cpp - A model that is ready to run -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"

#include "CpuFeatures.h"
#include "Status.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cstring>

using namespace quench::rt;

static constexpr int kMaxThreads = 1024;

class qrt_session::Lease {
public:
  explicit Lease(qrt_session &session) : session(session) {
    std::unique_lock<std::mutex> lock(session.mutex);
    if (session.idle.empty() && session.poolSize == 1) {
      session.executions.push_back(
          std::make_unique<Execution>(session.manifest, /*numThreads=*/1));
      session.idle.reserve(session.executions.size());
      execution = session.executions.back().get();
      return;
    }
    while (session.idle.empty())
      session.returned.wait(lock);
    execution = session.idle.back();
    session.idle.pop_back();
  }
  ~Lease() {
    {
      std::lock_guard<std::mutex> lock(session.mutex);
      session.idle.push_back(execution);
    }
    session.returned.notify_one();
  }
  Lease(const Lease &) = delete;
  Lease &operator=(const Lease &) = delete;

  Execution *operator->() const { return execution; }

private:
  qrt_session &session;
  Execution *execution;
};

qrt_session::qrt_session(const qrt_model &model, Manifest manifest,
                         Params params, int numThreads)
    : model(model), manifestText(model.manifest, model.manifest_size),
      manifest(std::move(manifest)), params(std::move(params)) {
  executions.push_back(std::make_unique<Execution>(this->manifest, numThreads));
  idle.push_back(executions.back().get());
  poolSize = idle.back()->context.pool.size();
  for (size_t i = 0; i < this->manifest.entries.size(); ++i)
    shelves.push_back(std::make_shared<OutputShelf>());
}

StatusOr<std::unique_ptr<qrt_session>>
qrt_session::create(const qrt_model &model, const qrt_options &options) {
  if (options.num_threads < 0 || options.num_threads > kMaxThreads)
    return invalidArgument(absl::StrCat("number of threads is ",
                                        options.num_threads, ", expected 0 to ",
                                        kMaxThreads));
  if (model.abi_version != QRT_ABI_VERSION)
    return failure(absl::StrCat(
        "the model was built for version ", model.abi_version,
        " of the runtime ABI, but this runtime has version ", QRT_ABI_VERSION));
  StatusOr<Manifest> manifest =
      Manifest::parse({model.manifest, model.manifest_size});
  if (!manifest.ok())
    return failure(manifest.status().message());
  if (manifest->entries.size() != model.num_entries)
    return failure(absl::StrCat(
        "manifest: entries has ", manifest->entries.size(),
        " elements, but the model has ", model.num_entries, " entry points"));
  if (Status status = enableCpuFeatures(manifest->features, manifest->cpu))
    return status;
  StatusOr<Params> params = Params::open(
      model, manifest->params, options.params_path ? options.params_path : "",
      options.skip_params_check == 0);
  if (!params.ok())
    return params.status();
  std::unique_ptr<qrt_session> session(new qrt_session(
      model, *std::move(manifest), *std::move(params), options.num_threads));
  if (session->manifest.tokenizer) {
    StatusOr<WordPiece> tokenizer =
        WordPiece::create(*session->manifest.tokenizer);
    if (!tokenizer.ok())
      return tokenizer.status();
    session->tokenizer.emplace(*std::move(tokenizer));
  }
  return session;
}

StatusOr<OutputsPtr> qrt_session::run(const Entry &entry,
                                      absl::Span<const qrt_tensor> inputs) {
  OutputsPtr outputs = shelves[&entry - manifest.entries.data()]->take(entry);
  Lease lease(*this);
  if (Status status = lease->arguments.prepare(
          entry, inputs, params.bytes(), absl::MakeSpan(outputs->tensors)))
    return status;
  ThreadPool::CallerPin pin(lease->context.pool);
  if (Status status =
          lease->context.run(codeOf(entry), lease->arguments.calls()))
    return status;
  return outputs;
}

StatusOr<uint64_t>
qrt_session::planMemory(const Entry &entry,
                        const std::map<std::string, int64_t> &sizes) {
  auto sizeOf = [&](const std::string &symbol) -> std::optional<int64_t> {
    auto found = sizes.find(symbol);
    return found == sizes.end() ? std::nullopt
                                : std::optional<int64_t>(found->second);
  };
  // The code reads indices from inputs: they are numbers that it allows.
  std::vector<Tensor> tensors;
  std::vector<qrt_tensor> inputs;
  tensors.reserve(entry.inputs.size());
  for (const Port &port : entry.inputs) {
    std::vector<int64_t> shape;
    for (const Dim &dim : port.shape) {
      std::optional<int64_t> size =
          dim.symbol.empty() ? dim.size : sizeOf(dim.symbol);
      if (!size)
        return invalidArgument(absl::StrCat("no size is given for ", dim.symbol,
                                            ", which the shape of '", port.name,
                                            "' needs"));
      shape.push_back(*size);
    }
    StatusOr<Tensor> tensor = makeTensor(port.name, port.dtype, shape);
    if (!tensor.ok())
      return tensor.status();
    double value = port.range ? port.range->first : 0;
    if (port.role == Role::Position)
      value = static_cast<double>(std::max<int64_t>(
          sizeOf(kContext).value_or(0) - sizeOf(kSequence).value_or(1), 0));
    else if (port.defaultValue)
      value = *port.defaultValue;
    fill(port.dtype, tensor->data.get(), tensor->numElements(), value);
    tensors.push_back(*std::move(tensor));
    inputs.push_back(viewOf(tensors.back()));
  }
  std::vector<Tensor> outputs;
  for (const Port &port : entry.outputs)
    outputs.push_back({port.name, port.dtype, {}, nullptr});

  Execution execution(manifest, poolSize);
  if (Status status = execution.arguments.prepare(entry, inputs, params.bytes(),
                                                  absl::MakeSpan(outputs)))
    return status;
  for (Tensor &output : outputs)
    std::memset(output.data.get(), 0, output.numBytes());
  if (Status status = execution.context.rehearse(codeOf(entry),
                                                 execution.arguments.calls()))
    return status;
  return execution.context.peakBytes();
}

uint64_t qrt_session::arenaBytes() {
  std::lock_guard<std::mutex> lock(mutex);
  uint64_t bytes = 0;
  for (const std::unique_ptr<Execution> &execution : executions)
    bytes += execution->context.peakBytes();
  return bytes;
}

//===----------------------------------------------------------------------===//
// C ABI
//===----------------------------------------------------------------------===//

qrt_status qrt_session_create(const qrt_model *model,
                              const qrt_options *options,
                              qrt_session **session) {
  StatusOr<std::unique_ptr<qrt_session>> created =
      qrt_session::create(*model, options ? *options : qrt_options{});
  *session = created.ok() ? created->release() : nullptr;
  return created.status().report();
}

qrt_status qrt_tokenize(qrt_session *session, const char *const *texts,
                        const size_t *sizes, size_t count, int truncate,
                        qrt_tensor **tensors, size_t *numTensors) {
  *tensors = nullptr;
  *numTensors = 0;
  if (!session->tokenizer)
    return invalidArgument("the model has no tokenizer: it takes ids, not text")
        .report();
  if (count == 0)
    return invalidArgument("no text was given").report();
  std::vector<absl::string_view> views;
  for (size_t i = 0; i < count; ++i)
    views.emplace_back(texts[i], sizes[i]);
  StatusOr<std::vector<Tensor>> result =
      session->tokenizer->encodeBatch(views, truncate != 0);
  if (!result.ok())
    return result.status().report();
  *numTensors = result->size();
  *tensors = handOver(OutputsPtr(new Outputs(*std::move(result))));
  return QRT_OK;
}

void qrt_session_destroy(qrt_session *session) { delete session; }

const char *qrt_session_manifest(const qrt_session *session) {
  return session->manifestText.c_str();
}

qrt_status qrt_run(qrt_session *session, const char *entryName,
                   const qrt_tensor *inputs, size_t numInputs,
                   qrt_tensor **outputs, size_t *numOutputs) {
  *outputs = nullptr;
  *numOutputs = 0;
  StatusOr<const Entry *> entry =
      session->manifest.findEntry(entryName ? entryName : "");
  if (!entry.ok())
    return entry.status().report();
  StatusOr<OutputsPtr> results = session->run(**entry, {inputs, numInputs});
  if (!results.ok())
    return results.status().report();
  *numOutputs = (*results)->tensors.size();
  *outputs = handOver(*std::move(results));
  return QRT_OK;
}
