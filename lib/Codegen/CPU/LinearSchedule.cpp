//===- LinearSchedule.cpp - Schedules of kernels of linears ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearSchedule.h"

#include "Quench/Support/Error.h"
#include "TileProduct.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quench;

/// Tiles that one task computes: few, so that many threads find work.
static constexpr int64_t taskTiles = 4;

/// Rows of a task on the tile registers fill at most this of the second level
/// cache, which is 2 MiB where there are any, and are at most so many blocks:
/// all weights are read once for each task of rows.
static constexpr int64_t blockTaskBytes = 1280 << 10;
static constexpr int64_t maxTaskBlocks = 8;

/// Tiles of a task that unpacks: so many that unpacking is little beside the
/// products, so few that their rows, of so many bytes, fit in the second level
/// cache.
static constexpr int64_t maxUnpackedTiles = 12, unpackedTaskBytes = 768 << 10;

/// Bytes of an unpacked part of a panel without groups.
static constexpr int64_t partBytes = 16384;

/// The most that sums of a task and an unpacked part take of the stack.
static constexpr int64_t maxTiles = 32, maxPartBytes = 4 * partBytes;

/// Rows of the largest tile of short code. Tiles of 4 to 7 rows make up all
/// numbers of rows from 4 on, and sum in one order, as larger ones do.
static constexpr int64_t compactRows = 7;

static int64_t countGroups(const LinearKernel &kernel) {
  return kernel.hasCodes() ? kernel.in / kernel.weight.group : 1;
}

/// Whether sums of floats are in registers, too.
static bool hasFloatSums(const LinearKernel &kernel) {
  return !isUnpacked(kernel) && kernel.isInteger() && countGroups(kernel) > 1;
}

/// Input channels of a packed vector.
static int64_t getStepCodes(const LinearKernel &kernel) {
  return kernel.weight.isNibbles ? wordCodes : getDepth(kernel.input.dot);
}

/// Bytes of an unpacked input channel of a panel.
static int64_t getChannelBytes(const KernelLibrary &library,
                               const LinearKernel &kernel) {
  return library.panel(kernel.element) *
         (kernel.isInteger() ? 4 / getDepth(kernel.input.dot) : 4);
}

bool quench::isUnpacked(const LinearKernel &kernel) {
  return kernel.weight.isNibbles || (kernel.hasCodes() && !kernel.isInteger());
}

int64_t quench::getStreamedRows(const CPUKernelOptions &options) {
  return options.registers() == 32 ? 4 : 2;
}

/// Input channels that tile registers multiply before the next ones are
/// unpacked, whole steps of them; 0: they multiply none.
static int64_t getBlockPart(const KernelLibrary &library,
                            const LinearKernel &kernel) {
  if (countGroups(kernel) > 1)
    return TileProduct::getStep(kernel.weight.group) ? kernel.weight.group : 0;
  for (int64_t codes = partBytes / library.panel(kernel.element); codes > 0;
       codes -= wordCodes)
    if (kernel.in % codes == 0 && TileProduct::getStep(codes) != 0)
      return codes;
  return 0;
}

bool quench::usesTileRegisters(const KernelLibrary &library,
                               const LinearKernel &kernel) {
  if (!library.options.tiles || kernel.input.dot != IntegerDot::Quads)
    return false;
  return isUnpacked(kernel) ? getBlockPart(library, kernel) != 0
                            : TileProduct::getStep(kernel.weight.group) != 0;
}

KernelSchedule quench::chooseSchedule(const KernelLibrary &library,
                                      const LinearKernel &kernel) {
  const bool hasTileRegisters = usesTileRegisters(library, kernel);
  const int64_t depth = getDepth(kernel.input.dot);
  KernelSchedule schedule;
  if (hasTileRegisters) {
    schedule.rows = TileProduct::size;
  } else if (library.options.registers() == 32) {
    // Without an instruction for four products, or with sums of floats, more
    // registers are needed for what lies between.
    schedule.rows = hasFloatSums(kernel)                    ? 6
                    : kernel.input.dot == IntegerDot::Quads ? 14
                                                            : 12;
    if (library.options.compact)
      schedule.rows = std::min(schedule.rows, compactRows);
  } else {
    schedule.rows = hasFloatSums(kernel) ? 2 : 6;
  }

  if (isUnpacked(kernel)) {
    schedule.tiles = std::clamp<int64_t>(
        unpackedTaskBytes / (schedule.rows * kernel.in * 4 / depth), 2,
        maxUnpackedTiles);
    if (hasTileRegisters)
      schedule.part = getBlockPart(library, kernel);
    else if (countGroups(kernel) > 1)
      schedule.part = kernel.weight.group;
    else
      schedule.part =
          std::min<int64_t>(llvm::alignTo(kernel.in, getStepCodes(kernel)),
                            partBytes / getChannelBytes(library, kernel));
  } else if (hasTileRegisters) {
    int64_t stride = IntegerRows{kernel.input.dot, kernel.in}.stride();
    schedule.tiles = std::clamp<int64_t>(
        blockTaskBytes / (schedule.rows * stride), 1, maxTaskBlocks);
  } else {
    schedule.tiles = taskTiles;
  }
  return schedule;
}

