//===- Schedule.cpp - How kernels go through their operands ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Schedule.h"

#include "Quench/Codegen/CPU/CPUTarget.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/OutputFile.h"
#include "Quench/Support/SharedFile.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// KernelSchedule
//===----------------------------------------------------------------------===//

DictionaryAttr KernelSchedule::toAttr(MLIRContext *context) const {
  Builder builder(context);
  SmallVector<NamedAttribute> fields;
  if (part != 0)
    fields.push_back(
        builder.getNamedAttr("part", builder.getI64IntegerAttr(part)));
  fields.push_back(
      builder.getNamedAttr("rows", builder.getI64IntegerAttr(rows)));
  fields.push_back(
      builder.getNamedAttr("tiles", builder.getI64IntegerAttr(tiles)));
  return builder.getDictionaryAttr(fields);
}

KernelSchedule KernelSchedule::fromAttr(DictionaryAttr attr) {
  auto get = [&](StringRef name) -> int64_t {
    auto value = attr.getAs<IntegerAttr>(name);
    return value ? value.getInt() : 0;
  };
  return {get("rows"), get("tiles"), get("part")};
}

llvm::raw_ostream &quench::operator<<(llvm::raw_ostream &os,
                                      const KernelSchedule &schedule) {
  os << "rows " << schedule.rows << ", tiles " << schedule.tiles;
  if (schedule.part != 0)
    os << ", part " << schedule.part;
  return os;
}

//===----------------------------------------------------------------------===//
// ScheduleFile
//===----------------------------------------------------------------------===//

LLVM_YAML_IS_SEQUENCE_VECTOR(ScheduleFile::Entry)

namespace {
/// A file as it is written.
struct Contents {
  std::vector<ScheduleFile::Entry> schedules;
};
} // namespace

template <>
struct llvm::yaml::MappingTraits<ScheduleFile::Entry> {
  static void mapping(IO &io, ScheduleFile::Entry &entry) {
    io.mapRequired("kernel", entry.kernel);
    io.mapRequired("cpu", entry.cpu);
    io.mapRequired("rows", entry.schedule.rows);
    io.mapRequired("tiles", entry.schedule.tiles);
    io.mapOptional("part", entry.schedule.part, int64_t(0));
  }
  static std::string validate(IO &, ScheduleFile::Entry &entry) {
    ArrayRef<StringLiteral> levels = CPUTarget::getLevels();
    if (!llvm::is_contained(levels, entry.cpu))
      return "found cpu '" + entry.cpu + "', expected one of " +
             llvm::join(levels, ", ");
    return "";
  }
};

template <>
struct llvm::yaml::MappingTraits<Contents> {
  static void mapping(IO &io, Contents &contents) {
    io.mapRequired("schedules", contents.schedules);
  }
};

llvm::Expected<ScheduleFile> ScheduleFile::load(StringRef path) {
  Contents contents;
  if (llvm::Error error = readYaml(path, "schedules", contents))
    return error;
  llvm::StringSet<> known;
  for (const Entry &entry : contents.schedules)
    if (!known.insert(entry.kernel + " for " + entry.cpu).second)
      return makeError(path, ": found two schedules of ", entry.kernel, " for ",
                       entry.cpu, ", expected one");
  ScheduleFile file;
  file.entries = std::move(contents.schedules);
  return file;
}

llvm::Error ScheduleFile::write(StringRef path) const {
  auto file = OutputFile::create(path, /*force=*/true);
  if (!file)
    return file.takeError();
  Contents contents{entries};
  llvm::yaml::Output output((*file)->os(), /*Ctxt=*/nullptr, /*WrapColumn=*/0);
  output << contents;
  return (*file)->commit();
}

std::optional<KernelSchedule> ScheduleFile::find(StringRef kernel,
                                                 StringRef cpu) const {
  for (const Entry &entry : entries)
    if (entry.kernel == kernel && entry.cpu == cpu)
      return entry.schedule;
  return std::nullopt;
}
