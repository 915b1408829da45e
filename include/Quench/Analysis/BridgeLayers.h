//===- BridgeLayers.h - Layers between maps and tokens ----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hybrid models lose most of their accuracy where feature maps become tokens
// and tokens become maps. Q-HyViT lists the layers next to these places, its
// bridge blocks, by hand for each model; here they follow from the graph.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_ANALYSIS_BRIDGELAYERS_H
#define QUENCH_ANALYSIS_BRIDGELAYERS_H

#include "Quench/Interfaces/TokenBoundaryOpInterface.h"

#include "llvm/ADT/MapVector.h"

namespace quench {

/// Where a layer is a bridge.
struct BridgePlace {
  TokenBoundaryOpInterface boundary;
  /// The layer stands before the boundary, not behind it.
  bool isBefore;
};

/// The ops with weights that nothing but functions of one activation, views and
/// norms among them, parts from a boundary, with the first boundary of each.
/// Sums and attention, which join activations, part as other layers do.
llvm::MapVector<mlir::Operation *, BridgePlace>
findBridgeLayers(mlir::Operation *root);

} // namespace quench

#endif // QUENCH_ANALYSIS_BRIDGELAYERS_H