/// Why there is no kernel with `schedule`; empty where there is one.
static std::string findMistake(const KernelLibrary &library,
                               const LinearKernel &kernel,
                               const KernelSchedule &schedule) {
  const bool hasTileRegisters = usesTileRegisters(library, kernel);
  // Beside the sums, a step needs its weights and an input.
  int64_t most = (library.options.registers() - panelVectors - 1) /
                 (panelVectors * (hasFloatSums(kernel) ? 2 : 1));
  int64_t least = 1;
  if (hasTileRegisters)
    least = most = TileProduct::size;
  if (schedule.rows < least || schedule.rows > most)
    return llvm::formatv("found rows {0}, expected {1} to {2}", schedule.rows,
                         least, most);
  if (schedule.tiles < 1 || schedule.tiles > maxTiles)
    return llvm::formatv("found tiles {0}, expected 1 to {1}", schedule.tiles,
                         maxTiles);
  if (!isUnpacked(kernel))
    return schedule.part == 0
               ? ""
               : llvm::formatv("found part {0}, expected none: it unpacks "
                               "nothing",
                               schedule.part)
                     .str();
  if (countGroups(kernel) > 1)
    return schedule.part == kernel.weight.group
               ? ""
               : llvm::formatv("found part {0}, expected a group, {1}",
                               schedule.part, kernel.weight.group)
                     .str();
  int64_t step = getStepCodes(kernel);
  int64_t longest =
      std::min<int64_t>(llvm::alignTo(kernel.in, step),
                        maxPartBytes / getChannelBytes(library, kernel));
  if (schedule.part < step || schedule.part > longest ||
      schedule.part % step != 0)
    return llvm::formatv("found part {0}, expected a multiple of {1} up to {2}",
                         schedule.part, step, longest);
  if (hasTileRegisters && (kernel.in % schedule.part != 0 ||
                           TileProduct::getStep(schedule.part) == 0))
    return llvm::formatv("found part {0}, expected a divisor of {1} of whole "
                         "steps of tile registers",
                         schedule.part, kernel.in);
  return "";
}

llvm::Error quench::verifySchedule(const KernelLibrary &library,
                                   const LinearKernel &kernel,
                                   const KernelSchedule &schedule) {
  std::string mistake = findMistake(library, kernel, schedule);
  if (mistake.empty())
    return llvm::Error::success();
  return makeError(mistake);
}

SmallVector<KernelSchedule> quench::getCandidates(const KernelLibrary &library,
                                                  const LinearKernel &kernel) {
  const KernelSchedule chosen = chooseSchedule(library, kernel);
  SmallVector<KernelSchedule> candidates{chosen};
  auto add = [&](KernelSchedule candidate) {
    if (!llvm::is_contained(candidates, candidate) &&
        findMistake(library, kernel, candidate).empty())
      candidates.push_back(candidate);
  };
  // Tiles of less than 4 rows have several sums for each number. With 16
  // registers some numbers of rows leave such tiles, others with every size.
  const bool isFree = kernel.isInteger() || library.options.registers() == 32;
  const bool isLarge =
      library.options.registers() == 32 && !hasFloatSums(kernel);
  const SmallVector<int64_t> heights =
      isLarge ? SmallVector<int64_t>{14, 12, 10, 8}
              : SmallVector<int64_t>{7, 6, 5, 4, 3, 2, 1};
  if (isFree && !usesTileRegisters(library, kernel))
    for (int64_t rows : heights) {
      if (2 * rows <= chosen.rows)
        break;
      KernelSchedule candidate = chosen;
      candidate.rows = rows;
      add(candidate);
    }
  for (int64_t tiles : {chosen.tiles / 2, 2 * chosen.tiles, 4 * chosen.tiles}) {
    KernelSchedule candidate = chosen;
    candidate.tiles = tiles;
    add(candidate);
  }
  for (int64_t part : {chosen.part / 2, 2 * chosen.part}) {
    KernelSchedule candidate = chosen;
    candidate.part = part;
    if (isFree)
      add(candidate);
  }
  return candidates;
}
