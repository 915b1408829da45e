//===- BlockCalibration.h - Statistics block by block -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_PIPELINES_BLOCKCALIBRATION_H
#define QUENCH_LIB_PIPELINES_BLOCKCALIBRATION_H

#include "CalibrationRun.h"

#include "mlir/IR/OwningOpRef.h"

#include <set>

namespace quench {

/// Takes the statistics that the formats of a model need, with one block of it
/// in memory: the model is cut at its blocks, and what later blocks read of one
/// is kept on disk, a file for each run.
///
/// In the sequential regime (that of GPTQ and of ViT methods that calibrate
/// layer by layer) statistics are of values that come through everything that
/// was quantized before. A block is run in steps: in step `n` those of its ops
/// are quantized whose statistics earlier steps gave, and what they feed is
/// observed. Then it runs once more, quantized as a whole.
class BlockCalibration {
public:
  /// Makes `module`, which has formats and is changed, ready. Fails with a
  /// diagnostic.
  static mlir::FailureOr<std::unique_ptr<BlockCalibration>>
  prepare(mlir::ModuleOp module, llvm::StringRef directory,
          const CPUTarget &target, CalibrationOptions options);

  /// A hash of everything that the numbers depend on.
  llvm::StringRef getKey() const { return key; }

  /// Writes the statistics to `output`. Fails with a diagnostic.
  mlir::LogicalResult run(llvm::StringRef output);

private:
  struct Block {
    mlir::OwningOpRef<mlir::ModuleOp> module;
    /// The keys of statistics that its formats need, and how many steps that
    /// takes.
    std::set<std::string> needed;
    unsigned numSteps = 0;
    /// The last block that reads what this one gives.
    unsigned lastReader = 0;
  };

  BlockCalibration() = default;
  bool isSequential() const {
    return options.regime == CalibrationRegime::Sequential;
  }
  mlir::LogicalResult addBlock(mlir::OwningOpRef<mlir::ModuleOp> piece);
  std::string getPath(const llvm::Twine &name) const;
  std::string getStatisticsPath(unsigned block, unsigned step) const;
  std::string getCrossingFolder(unsigned block) const;

  /// Makes the folder for what is kept between steps; empties one of other
  /// calibrations.
  mlir::LogicalResult openFolder(llvm::StringRef output);
  /// A copy of a block. In the sequential regime what needs no statistics of
  /// steps from `step` on is quantized.
  mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> copyBlock(unsigned block,
                                                               unsigned step);
  mlir::LogicalResult takeStatistics(unsigned block, unsigned step);
  /// Runs a block after its last step and keeps what others read of it.
  mlir::LogicalResult runForOthers(unsigned block);
  mlir::LogicalResult calibrate(unsigned block);
  /// Options for the next pass over the data.
  CalibrationOptions startPass();

  mlir::ModuleOp module;
  std::string directory, key, folder;
  const CPUTarget *target = nullptr;
  CalibrationOptions options;
  std::unique_ptr<ExampleData> data;
  std::map<std::string, std::string> metadata;
  std::vector<Block> blocks;
  /// The blocks that give tensors to others, by the names of these.
  llvm::StringMap<unsigned> givers;
  int64_t numPasses = 0, pass = 0;
};

} // namespace quench

#endif // QUENCH_LIB_PIPELINES_BLOCKCALIBRATION_H
