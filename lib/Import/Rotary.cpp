//===- Rotary.cpp - Frequencies of rotary position embedding --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rotary.h"

#include <cmath>

using namespace quench;
using llvm::StringRef;

namespace {

/// The options of one rotary embedding.
class RotaryReader {
public:
  RotaryReader(const Config &config, int64_t headDim);
  RotaryTable read();

private:
  /// theta^(2i/d), d the size of the head.
  float getPeriod(int64_t i) const {
    float exponent = float(2 * i) / float(dim);
    return float(std::pow(theta, double(exponent)));
  }
  float getDefault(int64_t i) const { return 1 / getPeriod(i); }
  double getOriginalLength() const;
  void scaleLlama3(RotaryTable &table) const;
  void scaleYarn(RotaryTable &table) const;

  const Config &config;
  Config options;
  int64_t dim;
  double theta;
};

} // namespace

RotaryReader::RotaryReader(const Config &config, int64_t headDim)
    : config(config),
      options(config.getObject(config.has("rope_parameters") ? "rope_parameters"
                                                             : "rope_scaling")),
      dim(headDim) {
  const Config &place = options.has("rope_theta") ? options : config;
  theta = float(place.getNumber("rope_theta", 10000));
  config.require("partial_rotary_factor", 1);
  options.require("partial_rotary_factor", 1);
}

double RotaryReader::getOriginalLength() const {
  StringRef key = "original_max_position_embeddings";
  if (config.has(key))
    return config.getNumber(key);
  if (options.has(key))
    return options.getNumber(key);
  return config.getNumber("max_position_embeddings");
}

/// Long waves are stretched, short ones kept, those between blended.
void RotaryReader::scaleLlama3(RotaryTable &table) const {
  float factor = options.getNumber("factor");
  float low = options.getNumber("low_freq_factor");
  float high = options.getNumber("high_freq_factor");
  double length = getOriginalLength();
  for (double &entry : table.inverseFrequencies) {
    float frequency = entry;
    float wave = float(2 * M_PI) / frequency;
    if (wave > float(length / low)) {
      entry = frequency / factor;
    } else if (wave >= float(length / high)) {
      float smooth = (float(length) / wave - low) / (high - low);
      entry = (1 - smooth) * frequency / factor + smooth * frequency;
    }
  }
}

/// Blends interpolation and extrapolation by how often a wave turns within the
/// original length.
void RotaryReader::scaleYarn(RotaryTable &table) const {
  double length = getOriginalLength();
  double factor = options.has("factor")
                      ? options.getNumber("factor")
                      : config.getNumber("max_position_embeddings") / length;
  auto getScale = [](double scale, double weight) {
    return scale <= 1 ? 1.0 : 0.1 * weight * std::log(scale) + 1;
  };
  table.attentionFactor = getScale(factor, 1);
  if (options.has("attention_factor"))
    table.attentionFactor = options.getNumber("attention_factor");
  else if (options.has("mscale") && options.has("mscale_all_dim"))
    table.attentionFactor =
        getScale(factor, options.getNumber("mscale")) /
        getScale(factor, options.getNumber("mscale_all_dim"));

  auto getDimension = [&](double turns) {
    return dim * std::log(length / (turns * 2 * M_PI)) / (2 * std::log(theta));
  };
  double low = getDimension(options.getNumber("beta_fast", 32));
  double high = getDimension(options.getNumber("beta_slow", 1));
  if (options.getBool("truncate", true)) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, double(dim - 1));
  if (low == high)
    high += 0.001;
  for (auto [i, entry] : llvm::enumerate(table.inverseFrequencies)) {
    float ramp = (float(i) - float(low)) / float(high - low);
    float kept = 1 - std::clamp(ramp, 0.0f, 1.0f);
    float stretched = 1 / (float(factor) * getPeriod(i));
    entry = stretched * (1 - kept) + getDefault(i) * kept;
  }
}

RotaryTable RotaryReader::read() {
  RotaryTable table;
  for (int64_t i = 0; i != dim / 2; ++i)
    table.inverseFrequencies.push_back(getDefault(i));
  StringRef key = options.has("rope_type") ? "rope_type" : "type";
  StringRef type = options.getString(key, "default");
  if (type == "linear") {
    float factor = options.getNumber("factor");
    for (double &entry : table.inverseFrequencies)
      entry = float(entry) / factor;
  } else if (type == "llama3") {
    scaleLlama3(table);
  } else if (type == "yarn") {
    scaleYarn(table);
  } else if (type == "dynamic" || type == "longrope") {
    options.emitError(key)
        << "rotary embedding '" << type
        << "' is not supported: its frequencies depend on the length of the "
           "sequence; expected default, linear, llama3 or yarn";
  } else if (type != "default") {
    options.emitError(key) << "rotary embedding '" << type
                           << "' is not supported, expected default, linear, "
                              "llama3 or yarn";
  }
  return table;
}

RotaryTable quench::readRotaryTable(const Config &config, int64_t headDim) {
  return RotaryReader(config, headDim).read();
}
