#include "holdfast/server/metrics_text.h"

#include <cmath>
#include <cstdio>

namespace holdfast::server {
namespace {

using runtime::Labels;
using Kind = runtime::Metrics::Kind;

// Help texts escape backslash and newline; label values the quote as well.
std::string escaped(std::string_view text, bool quote) {
  std::string out;
  for (char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quote) {
      out += "\\\"";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string number(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  char text[40];
  std::snprintf(text, sizeof(text), v == std::floor(v) && std::abs(v) < 1e15 ? "%.0f" : "%.17g", v);
  if (v != std::floor(v)) {  // the shortest form that reads back as the same number
    for (int digits = 1; digits < 17; ++digits) {
      std::snprintf(text, sizeof(text), "%.*g", digits, v);
      if (std::strtod(text, nullptr) == v) break;
    }
  }
  return text;
}

void line(std::string& out, const std::string& name, const Labels& labels, const std::string& value,
          const std::pair<std::string, std::string>* extra = nullptr) {
  out += name;
  char separator = '{';
  const auto add = [&](const std::pair<std::string, std::string>& label) {
    out += separator + label.first + "=\"" + escaped(label.second, true) + '"';
    separator = ',';
  };
  for (const auto& label : labels) add(label);
  if (extra != nullptr) add(*extra);
  if (separator == ',') out += '}';
  out += ' ' + value + '\n';
}

void histogram(std::string& out, const std::string& name, const Labels& labels, const runtime::Histogram& h) {
  uint64_t cumulative = 0;
  for (size_t i = 0; i <= h.bounds().size(); ++i) {
    cumulative += h.bucket(i);
    const std::pair<std::string, std::string> le = {"le", i < h.bounds().size() ? number(h.bounds()[i]) : "+Inf"};
    line(out, name + "_bucket", labels, std::to_string(cumulative), &le);
  }
  line(out, name + "_sum", labels, number(h.sum()));
  line(out, name + "_count", labels, std::to_string(cumulative));
}

std::string_view type_of(Kind kind) {
  switch (kind) {
    case Kind::kCounter:
      return "counter";
    case Kind::kGauge:
      return "gauge";
    case Kind::kHistogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace

std::string render(const runtime::Metrics& metrics) {
  std::string out;
  for (const auto& [name, family] : metrics.families()) {
    out += "# HELP " + name + ' ' + escaped(family.help, false) + '\n';
    out += "# TYPE " + name + ' ';
    out += type_of(family.kind);
    out += '\n';
    for (const auto& [key, s] : family.series) {
      if (s.counter) line(out, name, s.labels, std::to_string(s.counter->value()));
      if (s.gauge) line(out, name, s.labels, std::to_string(s.gauge->value()));
      if (s.histogram) histogram(out, name, s.labels, *s.histogram);
      if (s.computed) line(out, name, s.labels, number(s.computed()));
    }
  }
  return out;
}

}  // namespace holdfast::server
