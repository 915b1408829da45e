//===- ThreadPool.h - Persistent threads, static split ----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_THREADPOOL_H
#define QUENCH_RUNTIME_CPU_THREADPOOL_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <sched.h>
#include <vector>

namespace quench::rt {

/// Lets one thread wait for another: spins for a while, then sleeps.
class Gate {
public:
  /// Lets the next, or the waiting, pass() through.
  void open();

  /// Waits for open() and closes the gate again. One thread at a time.
  void pass(std::chrono::microseconds spin);

private:
  std::atomic<bool> isOpen{false};
  std::atomic<bool> isAsleep{false};
  std::mutex mutex;
  std::condition_variable opened;
};

/// Threads that live as long as the pool. The caller of run() is the first of
/// them. Each has its own share of the work, so that it finds the data of its
/// last one in its caches; a share whose thread does not come, because
/// others use its core, is done by one that is through with its own. When the
/// pool has a thread for every core that the process may use, each is bound to
/// its core, the caller for as long as a CallerPin lives.
class ThreadPool {
public:
  /// One share of the work.
  using Task = void (*)(void *state, int index);

  /// Starts `numThreads - 1` threads, zero meaning one for each core, each of
  /// which calls `onStart` before the pool is there. A machine that refuses to
  /// start that many gives a smaller pool.
  explicit ThreadPool(int numThreads, void (*onStart)() = nullptr);
  ~ThreadPool();

  int size() const { return static_cast<int>(workers.size()) + 1; }

  /// Runs `task(state, i)` once for every i in [0, count), count <= size(), on
  /// thread i if it is free, and returns when all are done.
  void run(int count, Task task, void *state);

  /// Binds the calling thread to the first core of a pool that binds its
  /// threads, unless it was already bound elsewhere.
  class CallerPin {
  public:
    explicit CallerPin(const ThreadPool &pool);
    ~CallerPin();

  private:
    cpu_set_t before;
    bool pinned = false;
  };

private:
  struct Worker {
    ThreadPool *pool;
    int index;
    int core; ///< -1: not bound.
    pthread_t thread;
    Gate start;
    Gate ready; ///< Opened once, when the thread has started.
  };
  /// Whether a share waits for a thread; on a cache line of its own.
  struct alignas(64) Share {
    std::atomic<bool> isOpen{false};
  };

  static void *work(void *worker);

  /// Does all shares that still wait, `first` before others. Returns whether
  /// the last share of all was among them.
  bool doShares(int first);

  std::vector<std::unique_ptr<Worker>> workers;
  void (*const onStart)();
  int callerCore = -1;
  cpu_set_t processMask;
  std::chrono::microseconds spin;

  // Read by a thread that has taken a share; run() does not return, and these
  // do not change, before that share is done.
  Task task = nullptr;
  void *state = nullptr;

  std::vector<Share> shares;
  std::atomic<int> numPending{0}; ///< Shares that are not done.
  std::atomic<bool> isStopping{false};
  Gate done; ///< Opened by a worker that did the last share.
};

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_THREADPOOL_H
