//===- Session.cpp - A model that is ready to run -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"

#include "Arguments.h"
#include "CpuFeatures.h"
#include "Status.h"

#include "absl/strings/str_cat.h"

#include <new>

using namespace quench::rt;

static constexpr int kMaxThreads = 1024;

qrt_session::qrt_session(const qrt_model &model, Manifest manifest,
                         Params params, int numThreads)
    : model(model), manifestText(model.manifest, model.manifest_size),
      manifest(std::move(manifest)), params(std::move(params)),
      context(numThreads), poolSize(context.pool.size()) {}

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

StatusOr<std::vector<Tensor>>
qrt_session::run(const Entry &entry, absl::Span<const qrt_tensor> inputs) {
  Arguments arguments(manifest, entry, inputs);
  if (Status status = arguments.prepare(params.bytes()))
    return status;
  std::lock_guard<std::mutex> lock(mutex);
  ThreadPool::CallerPin pin(context.pool);
  qrt_entry_fn function = model.entries[&entry - manifest.entries.data()];
  std::vector<Arguments::Call> calls = arguments.calls();
  std::vector<void *const *> pointers;
  for (const Arguments::Call &call : calls)
    pointers.push_back(call.pointers());
  if (Status status = context.run(function, pointers))
    return status;
  return arguments.takeOutputs();
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
  *tensors = handOver(*std::move(result));
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
  StatusOr<std::vector<Tensor>> results =
      session->run(**entry, {inputs, numInputs});
  if (!results.ok())
    return results.status().report();
  *numOutputs = results->size();
  *outputs = handOver(*std::move(results));
  return QRT_OK;
}
