//===- BasisOpInterface.td - Bases of activations ----------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_BASISOPINTERFACE_TD
#define QUENCH_INTERFACES_BASISOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def BasisOpInterface : OpInterface<"BasisOpInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    How an op meets an orthogonal change of basis of its channels, `v' = v R`.

    Values whose channel axes are linked by ops share one basis. A class of such
    values can be rotated exactly when every op that writes one of them is a
    producer or a link, and every op that reads one a consumer or a link: `R` then
    goes into the weights of the producers and its transpose into those of the
    consumers. A residual stream is such a class; so are, per head, the values of
    attention and what the output projection reads, and the pair of query and
    key.
  }];
  let methods = [
    InterfaceMethod<[{
        Adds the axes whose basis may change to `ports`. An axis that is not added
        keeps its basis.
      }],
      "void", "getBasisPorts",
      (ins "::llvm::SmallVectorImpl<::quench::ChannelPort> &":$ports)>,
    InterfaceMethod<[{
        What about this op keeps the basis of a value that it could otherwise
        link, as a phrase for a diagnostic ("has a gain"); empty when nothing
        does.
      }],
      "::llvm::StringRef", "getBasisBlocker", (ins), "", [{ return {}; }]>
  ];
}

#endif // QUENCH_INTERFACES_BASISOPINTERFACE_TD
