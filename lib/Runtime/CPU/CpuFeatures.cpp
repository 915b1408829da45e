//===- CpuFeatures.cpp - Features of this CPU -----------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace quench::rt;

#if defined(__x86_64__)
namespace {
enum Register { EAX, EBX, ECX, EDX };

/// What the system must save at a switch of threads, as bits of XCR0.
enum State : uint32_t {
  None = 0,
  AVX = 0x6,
  AVX512 = 0xe6,
  AMX = 0x60000,
};

struct Feature {
  absl::string_view name;
  uint32_t leaf, subleaf;
  Register reg;
  int bit;
  State state;
};
} // namespace

static constexpr Feature kFeatures[] = {
    {"64bit", 0x80000001, 0, EDX, 29, None},
    {"adx", 7, 0, EBX, 19, None},
    {"aes", 1, 0, ECX, 25, None},
    {"amx-bf16", 7, 0, EDX, 22, AMX},
    {"amx-complex", 7, 1, EDX, 8, AMX},
    {"amx-fp16", 7, 1, EAX, 21, AMX},
    {"amx-int8", 7, 0, EDX, 25, AMX},
    {"amx-tile", 7, 0, EDX, 24, AMX},
    {"avx", 1, 0, ECX, 28, AVX},
    {"avx2", 7, 0, EBX, 5, AVX},
    {"avx512bf16", 7, 1, EAX, 5, AVX512},
    {"avx512bitalg", 7, 0, ECX, 12, AVX512},
    {"avx512bw", 7, 0, EBX, 30, AVX512},
    {"avx512cd", 7, 0, EBX, 28, AVX512},
    {"avx512dq", 7, 0, EBX, 17, AVX512},
    {"avx512f", 7, 0, EBX, 16, AVX512},
    {"avx512fp16", 7, 0, EDX, 23, AVX512},
    {"avx512ifma", 7, 0, EBX, 21, AVX512},
    {"avx512vbmi", 7, 0, ECX, 1, AVX512},
    {"avx512vbmi2", 7, 0, ECX, 6, AVX512},
    {"avx512vl", 7, 0, EBX, 31, AVX512},
    {"avx512vnni", 7, 0, ECX, 11, AVX512},
    {"avx512vp2intersect", 7, 0, EDX, 8, AVX512},
    {"avx512vpopcntdq", 7, 0, ECX, 14, AVX512},
    {"avxifma", 7, 1, EAX, 23, AVX},
    {"avxneconvert", 7, 1, EDX, 5, AVX},
    {"avxvnni", 7, 1, EAX, 4, AVX},
    {"avxvnniint16", 7, 1, EDX, 10, AVX},
    {"avxvnniint8", 7, 1, EDX, 4, AVX},
    {"bmi", 7, 0, EBX, 3, None},
    {"bmi2", 7, 0, EBX, 8, None},
    {"cldemote", 7, 0, ECX, 25, None},
    {"clflushopt", 7, 0, EBX, 23, None},
    {"clwb", 7, 0, EBX, 24, None},
    {"clzero", 0x80000008, 0, EBX, 0, None},
    {"cmov", 1, 0, EDX, 15, None},
    {"cmpccxadd", 7, 1, EAX, 7, None},
    {"crc32", 1, 0, ECX, 20, None},
    {"cx16", 1, 0, ECX, 13, None},
    {"cx8", 1, 0, EDX, 8, None},
    {"enqcmd", 7, 0, ECX, 29, None},
    {"f16c", 1, 0, ECX, 29, AVX},
    {"fma", 1, 0, ECX, 12, AVX},
    {"fma4", 0x80000001, 0, ECX, 16, AVX},
    {"fsgsbase", 7, 0, EBX, 0, None},
    {"fxsr", 1, 0, EDX, 24, None},
    {"gfni", 7, 0, ECX, 8, None},
    {"hreset", 7, 1, EAX, 22, None},
    {"invpcid", 7, 0, EBX, 10, None},
    {"lwp", 0x80000001, 0, ECX, 15, None},
    {"lzcnt", 0x80000001, 0, ECX, 5, None},
    {"mmx", 1, 0, EDX, 23, None},
    {"movbe", 1, 0, ECX, 22, None},
    {"movdir64b", 7, 0, ECX, 28, None},
    {"movdiri", 7, 0, ECX, 27, None},
    {"mwaitx", 0x80000001, 0, ECX, 29, None},
    {"pclmul", 1, 0, ECX, 1, None},
    {"pku", 7, 0, ECX, 4, None},
    {"popcnt", 1, 0, ECX, 23, None},
    {"prefetchi", 7, 1, EDX, 14, None},
    {"prfchw", 0x80000001, 0, ECX, 8, None},
    {"rdpid", 7, 0, ECX, 22, None},
    {"rdpru", 0x80000008, 0, EBX, 4, None},
    {"rdrnd", 1, 0, ECX, 30, None},
    {"rdseed", 7, 0, EBX, 18, None},
    {"rtm", 7, 0, EBX, 11, None},
    {"sahf", 0x80000001, 0, ECX, 0, None},
    {"serialize", 7, 0, EDX, 14, None},
    {"sha", 7, 0, EBX, 29, None},
    {"sha512", 7, 1, EAX, 0, AVX},
    {"shstk", 7, 0, ECX, 7, None},
    {"sm3", 7, 1, EAX, 1, AVX},
    {"sm4", 7, 1, EAX, 2, AVX},
    {"sse", 1, 0, EDX, 25, None},
    {"sse2", 1, 0, EDX, 26, None},
    {"sse3", 1, 0, ECX, 0, None},
    {"sse4.1", 1, 0, ECX, 19, None},
    {"sse4.2", 1, 0, ECX, 20, None},
    {"sse4a", 0x80000001, 0, ECX, 6, None},
    {"ssse3", 1, 0, ECX, 9, None},
    {"tbm", 0x80000001, 0, ECX, 21, None},
    {"uintr", 7, 0, EDX, 5, None},
    {"vaes", 7, 0, ECX, 9, AVX},
    {"vpclmulqdq", 7, 0, ECX, 10, AVX},
    {"waitpkg", 7, 0, ECX, 5, None},
    {"wbnoinvd", 0x80000008, 0, EBX, 9, None},
    {"x87", 1, 0, EDX, 0, None},
    {"xop", 0x80000001, 0, ECX, 11, AVX},
    {"xsave", 1, 0, ECX, 26, None},
    {"xsavec", 0xd, 1, EAX, 1, None},
    {"xsaveopt", 0xd, 1, EAX, 0, None},
    {"xsaves", 0xd, 1, EAX, 3, None},
};

