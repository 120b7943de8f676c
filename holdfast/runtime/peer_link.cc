#include "holdfast/runtime/peer_link.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>

#include "holdfast/base/mark.h"

namespace holdfast::runtime {
namespace {

// What one write takes from the queue.
constexpr size_t kWriteBytes = size_t{1} << 20;
constexpr size_t kWriteParts = 64;

}  // namespace

PeerLink::PeerLink(asio::io_context& loop, const PeerConfig& config, PeerCounters& counters, NodeId to,
                   OnRefused on_refused)
    : loop_(loop),
      config_(config),
      counters_(counters),
      to_(to),
      on_refused_(std::move(on_refused)),
      retry_(loop),
      backoff_(RetryPolicy(Repeatable::kIdempotent)
                   .growing(config.backoff_min, config.backoff_max)
                   .spread(Jitter::kHalf),  // so that members that start together do not try together
               config.incarnation ^ to.value()) {}

bool PeerLink::connected() const { return attempt_ != nullptr && attempt_->welcomed; }

void PeerLink::set_urls(const std::vector<std::string>& urls) {
  if (urls == url_texts_) return;
  url_texts_ = urls;
  urls_.clear();
  next_url_ = 0;
  for (const std::string& text : urls) {
    StatusOr<Url> url = parse_peer_url(text);
    if (url.ok()) {
      urls_.push_back(*std::move(url));
    } else {
      spdlog::warn("peer.bad_url peer={:x} what=\"{}\"", to_.value(), std::string(url.status().message()));
    }
  }
  // A connection that stands is kept: it proved by its handshake that it leads to this member.
  if (!connected()) {
    drop_attempt();
    backoff_.succeeded();  // the failures were those of other addresses
    retry_after({});
  }
}

void PeerLink::send(Chain message) {
  if (message.size() > config_.max_frame_bytes) {
    mark<"peer.oversize_dropped">();
    say_dropped("message_too_large", message.size());
    return counters_.dropped.add();
  }
  if (!connected()) return counters_.dropped.add();
  if (queued_bytes_ + message.size() > config_.max_queue_bytes) {
    mark<"peer.queue_full">();
    say_dropped("queue_full", message.size());
    return counters_.dropped.add();
  }
  counters_.sent.add();
  queue_.push_back(frame(FrameKind::kMessage, message));
  queued_bytes_ += queue_.back().size();
  post_flush(attempt_);
}

void PeerLink::say_dropped(const char* why, size_t bytes) {
  ++dropped_unsaid_;
  const auto now = std::chrono::steady_clock::now();
  if (drops_said_ && now - *drops_said_ < std::chrono::minutes(1)) return;
  drops_said_ = now;
  spdlog::error("peer.message_dropped peer={:x} why={} bytes={} frame_limit={} queued={} queue_limit={} messages={}",
                to_.value(), why, bytes, config_.max_frame_bytes, queued_bytes_, config_.max_queue_bytes,
                std::exchange(dropped_unsaid_, 0));
}

void PeerLink::close() {
  if (closed_) return;
  closed_ = true;
  if (connected()) counters_.connected.add(-1);
  drop_attempt();
  retry_.cancel();
}

void PeerLink::drop_attempt() {
  if (attempt_ == nullptr) return;
  const AttemptPtr a = std::move(attempt_);
  attempt_.reset();
  asio::error_code ignored;
  a->socket.close(ignored);
  a->resolver.cancel();
  a->timer.cancel();
  queue_.clear();
  queued_bytes_ = 0;
}

void PeerLink::retry_after(Duration wait) {
  retry_.expires_after(to_chrono(wait));
  retry_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error && !self->closed_ && self->attempt_ == nullptr) self->connect();
  });
}

void PeerLink::connect() {
  if (urls_.empty()) return;
  const Url& url = urls_[next_url_++ % urls_.size()];
  auto a = std::make_shared<Attempt>(loop_);
  a->address = fmt::format("{}:{}", url.host, url.port);
  attempt_ = a;
  a->timer.expires_after(to_chrono(config_.connect_timeout));
  a->timer.async_wait([self = shared_from_this(), a](const asio::error_code& error) {
    if (!error && self->current(a)) self->fail(a, "no answer in time");
  });
  resolve(a->resolver, url, [self = shared_from_this(), a](const std::string& error, const auto& endpoints) {
    if (!self->current(a)) return;
    if (!error.empty()) return self->fail(a, error);
    self->connect_to(a, endpoints, 0);
  });
}

void PeerLink::connect_to(const AttemptPtr& a, std::vector<Tcp::endpoint> endpoints, size_t at) {
  const Tcp::endpoint to = endpoints[at];
  a->socket.async_connect(
      to, [self = shared_from_this(), a, endpoints = std::move(endpoints), at](const asio::error_code& error) mutable {
        if (!self->current(a)) return;
        if (!error) return self->greet(a);
        if (at + 1 == endpoints.size()) return self->fail(a, error.message());
        asio::error_code ignored;
        a->socket.close(ignored);
        self->connect_to(a, std::move(endpoints), at + 1);
      });
}

