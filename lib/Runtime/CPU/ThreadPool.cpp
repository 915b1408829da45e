//===- ThreadPool.cpp - Persistent threads, static split ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"

#include "Machine.h"

#include <csignal>

using namespace quench::rt;

/// Longer than the serial stretches between the loops of a model, short enough
/// not to harm who shares the cores.
static constexpr std::chrono::microseconds kSpin(50);
static constexpr size_t kStackBytes = size_t(8) << 20;

static void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void Gate::open() {
  isOpen.store(true);
  if (!isAsleep.load())
    return;
  std::lock_guard<std::mutex> lock(mutex);
  opened.notify_one();
}

void Gate::pass(std::chrono::microseconds spin) {
  using Clock = std::chrono::steady_clock;
  if (spin.count() > 0) {
    Clock::time_point end = Clock::now() + spin;
    do {
      for (int i = 0; i < 32 && !isOpen.load(std::memory_order_acquire); ++i)
        relax();
    } while (!isOpen.load(std::memory_order_acquire) && Clock::now() < end);
  }
  // Either open() sees that this thread sleeps, or this thread that it is open.
  if (!isOpen.load(std::memory_order_acquire)) {
    std::unique_lock<std::mutex> lock(mutex);
    isAsleep.store(true);
    while (!isOpen.load())
      opened.wait(lock);
    isAsleep.store(false);
  }
  // Whoever opened the gate again meanwhile has published all before it.
  isOpen.exchange(false, std::memory_order_acquire);
}

static bool bind(pthread_t thread, int core) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  CPU_SET(core, &mask);
  return pthread_setaffinity_np(thread, sizeof(mask), &mask) == 0;
}

ThreadPool::ThreadPool(int numThreads, void (*onStart)()) : onStart(onStart) {
  std::vector<int> cores = usableCores();
  int numCores = static_cast<int>(cores.size());
  if (numThreads == 0)
    numThreads = numCores;
  // Threads that share a core would only take time from each other.
  spin = numThreads <= numCores ? kSpin : kSpin.zero();
  // A smaller pool is left to the scheduler: the pools of several sessions
  // would otherwise crowd on the same cores.
  bool binds = numThreads == numCores && numThreads > 1 &&
               sched_getaffinity(0, sizeof(processMask), &processMask) == 0;
  if (binds)
    callerCore = cores[0];
  shares = std::vector<Share>(numThreads);

  // Signals are the program's own affair: no worker takes one.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  for (int i = 1; i < numThreads; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->pool = this;
    worker->index = i;
    worker->core = binds ? cores[i] : -1;
    if (pthread_create(&worker->thread, &attributes, work, worker.get()) != 0)
      break;
    workers.push_back(std::move(worker));
  }
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  for (auto &worker : workers)
    worker->ready.pass(spin.zero());
}

ThreadPool::~ThreadPool() {
  isStopping = true;
  for (auto &worker : workers)
    worker->start.open();
  for (auto &worker : workers)
    pthread_join(worker->thread, nullptr);
}

void *ThreadPool::work(void *argument) {
  Worker &worker = *static_cast<Worker *>(argument);
  ThreadPool &pool = *worker.pool;
  if (worker.core >= 0)
    bind(pthread_self(), worker.core);
  if (pool.onStart)
    pool.onStart();
  worker.ready.open();
  while (true) {
    worker.start.pass(pool.spin);
    if (pool.isStopping)
      return nullptr;
    if (pool.doShares(worker.index))
      pool.done.open();
  }
}

bool ThreadPool::doShares(int first) {
  int numShares = static_cast<int>(shares.size());
  int numDone = 0;
  for (int i = 0; i < numShares; ++i) {
    int index = (first + i) % numShares;
    std::atomic<bool> &isOpen = shares[index].isOpen;
    if (!isOpen.load(std::memory_order_relaxed) ||
        !isOpen.exchange(false, std::memory_order_acquire))
      continue;
    task(state, index);
    ++numDone;
  }
  return numDone > 0 &&
         numPending.fetch_sub(numDone, std::memory_order_acq_rel) == numDone;
}

void ThreadPool::run(int count, Task newTask, void *newState) {
  if (count == 1)
    return newTask(newState, 0);
  task = newTask;
  state = newState;
  numPending.store(count, std::memory_order_relaxed);
  for (int i = 0; i < count; ++i)
    shares[i].isOpen.store(true, std::memory_order_release);
  for (int i = 0; i < count - 1; ++i)
    workers[i]->start.open();
  if (!doShares(0))
    done.pass(spin);
}

ThreadPool::CallerPin::CallerPin(const ThreadPool &pool) {
  if (pool.callerCore < 0 ||
      sched_getaffinity(0, sizeof(before), &before) != 0 ||
      !CPU_EQUAL(&before, &pool.processMask))
    return;
  pinned = bind(pthread_self(), pool.callerCore);
}

ThreadPool::CallerPin::~CallerPin() {
  if (pinned)
    sched_setaffinity(0, sizeof(before), &before);
}