static bool readRegister(const Feature &feature, uint32_t &value) {
  uint32_t regs[4];
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &regs[EAX], &regs[EBX],
                         &regs[ECX], &regs[EDX]))
    return false;
  value = regs[feature.reg];
  return true;
}

/// The states that the system saves: XCR0, zero where it cannot be read.
static uint32_t savedStates() {
  constexpr uint32_t osxsave = 1u << 27;
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & osxsave))
    return 0;
  asm("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
  return eax;
}

bool quench::rt::hasCpuFeature(absl::string_view name) {
  for (const Feature &feature : kFeatures) {
    if (feature.name != name)
      continue;
    uint32_t value;
    return readRegister(feature, value) && ((value >> feature.bit) & 1) &&
           (savedStates() & feature.state) == feature.state;
  }
  return false;
}

/// Asks the system to let this process, all its threads, use tile registers,
/// which it does not save for those that did not ask. Returns 0 or an errno.
static int requestTiles() {
  // <asm/prctl.h> of older systems lacks the names.
  constexpr long requestPermission = 0x1023; // ARCH_REQ_XCOMP_PERM
  constexpr long tileData = 18;              // The bit of XCR0.
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0 ? 0 : errno;
}
#else
bool quench::rt::hasCpuFeature(absl::string_view name) { return false; }

static int requestTiles() { return ENOSYS; }
#endif

Status quench::rt::enableCpuFeatures(const std::vector<std::string> &features,
                                     absl::string_view builtFor) {
  std::vector<absl::string_view> missing;
  for (const std::string &feature : features)
    if (!hasCpuFeature(feature))
      missing.push_back(feature);
  if (!missing.empty())
    return failure(absl::StrCat("this CPU lacks ", absl::StrJoin(missing, ", "),
                                ", which the model was built for (", builtFor,
                                ")"));
  if (std::count(features.begin(), features.end(), "amx-tile") == 0)
    return Status();
  if (int error = requestTiles()) {
    errno = error;
    return systemFailure(
        absl::StrCat("the system refuses this process tile registers "
                     "(amx-tile), which the model was built for (",
                     builtFor, ")"));
  }
  return Status();
}
