//===- ShiftableOpInterface.td - Shifts of channels --------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_SHIFTABLEOPINTERFACE_TD
#define QUENCH_INTERFACES_SHIFTABLEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def ShiftableOpInterface : OpInterface<"ShiftableOpInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    How an op meets a constant shift of each channel, `v' = v + z`.

    A producer adds `z` to its bias; a consumer subtracts what its weights make of
    `z` from its bias. Zero points of layer norms (RepQ) move that way. The
    weights of a port name the bias; none are named where the op could have one
    and does not.
  }];
  let methods = [
    InterfaceMethod<[{
        Adds the axes that may be shifted to `ports`. A shift passes from the
        first port of a group to the others.
      }],
      "void", "getShiftPorts",
      (ins "::llvm::SmallVectorImpl<::quench::ChannelPort> &":$ports)>,
    InterfaceMethod<[{
        Why an axis is not among the ports, as a phrase about the op ("pads with
        zeros"); empty where there is nothing to say.
      }],
      "::llvm::StringRef", "getShiftBlocker", (ins), "", [{ return ""; }]>,
    InterfaceMethod<[{
        Gives the op, which has none, the bias `bias`. Implemented by ops that
        name no weights in a port.
      }],
      "void", "setBias", (ins "::mlir::Value":$bias), "",
      [{ llvm_unreachable("has no place for a bias"); }]>
  ];
}

#endif // QUENCH_INTERFACES_SHIFTABLEOPINTERFACE_TD
