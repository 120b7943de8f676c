// An HTTP/1.1 connection: one request after the other.
#pragma once

#include <functional>
#include <memory>

#include "holdfast/server/endpoints.h"
#include "holdfast/server/http1.h"
#include "holdfast/server/protocol.h"
#include "holdfast/server/shared.h"

namespace holdfast::server {

class Http1 : public Protocol {
 public:
  Http1(Shared& shared, std::function<void()> wake) : shared_(shared), wake_(std::move(wake)) {}

  bool receive(std::string_view bytes) override;
  void produce(Output& out, size_t until) override;
  bool finished() const override { return last_ && ready_.empty() && !answering_; }
  void go_away() override { last_ = true; }
  bool drained() const override { return ready_.empty(); }
  bool on_end() override {
    last_ = last_ || answering_;
    return answering_ || !ready_.empty();
  }
  bool check_time(Time now, Time last_received) override;
  bool settled() const override { return settled_; }

 private:
  void serve_next();
  void answer(const HttpAnswer& answer, const HttpRequest& request);

  Shared& shared_;
  std::function<void()> wake_;
  HttpReader reader_;
  std::string ready_;
  std::unique_ptr<PendingAnswer> pending_;
  bool answering_ = false;
  bool last_ = false;  // after the present answer
  bool settled_ = false;
};

}  // namespace holdfast::server
