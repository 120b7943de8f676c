// A core that keeps nothing stable, in the real world, over datagrams: pump, timer and transport on one event loop.
//
// Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "holdfast/host/pump.h"
#include "holdfast/runtime/clock.h"
#include "holdfast/runtime/datagram_transport.h"
#include "holdfast/runtime/sockets.h"

namespace holdfast::runtime {

template <class Core>
class DatagramHost final : DatagramTransport::Owner {
 public:
  using Out = typename Core::Out;
  using Event = typename Out::Event;

  class Owner {
   public:
    virtual ~Owner() = default;
    // May not step the core from within.
    virtual void on_event(Event event) = 0;
    virtual void on_datagram_refused(const Udp::endpoint& from, const Status& why) = 0;
    virtual void on_contested() {}
  };

  DatagramHost(asio::io_context& loop, Core& core, Owner& owner)
      : loop_(loop), core_(core), owner_(owner), pump_(core, platform_), timer_(loop) {}
  ~DatagramHost() override { close(); }

  // Errors are those of DatagramTransport::open.
  Status listen(DatagramConfig config) {
    auto opened = DatagramTransport::open(loop_, std::move(config), *this);
    if (!opened.ok()) return opened.status();
    transport_ = *std::move(opened);
    return absl::OkStatus();
  }
  void start() {
    pump_.start(now());
    arm();
  }
  // An input of the core's own kind: step([&](Core& core, Time now, Out& out) { ... }).
  template <class Step>
  void step(Step&& step) {
    const Time t = now();
    pump_.step([&](Out& out) { step(core_, t, out); });
    arm();
  }
  void close() {
    if (transport_ != nullptr) transport_->close();
    timer_.cancel();
    *alive_ = false;
  }
  DatagramTransport& transport() { return *transport_; }

 private:
  struct Platform {
    DatagramHost& host;
    void append(StableSeq, Chain) { ensure(false, "a core over datagrams keeps nothing stable"); }
    void release(StableSeq) {}
    void transmit(NodeId to, Chain message) { host.outgoing_.emplace_back(to, std::move(message)); }
    void raise(Event event) { host.owner_.on_event(std::move(event)); }
    void blob(BlobRequest) { ensure(false, "a core over datagrams keeps no blobs"); }
  };

  void on_datagram(NodeId from, Slice payload) override {
    // Unknown messages are of a newer version, malformed ones of nobody; both are passed over.
    pump_.on_message(now(), from, std::move(payload));
    arm();
  }
  void on_datagram_refused(const Udp::endpoint& from, const Status& why) override {
    owner_.on_datagram_refused(from, why);
  }
  void on_contested() override { owner_.on_contested(); }
  // The owner has heard of new members, and named their addresses, before anything is sent to them.
  void flush() {
    for (const auto& [to, message] : std::exchange(outgoing_, {})) transport_->send(to, message);
  }
  void arm() {
    flush();
    const Time deadline = pump_.deadline();
    if (deadline == armed_for_) return;
    armed_for_ = deadline;
    if (deadline == Time::never()) {
      timer_.cancel();
      return;
    }
    timer_.expires_after(to_chrono(std::max(deadline - now(), Duration())));
    timer_.async_wait([this, alive = alive_](const asio::error_code& error) {
      if (error || !*alive) return;
      armed_for_ = Time::never();
      pump_.on_time(now());
      arm();
    });
  }

  asio::io_context& loop_;
  Core& core_;
  Owner& owner_;
  Platform platform_{*this};
  host::Pump<Core, Platform> pump_;
  asio::steady_timer timer_;
  Time armed_for_ = Time::never();
  std::vector<std::pair<NodeId, Chain>> outgoing_;  // of the present step
  std::unique_ptr<DatagramTransport> transport_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace holdfast::runtime
