// What Prometheus' clients tell of every process: processor time, memory, descriptors, start.
#pragma once

#include "holdfast/runtime/metrics.h"

namespace holdfast::server {

void add_process_metrics(runtime::Metrics& metrics);

}  // namespace holdfast::server
