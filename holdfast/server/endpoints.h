// The HTTP endpoints beside gRPC: /health, /livez, /readyz, /version, /metrics, as etcd has them.
#pragma once

#include <functional>
#include <memory>

#include "holdfast/server/http1.h"
#include "holdfast/server/shared.h"

namespace holdfast::server {

// An answer under way; destroying it gives it up.
class PendingAnswer {
 public:
  virtual ~PendingAnswer() = default;
};

// Answers a GET or HEAD (others get 405): calls `done` once, either before it returns, and then returns null, or later.
// Health checks read through the member; the reads are bounded by its request timeout.
std::unique_ptr<PendingAnswer> answer_get(Shared& shared, const HttpRequest& request,
                                          std::function<void(HttpAnswer)> done);

}  // namespace holdfast::server
