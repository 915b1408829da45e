//===- ModelBuilder.h - What the importers build models with ----*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_IMPORT_MODELBUILDER_H
#define QUENCH_IMPORT_MODELBUILDER_H

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Import/Config.h"
#include "Quench/Support/Archive.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <optional>
#include <string>

namespace quench {

/// A dotted name in a checkpoint: `Path("bert") / "encoder.layer" / 3`.
class Path {
public:
  Path() = default;
  Path(llvm::StringRef name) : name(name.str()) {}
  Path(const char *name) : name(name) {}

  Path operator/(llvm::StringRef part) const {
    return name.empty() ? Path(part) : Path((name + "." + part).str());
  }
  Path operator/(int64_t index) const { return *this / std::to_string(index); }
  llvm::StringRef str() const { return name; }

private:
  std::string name;
};

/// Activation functions by what they compute.
enum class Activation { GeluErf, GeluTanh, GeluSigmoid, Silu, Relu, Tanh };

/// What surrounds an argument of an entry point; see the documentation of the
/// dialect for the meaning.
struct ArgumentInfo {
  llvm::StringRef name;
  llvm::ArrayRef<llvm::StringRef> dims = {};
  llvm::StringRef role = "data";
  std::optional<int64_t> defaultValue = {};
  /// Values are in [0, `limit`).
  std::optional<int64_t> limit = {};
};

/// The ends that a clipped softmax stretches [0, 1] to.
struct StretchRange {
  double gamma, zeta;
};

/// What an attention layer sees.
struct AttentionInfo {
  double scale;
  MaskKind maskKind = MaskKind::Full;
  /// Keys in sight under a sliding mask.
  std::optional<int64_t> window = {};
  /// `[B, L]` of integers, zero for padding; may be null.
  mlir::Value mask = {};
  /// Where probabilities are stretched to before they are cut to [0, 1];
  /// absent, they are not.
  std::optional<StretchRange> stretch = {};
  /// What `quench.head_gate` multiplies the heads by, factor and gate; null:
  /// nothing.
  mlir::Value gate = {};
  double gateFactor = 1;
};

/// Builds the module of one checkpoint. Parameters are asked for by name and by
/// the shape that the configuration implies; every op that a name stands for
/// has the name as its location. A tensor that is missing or of another shape
/// is an error that is emitted at once and noted: building goes on with the
/// expected shape, and `failed()` tells in the end.
class ModelBuilder {
public:
  ModelBuilder(mlir::ModuleOp module, const Config &config,
               const Archive &archive, llvm::StringRef directory,
               mlir::FloatType elementType);

  const Config &config() const { return configuration; }
  /// The folder of the checkpoint.
  llvm::StringRef directory() const { return folder; }
  mlir::ModuleOp module() const { return moduleOp; }
  mlir::OpBuilder &builder() { return opBuilder; }
  mlir::FloatType elementType() const { return floatType; }
  bool failed() const { return hasFailed || configuration.failed(); }
  /// The class in `architectures`, one of `supported`; the first where the
  /// configuration names none. Another one is an error.
  llvm::StringRef getArchitecture(llvm::ArrayRef<llvm::StringRef> supported);
  /// Emits an error unless `value` is a multiple of `divisor`.
  void requireMultiple(llvm::StringRef key, int64_t value,
                       llvm::StringRef divisorKey, int64_t divisor);
  /// Emits an error about the checkpoint as a whole.
  mlir::InFlightDiagnostic emitError();

  //===--------------------------------------------------------------------===//
  // Parameters
  //===--------------------------------------------------------------------===//

  /// Whether the archive has the tensor.
  bool has(const Path &name) const { return archive.find(name.str()); }
  /// The size of the first dimension of a tensor that the configuration does
  /// not fix; 1 and an error when the tensor is missing or scalar.
  int64_t getRows(const Path &name);
  /// The first of `prefixes` under which the archive holds `name`; the first of
  /// all when none does, so that the error names what is usual.
  Path findPrefix(llvm::ArrayRef<llvm::StringRef> prefixes,
                  llvm::StringRef name) const;
  /// The parameter, cast to the element type of the model. Asked twice within
  /// an entry point, it is the same value. A weight that the checkpoint has in
  /// the form of sigmaReparam is the program of what the layer applies.
  mlir::Value param(const Path &name, llvm::ArrayRef<int64_t> shape);
  /// The parameter in f64, for arithmetic on it, and what came of that in the
  /// element type of the model.
  mlir::Value wideParam(const Path &name, llvm::ArrayRef<int64_t> shape);
  mlir::Value narrow(mlir::Value param);
  /// Views and pieces of parameters.
  mlir::Value slice(mlir::Value param, int64_t axis, int64_t begin,
                    int64_t end);
  mlir::Value transpose(mlir::Value matrix);
  mlir::Value reshape(mlir::Value param, llvm::ArrayRef<int64_t> shape);
  mlir::Value concat(mlir::ValueRange params, int64_t axis);
  /// Matrices along the diagonal of one that is zero elsewhere.
  mlir::Value blockDiagonal(mlir::ValueRange blocks);
  /// Tensors that need not be used: buffers, copies of tied weights. `pattern`
  /// is the end of a name.
  void ignore(llvm::StringRef pattern);
  /// Emits an error for the first tensor called `prefix`, or that and a dot and
  /// more, that no param used; `reason` follows its name.
  void rejectUnused(const Path &prefix, const llvm::Twine &reason);
  /// Warns of the tensors that no param used.
  void warnUnused();

