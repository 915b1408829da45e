//===- TokenBoundaryOpInterface.td - From maps to tokens ---*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_TOKENBOUNDARYOPINTERFACE_TD
#define QUENCH_INTERFACES_TOKENBOUNDARYOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def TokenBoundaryOpInterface : OpInterface<"TokenBoundaryOpInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    An op that moves the pixels of a feature map into sequences of tokens, or
    tokens back to their places on a map: where the convolutional part of a hybrid
    model meets its transformer part. The layers next to such an op are the bridge
    layers of Q-HyViT (`Quench/Analysis/BridgeLayers.h`).
  }];
  let methods = [
    InterfaceMethod<[{
        The operand or result that is a feature map.
      }],
      "::mlir::Value", "getFeatureMap", (ins)>,
    InterfaceMethod<[{
        The operand or result that is sequences of tokens.
      }],
      "::mlir::Value", "getTokens", (ins)>
  ];
}

#endif // QUENCH_INTERFACES_TOKENBOUNDARYOPINTERFACE_TD
