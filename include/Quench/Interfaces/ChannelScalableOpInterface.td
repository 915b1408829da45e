//===- ChannelScalableOpInterface.td - Scales of channels --*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_CHANNELSCALABLEOPINTERFACE_TD
#define QUENCH_INTERFACES_CHANNELSCALABLEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def ChannelScalableOpInterface : OpInterface<"ChannelScalableOpInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    How an op meets a positive scale of each channel, `v' = v diag(s)`.

    A scale site is a set of linked axes such that every writer can multiply by
    `s` and every reader can divide by it, both in weights. SmoothQuant, AWQ, RepQ
    and MambaQuant differ in how they choose `s`, not in where it may go.
  }];
  let methods = [
    InterfaceMethod<[{
        Adds the axes that may be scaled to `ports`. An axis that is not added may
        not.
      }],
      "void", "getScalePorts",
      (ins "::llvm::SmallVectorImpl<::quench::ChannelPort> &":$ports)>
  ];
}

#endif // QUENCH_INTERFACES_CHANNELSCALABLEOPINTERFACE_TD