  //===--------------------------------------------------------------------===//
  // Entry points
  //===--------------------------------------------------------------------===//

  /// Limits of a named dimension; no `high` is no limit.
  void setSymbol(llvm::StringRef name, int64_t low,
                 std::optional<int64_t> high = {});
  void beginEntry(llvm::StringRef name);
  mlir::Value addArgument(mlir::RankedTensorType type,
                          const ArgumentInfo &info);
  /// `state` names the argument whose new value the result is.
  void addResult(llvm::StringRef name, mlir::Value value,
                 llvm::ArrayRef<llvm::StringRef> dims,
                 llvm::StringRef state = "");
  void endEntry();

  /// Tells batch and sequence of the entry point: those of `tokens`
  /// `[B, T, ...]`.
  void setTokens(mlir::Value tokens);

  /// A tensor type of the element type of the model.
  mlir::RankedTensorType getType(llvm::ArrayRef<int64_t> shape) const;
  mlir::RankedTensorType getIndexType(llvm::ArrayRef<int64_t> shape) const;
  /// Sets the location of the ops that follow.
  mlir::Location at(const Path &path);

  //===--------------------------------------------------------------------===//
  // Layers
  //===--------------------------------------------------------------------===//

  /// `name.weight` `[out, in]` and, with `bias`, `name.bias`.
  mlir::Value linear(const Path &name, mlir::Value input, int64_t out,
                     bool bias = true);
  /// `name.weight` and `name.bias`, or what earlier releases called `gamma` and
  /// `beta`.
  mlir::Value layerNorm(const Path &name, mlir::Value input, double eps,
                        bool affine = true);
  mlir::Value rmsNorm(const Path &name, mlir::Value input, double eps);
  /// Rows of `name.weight`, `[count, width]`.
  mlir::Value embedding(const Path &name, mlir::Value ids, int64_t count,
                        int64_t width);
  /// A linear layer whose bias says how many outputs there are.
  mlir::Value classifier(const Path &name, mlir::Value input);
  /// Logits over the vocabulary by `table.weight` `[vocab, width]`, which is
  /// that of the embedding where the two are tied.
  mlir::Value languageHead(const Path &name, const Path &table,
                           mlir::Value input, int64_t vocab);
  /// Positions of the tokens `[B, T]`, counted from `start` (an i64) or zero.
  mlir::Value positions(mlir::Value ids, mlir::Value start = {},
                        int64_t offset = 0);
  mlir::Value activation(const Path &name, mlir::Value input,
                         Activation activation);
  /// The sum with the stream that bypassed a branch.
  mlir::Value residual(const Path &name, mlir::Value stream,
                       mlir::Value branch);
  mlir::Value add(const Path &name, mlir::Value lhs, mlir::Value rhs);
  /// Attention of heads `[B, T, H, D]`, gated if `info` says so, its result
  /// `[B, T, H * D]`.
  mlir::Value attention(const Path &name, mlir::Value query, mlir::Value key,
                        mlir::Value value, const AttentionInfo &info);
  /// The `index`-th token of `[B, T, C]` as `[B, C]`.
  mlir::Value token(const Path &name, mlir::Value input, int64_t index);
  /// `[B, T, heads * D]` as `[B, T, heads, D]` and back.
  mlir::Value splitHeads(mlir::Value input, int64_t heads);
  mlir::Value mergeHeads(mlir::Value input);

  /// The activation under `key`; an unknown one is an error.
  Activation getActivation(llvm::StringRef key, llvm::StringRef fallback);
  /// How a gate with this activation is spelled; emits an error at `key` when
  /// no gate has it.
  GateKind getGateKind(llvm::StringRef key, Activation activation);

private:
  mlir::Location getArchiveLoc() const;

  /// The parameter as the archive has it.
  mlir::Value readParam(const Path &name, llvm::ArrayRef<int64_t> shape);
  /// `param` with elements of type `element`.
  mlir::Value convert(mlir::Value param, mlir::Type element);
  /// `weight` of the layer `layer`, or where the archive has a spectral norm of
  /// the layer, `sigma / norm(weight) weight`, in f64.
  mlir::Value reparameterize(const Path &layer, mlir::Value weight);

  mlir::ModuleOp moduleOp;
  const Config &configuration;
  const Archive &archive;
  std::string folder;
  mlir::FloatType floatType;
  mlir::OpBuilder opBuilder;

  mlir::func::FuncOp entry;
  llvm::SmallVector<mlir::Value> results;
  /// Sizes of batch and sequence.
  llvm::SmallVector<mlir::OpFoldResult> tokenSizes;
  llvm::StringMap<mlir::Value> params;
  llvm::StringSet<> used;
  llvm::SmallVector<std::string> ignored;
  bool hasFailed = false;
};

} // namespace quench

#endif // QUENCH_IMPORT_MODELBUILDER_H
