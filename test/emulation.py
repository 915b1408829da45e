#!/usr/bin/env python3
# ===- emulation.py - Code for a processor that this one is not -----------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Makes libraries of what `quench build --emit llvm` writes. Instructions that this
processor lacks become functions that compute the same: `vpdpbusd`, of AVX512-VNNI and
AVX-VNNI, and those of AMX, see Inputs/tile_registers.c."""

import os
import re
import subprocess

import levels

TILES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs", "tile_registers.c")
# What `cpu` adds to a level, as LLVM and the manifest call it.
FEATURES = {"vnni": ["avx512vnni"], "avxvnni": ["avxvnni"], "amx": ["avx512vnni", "amx-int8", "amx-tile"]}
INTRINSICS = r"@llvm\.x86\.(?:avx512\.)?(vpdpbusd\.\d+|ldtilecfg|tile\w+|tdpb[su]{2}d)\("
# Defined where the code is, since what passes vectors depends on the processor. Bytes at
# even places of 16 bits and those at odd ones make products of their own.
VPDPBUSD = """
define internal <{n} x i32> @emulated_vpdpbusd.{bits}(<{n} x i32> %sums, <{bytes} x i8> %a, <{bytes} x i8> %b) alwaysinline nounwind {{
  %a16 = bitcast <{bytes} x i8> %a to <{pairs} x i16>
  %b16 = bitcast <{bytes} x i8> %b to <{pairs} x i16>
  %aodd = lshr <{pairs} x i16> %a16, splat (i16 8)
  %bodd = ashr <{pairs} x i16> %b16, splat (i16 8)
  %ahigh = shl <{pairs} x i16> %a16, splat (i16 8)
  %bhigh = shl <{pairs} x i16> %b16, splat (i16 8)
  %aeven = lshr <{pairs} x i16> %ahigh, splat (i16 8)
  %beven = ashr <{pairs} x i16> %bhigh, splat (i16 8)
  %odd = call <{n} x i32> @llvm.x86.{pmaddwd}(<{pairs} x i16> %aodd, <{pairs} x i16> %bodd)
  %even = call <{n} x i32> @llvm.x86.{pmaddwd}(<{pairs} x i16> %aeven, <{pairs} x i16> %beven)
  %both = add <{n} x i32> %odd, %even
  %result = add <{n} x i32> %sums, %both
  ret <{n} x i32> %result
}}
"""
PMADDWD = {"256": "avx2.pmadd.wd", "512": "avx512.pmaddw.d.512"}


def split(cpu):
    """The level of `cpu`, as --cpu takes it, and what it adds."""
    level, _, word = cpu.partition("+")
    return level, FEATURES.get(word, [])


def can_emulate(cpu):
    """Whether code for `cpu` runs here after emulate(), and not without."""
    level, features = split(cpu)
    return bool(features) and levels.can_run(level) and not levels.can_run(cpu)


def emulate(code, cpu):
    """`code` in LLVM IR for `cpu`, without the instructions that `cpu` adds to its level."""
    declared = set(re.findall(rf"^declare .*{INTRINSICS}", code, flags=re.MULTILINE))
    # Functions of a module have no immediate arguments.
    code = re.sub(rf"^declare .*{INTRINSICS}.*$", lambda line: re.sub(r" immarg|#\d+", "", line[0]), code, flags=re.MULTILINE)
    code = re.sub(INTRINSICS, r"@emulated_\1(", code)
    for name in sorted(name for name in declared if "." in name):
        bits = name.split(".")[1]
        code = re.sub(rf"^declare .*@emulated_{re.escape(name)}\(.*$", "", code, flags=re.MULTILINE)
        n = int(bits) // 32
        code += VPDPBUSD.format(n=n, pairs=2 * n, bytes=4 * n, bits=bits, pmaddwd=PMADDWD[bits])
        if f"declare <{n} x i32> @llvm.x86.{PMADDWD[bits]}(" not in code:
            code += f"declare <{n} x i32> @llvm.x86.{PMADDWD[bits]}(<{2 * n} x i16>, <{2 * n} x i16>)\n"
    _, features = split(cpu)
    names = "|".join(features)
    code = re.sub(rf'\+({names})(?=[",])', "-\\1", code)
    # The runtime asks for what the manifest names. Its length stays.
    return re.sub(rf"\\22({names})\\22,", lambda found: " " * (len(found[1]) + 3), code)


def make_library(clang, code, cpu, path, *flags):
    """A library of `code`, which is for `cpu`, that runs here. `flags` say how clang compiles it."""
    sources = [path + ".ll"]
    flags = [*flags, "-fPIC", "-Wno-override-module"]
    if can_emulate(cpu):
        code = emulate(code, cpu)
        sources.append(path + ".o")
        subprocess.run([clang, *flags, "-O2", f"-march={split(cpu)[0]}", "-c", TILES, "-o", sources[1]], check=True)
    with open(sources[0], "w") as stream:
        stream.write(code)
    subprocess.run([clang, *flags, "-shared", *sources, "-o", path], check=True)
    return path