void PeerLink::greet(const AttemptPtr& a) {
  tune(a->socket, config_.ping_interval * config_.silent_pings * 2);
  Hello hello;
  hello.cluster = {config_.cluster_id};
  hello.sender = config_.self;
  hello.receiver = to_;
  hello.incarnation = {config_.incarnation};
  hello.peer_urls = config_.advertise_urls;
  hello.engine = config_.engine;
  Chain first(Slice::unowned(kPeerPreamble));
  first.push(control_frame(hello));
  queue_.clear();
  queue_.push_back(std::move(first));
  queued_bytes_ = queue_.back().size();
  flush(a);
  if (current(a)) read(a);
}

void PeerLink::read(const AttemptPtr& a) {
  const FrameReader::Space space = a->reader.space();
  a->socket.async_read_some(asio::buffer(space.data, space.size),
                            [self = shared_from_this(), a](const asio::error_code& error, size_t n) {
                              if (!self->current(a)) return;
                              if (error) return self->fail(a, error.message());
                              self->counters_.received_bytes.add(n);
                              a->reader.filled(n);
                              a->unanswered = 0;
                              while (true) {
                                auto next = a->reader.next();
                                if (!next.ok()) {
                                  self->counters_.malformed.add();
                                  return self->fail(a, std::string(next.status().message()));
                                }
                                if (!next->has_value()) break;
                                if (!self->handle(a, **next)) return;
                              }
                              self->read(a);
                            });
}

bool PeerLink::handle(const AttemptPtr& a, const Frame& frame) {
  const auto control = codec::decode<Control>(frame.body);
  if (frame.kind != FrameKind::kControl || !control.ok()) {
    // An unknown control message is a newer version's; what it may ignore it may also be spared.
    if (frame.kind == FrameKind::kControl && absl::IsUnimplemented(control.status())) return true;
    counters_.malformed.add();
    fail(a, "it sent what only the one that connects may send");
    return false;
  }
  if (const auto* welcome = std::get_if<Welcome>(&*control); welcome != nullptr && !a->welcomed) {
    welcomed(a, *welcome);
  } else if (const auto* no = std::get_if<Refused>(&*control)) {
    refused(a, *no);
  } else if (!std::holds_alternative<Pong>(*control)) {
    counters_.malformed.add();
    fail(a, "it sent a control message out of place");
  }
  return current(a);
}

void PeerLink::welcomed(const AttemptPtr& a, const Welcome& welcome) {
  if (welcome.version < kPeerMinVersion || welcome.version > kPeerMaxVersion) {
    return fail(a, fmt::format("it chose protocol version {}, which this program does not speak", welcome.version),
                config_.backoff_refused);
  }
  a->welcomed = true;
  backoff_.succeeded();
  last_trouble_.clear();
  counters_.connected.add(1);
  spdlog::info("peer.connected peer={:x} address={} version={}", to_.value(), a->address, welcome.version);
  tick(a);
}

void PeerLink::refused(const AttemptPtr& a, const Refused& refused) {
  mark<"peer.refused_by_peer">();
  fail(a, fmt::format("refused: {}", refused.text), config_.backoff_refused);
  on_refused_(to_, refused);
}

void PeerLink::tick(const AttemptPtr& a) {
  if (a->unanswered >= config_.silent_pings) {
    mark<"peer.silent">();
    return fail(a, fmt::format("silent for {} ms", (config_.ping_interval * config_.silent_pings).millis()));
  }
  ++a->unanswered;
  queue_.push_back(control_frame(Ping{++a->pings}));
  queued_bytes_ += queue_.back().size();
  flush(a);
  if (!current(a)) return;
  a->timer.expires_after(to_chrono(config_.ping_interval));
  a->timer.async_wait([self = shared_from_this(), a](const asio::error_code& error) {
    if (!error && self->current(a)) self->tick(a);
  });
}

// Everything that one turn of the loop sends goes out in one write.
void PeerLink::post_flush(const AttemptPtr& a) {
  if (a->writing || a->flush_posted) return;
  a->flush_posted = true;
  asio::post(loop_, [self = shared_from_this(), a] {
    a->flush_posted = false;
    if (self->current(a)) self->flush(a);
  });
}

void PeerLink::flush(const AttemptPtr& a) {
  if (a->writing || queue_.empty()) return;
  std::vector<asio::const_buffer> buffers;
  size_t bytes = 0;
  a->in_flight.clear();
  while (!queue_.empty() && bytes < kWriteBytes && buffers.size() < kWriteParts) {
    for (const Slice& part : queue_.front().parts()) buffers.emplace_back(part.data(), part.size());
    bytes += queue_.front().size();
    a->in_flight.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  a->writing = true;
  asio::async_write(a->socket, buffers, [self = shared_from_this(), a, bytes](const asio::error_code& error, size_t) {
    a->writing = false;
    a->in_flight.clear();
    if (!self->current(a)) return;
    if (error) return self->fail(a, error.message());
    self->queued_bytes_ -= bytes;
    self->counters_.sent_bytes.add(bytes);
    self->flush(a);
  });
}

void PeerLink::fail(const AttemptPtr& a, const std::string& why, Duration at_least) {
  const bool was_connected = a->welcomed;
  drop_attempt();
  if (was_connected) {
    counters_.connected.add(-1);
    spdlog::warn("peer.lost peer={:x} address={} why=\"{}\"", to_.value(), a->address, why);
  } else if (why != last_trouble_) {
    spdlog::warn("peer.unreachable peer={:x} address={} why=\"{}\"", to_.value(), a->address, why);
  }
  last_trouble_ = why;
  retry_after(backoff_.next_pause(at_least));
}

}  // namespace holdfast::runtime
