//===- TileProduct.cpp - Products of bytes on tile registers --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The intrinsics with numbers of registers are used: those that leave the
// choice to LLVM need passes for tiles, spill whole tiles and configure them
// anew.
//
//===----------------------------------------------------------------------===//

#include "TileProduct.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace quench;

/// Rows of one register, and numbers of 32 bits in each of them.
static constexpr int64_t tileRows = 16;
static constexpr int64_t rowBytes = 64;
static constexpr int64_t lineBytes = 64;

// The registers: sums [row][column], rows of x, columns of weights.
static constexpr int64_t sumTiles[2][2] = {{0, 1}, {2, 3}};
static constexpr int64_t rowTiles[2] = {4, 5};
static constexpr int64_t columnTiles[2] = {6, 7};
static constexpr int64_t numTiles = 8;

// What ldtilecfg reads: bytes of a row, 16 bits each, and rows, of all tiles.
static constexpr int64_t configurationBytes = 64;
static constexpr int64_t bytesOffset = 16;
static constexpr int64_t rowsOffset = 48;

int64_t TileProduct::getStep(int64_t channels) {
  int64_t quads = llvm::divideCeil(channels, 4);
  for (int64_t step = tileRows; step > 0; --step)
    if (quads % step == 0)
      return 2 * step >= tileRows || step == quads ? 4 * step : 0;
  return 0;
}

TileProduct::TileProduct(KernelBuilder &builder, int64_t channels)
    : b(builder), step(getStep(channels)),
      steps(llvm::divideCeil(channels, step)) {
  configuration = memref::AllocaOp::create(
      b, MemRefType::get({configurationBytes}, b.getI8Type()),
      b.getI64IntegerAttr(rowBytes));
}

Value TileProduct::allocateSums() {
  return memref::AllocaOp::create(b,
                                  MemRefType::get({size, size}, b.getI32Type()),
                                  b.getI64IntegerAttr(rowBytes));
}

void TileProduct::call(StringRef intrinsic, ValueRange operands) {
  LLVM::CallIntrinsicOp::create(b, b.getStringAttr(intrinsic), operands);
}

Value TileProduct::registerNumber(int64_t number) {
  return LLVM::ConstantOp::create(b, b.getI8IntegerAttr(number));
}

Value TileProduct::address(Value buffer, ValueRange indices) {
  auto metadata = memref::ExtractStridedMetadataOp::create(b, buffer);
  Value at = metadata.getOffset();
  for (auto [index, stride] : llvm::zip_equal(indices, metadata.getStrides()))
    at = b.add(at, b.mul(index, stride));
  unsigned bits = cast<MemRefType>(buffer.getType())
                      .getElementType()
                      .getIntOrFloatBitWidth();
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  Value bytes = arith::IndexCastOp::create(b, b.getI64Type(),
                                           b.add(base, b.mul(at, bits / 8)));
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                  bytes);
}

void TileProduct::configure(Value rows) {
  SmallVector<int8_t> bytes(configurationBytes, 0);
  bytes[0] = 1; // The palette: eight registers of 1 KiB.
  for (int64_t tile = 0; tile < numTiles; ++tile) {
    bool isColumns = llvm::is_contained(columnTiles, tile);
    bool isRows = llvm::is_contained(rowTiles, tile);
    bytes[bytesOffset + 2 * tile] = isRows ? step : rowBytes;
    bytes[rowsOffset + tile] = isColumns ? step / 4 : tileRows;
  }
  auto type = VectorType::get({configurationBytes}, b.getI8Type());
  Value all = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes)));
  // A register that a small block does not use has a row nevertheless: none is
  // not allowed. One store writes all: the instruction would wait longer for
  // what several of them wrote.
  Value counts[] = {b.min(rows, b.index(tileRows)),
                    b.max(b.index(1), b.sub(rows, b.index(tileRows)))};
  for (auto [half, count] : llvm::enumerate(counts)) {
    SmallVector<bool> isCount(configurationBytes, false);
    for (int64_t tile : {sumTiles[half][0], sumTiles[half][1], rowTiles[half]})
      isCount[rowsOffset + tile] = true;
    Value places = arith::ConstantOp::create(
        b, DenseElementsAttr::get(type.clone(b.getI1Type()),
                                  ArrayRef<bool>(isCount)));
    Value byte = arith::IndexCastOp::create(b, b.getI8Type(), count);
    all = arith::SelectOp::create(
        b, places, vector::BroadcastOp::create(b, type, byte), all);
  }
  vector::StoreOp::create(b, all, configuration, b.index(0));
  call("llvm.x86.ldtilecfg", address(configuration, b.index(0)));
}

