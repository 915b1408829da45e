//===- QuenchOps.td - All ops of the quench dialect --------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHOPS_TD

include "Quench/Dialect/Quench/IR/QuenchAttentionOps.td"
include "Quench/Dialect/Quench/IR/QuenchAttrs.td"
include "Quench/Dialect/Quench/IR/QuenchDynamicOps.td"
include "Quench/Dialect/Quench/IR/QuenchGateOps.td"
include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.td"
include "Quench/Dialect/Quench/IR/QuenchIntegerOps.td"
include "Quench/Dialect/Quench/IR/QuenchKernelOps.td"
include "Quench/Dialect/Quench/IR/QuenchLogIntOps.td"
include "Quench/Dialect/Quench/IR/QuenchModelOps.td"
include "Quench/Dialect/Quench/IR/QuenchObserveOps.td"
include "Quench/Dialect/Quench/IR/QuenchOutputRangeOps.td"
include "Quench/Dialect/Quench/IR/QuenchParamOps.td"
include "Quench/Dialect/Quench/IR/QuenchPolicyOps.td"
include "Quench/Dialect/Quench/IR/QuenchQuantOps.td"
include "Quench/Dialect/Quench/IR/QuenchQuantizers.td"
include "Quench/Dialect/Quench/IR/QuenchRangeOps.td"
include "Quench/Dialect/Quench/IR/QuenchRotations.td"
include "Quench/Dialect/Quench/IR/QuenchScaleOps.td"
include "Quench/Dialect/Quench/IR/QuenchVisionOps.td"
include "Quench/Dialect/Quench/IR/QuenchWeightQuantOps.td"

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHOPS_TD
