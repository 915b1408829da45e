//===- EquivalenceFlags.h - Flags that check passes -------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TOOLS_EQUIVALENCEFLAGS_H
#define QUENCH_TOOLS_EQUIVALENCEFLAGS_H

#include "Quench/Pipelines/VerifyEquivalence.h"

#include "llvm/Support/CommandLine.h"

/// The flags of tools that run passes: whether, and how, passes that claim
/// equivalence are checked.
class EquivalenceFlags {
public:
  explicit EquivalenceFlags(
      llvm::cl::SubCommand &sub = llvm::cl::SubCommand::getTopLevel())
      : verify("verify-equivalence", llvm::cl::sub(sub),
               llvm::cl::ValueOptional, llvm::cl::value_desc("tolerance"),
               llvm::cl::desc("Compare the model before and after every pass "
                              "that claims equivalence (default 1e-10, "
                              "relative)")),
        certificates("certificates", llvm::cl::sub(sub),
                     llvm::cl::value_desc("file"),
                     llvm::cl::desc("Verify equivalence, and write what was "
                                    "found as JSON")),
        seed("equivalence-seed", llvm::cl::sub(sub), llvm::cl::init(0),
             llvm::cl::value_desc("n"),
             llvm::cl::desc("Seed of the inputs and random weights that "
                            "models are compared on (default 0)")),
        memory("equivalence-memory", llvm::cl::sub(sub), llvm::cl::init(1.0),
               llvm::cl::value_desc("GiB"),
               llvm::cl::desc("Parameters, as f64, that are held at once to "
                              "compare models; larger models run in pieces "
                              "(default 1)")),
        weights("equivalence-weights", llvm::cl::sub(sub),
                llvm::cl::init(quench::EquivalenceWeights::Random),
                llvm::cl::desc("Weights that models are compared with (default "
                               "random)"),
                llvm::cl::values(
                    clEnumValN(quench::EquivalenceWeights::Random, "random",
                               "seeded random numbers"),
                    clEnumValN(quench::EquivalenceWeights::Archive, "archive",
                               "those of the archives, random where "
                               "there is none"))) {}

  /// Reads the flags into `options`; false: nothing is to be checked. Fails
  /// with a mistake in the command line.
  llvm::Expected<bool> get(quench::EquivalenceOptions &options) const {
    if (!verify.empty() &&
        (llvm::StringRef(verify).getAsDouble(options.tolerance) ||
         !(options.tolerance >= 0)))
      return llvm::createStringError("--verify-equivalence: found '" + verify +
                                     "', expected a number, 0 or more");
    if (!(memory > 0 && memory < 1e6))
      return llvm::createStringError(
          "--equivalence-memory: expected more than 0");
    options.maxBytes = memory * (1 << 30);
    options.seed = seed;
    options.weights = weights;
    return verify.getNumOccurrences() > 0 || !certificates.empty();
  }

  /// Writes the certificates where the flags ask for it.
  llvm::Error write(const quench::EquivalenceVerifier &verifier) const {
    return certificates.empty() ? llvm::Error::success()
                                : verifier.writeCertificates(certificates);
  }

private:
  llvm::cl::opt<std::string> verify;
  llvm::cl::opt<std::string> certificates;
  llvm::cl::opt<uint64_t> seed;
  llvm::cl::opt<double> memory;
  llvm::cl::opt<quench::EquivalenceWeights> weights;
};

#endif // QUENCH_TOOLS_EQUIVALENCEFLAGS_H