void TileProduct::release() { call("llvm.x86.tilerelease"); }

void TileProduct::multiply(Value x, Value row, Value rows, Value weights,
                           Value panel, Value first, Value sums,
                           const TileProductForm &form) {
  Value firstWeight = form.firstWeight ? form.firstWeight : first;
  Value firstColumn = form.column ? form.column : b.index(0);
  Value count =
      form.channels ? b.floorDiv(form.channels, step) : b.index(steps);
  auto stride = [&](int64_t bytes) -> Value {
    return LLVM::ConstantOp::create(b, b.getI64IntegerAttr(bytes));
  };
  Value zero = b.index(0);
  const int64_t rowStride = cast<MemRefType>(x.getType()).getDimSize(1);
  const int64_t columnStride = 4 * size;
  const int64_t sumStride = 4 * cast<MemRefType>(sums.getType()).getDimSize(1);
  // Part of the cache lines that a step takes of a panel.
  Value firstLine, endLine;
  const int64_t lines = step / 4 * columnStride / lineBytes;
  if (form.piece) {
    Value count = b.floorDiv(b.add(form.pieces, lines - 1), form.pieces);
    firstLine = b.mul(form.piece, count);
    endLine = b.min(b.add(firstLine, count), b.index(lines));
  }
  // Written for blocks of one and of two registers of rows.
  Value halves = b.ceilDiv(rows, tileRows);
  b.choose(halves, {2, 1}, [&](int64_t halves) {
    for (int64_t half = 0; half < halves; ++half)
      for (int64_t column : sumTiles[half])
        call("llvm.x86.tilezero", registerNumber(column));
    b.loop(zero, count, 1, [&](Value index) {
      Value offset = b.mul(index, step);
      Value channel = b.add(first, offset);
      Value quad = b.floorDiv(b.add(firstWeight, offset), 4);
      if (form.piece)
        b.loop(firstLine, endLine, 1, [&](Value line) {
          b.prefetch(weights, {b.add(panel, 1), quad, b.mul(line, lineBytes)});
        });
      auto load = [&](int64_t tile, Value from, int64_t bytes) {
        call("llvm.x86.tileloadd64",
             {registerNumber(tile), from, stride(bytes)});
      };
      for (int64_t half = 0; half < halves; ++half) {
        load(rowTiles[half], address(x, {b.add(row, half * tileRows), channel}),
             rowStride);
        for (int64_t column = 0; column < 2; ++column) {
          if (half == 0)
            load(columnTiles[column],
                 address(weights, {panel, quad, b.index(column * rowBytes)}),
                 columnStride);
          call(form.isSigned ? "llvm.x86.tdpbssd" : "llvm.x86.tdpbusd",
               {registerNumber(sumTiles[half][column]),
                registerNumber(rowTiles[half]),
                registerNumber(columnTiles[column])});
        }
      }
    });
    for (int64_t half = 0; half < halves; ++half)
      for (int64_t column = 0; column < 2; ++column)
        call("llvm.x86.tilestored64",
             {registerNumber(sumTiles[half][column]),
              address(sums, {b.index(half * tileRows),
                             b.add(firstColumn, column * tileRows)}),
              stride(sumStride)});
  });
}
