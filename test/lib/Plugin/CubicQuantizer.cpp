//===- CubicQuantizer.cpp - A quantizer from outside ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Interfaces/QuantizerAttrInterface.h"
#include "Quench/Plugin/Plugin.h"

#include "mlir/IR/DialectImplementation.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "CubicDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "CubicAttrs.h.inc"

#include "CubicDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "CubicAttrs.cpp.inc"

using namespace cubic;

void CubicDialect::initialize() { addAttributes<CubicAttr>(); }

Attribute CubicAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  unsigned bits;
  quench::QuantScaling scaling;
  if (parser.parseLess() || parser.parseInteger(bits) ||
      quench::parseQuantOptions(parser, scaling) || parser.parseGreater())
    return {};
  return parser.getChecked<CubicAttr>(loc, parser.getContext(), bits, scaling);
}

void CubicAttr::print(AsmPrinter &printer) const {
  printer << '<' << getBits();
  quench::printQuantOptions(printer, getScaling());
  printer << '>';
}

LogicalResult CubicAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                unsigned bits, quench::QuantScaling scaling) {
  if (bits < 2 || bits > 8)
    return emitError() << "expected 2 to 8 bits, found " << bits;
  return scaling.verify(emitError);
}

IntegerType CubicAttr::getStorageType() const {
  return IntegerType::get(getContext(), getBits());
}

quench::QuantTable CubicAttr::getTable() const {
  double half = (1 << (getBits() - 1)) - 1;
  SmallVector<double> numbers;
  for (double step = -half; step <= half; ++step)
    numbers.push_back(step * step * step / (half * half * half));
  return quench::QuantTable::getNearest(numbers);
}

static void registerCubic(quench::PluginRegistrar &registrar) {
  registrar.addDialects<CubicDialect>();
}

QUENCH_PLUGIN("cubic", "1.0", registerCubic)
