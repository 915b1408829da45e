//===- Quench.h - All of the quench dialect ---------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCH_H
#define QUENCH_DIALECT_QUENCH_IR_QUENCH_H

#include "Quench/Dialect/Quench/IR/QuenchAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/IR/QuenchDynamicOps.h"
#include "Quench/Dialect/Quench/IR/QuenchGateOps.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h"
#include "Quench/Dialect/Quench/IR/QuenchKernelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchLogIntOps.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchObserveOps.h"
#include "Quench/Dialect/Quench/IR/QuenchOutputRangeOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchPolicyOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/IR/QuenchRangeOps.h"
#include "Quench/Dialect/Quench/IR/QuenchScaleOps.h"
#include "Quench/Dialect/Quench/IR/QuenchVisionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchWeightQuantOps.h"

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCH_H
