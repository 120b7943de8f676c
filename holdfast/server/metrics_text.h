// The metrics of a registry in the text format of Prometheus (exposition format 0.0.4).
#pragma once

#include <string>

#include "holdfast/runtime/metrics.h"

namespace holdfast::server {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

std::string render(const runtime::Metrics& metrics);

}  // namespace holdfast::server
