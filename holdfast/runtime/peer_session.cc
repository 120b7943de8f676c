#include "holdfast/runtime/peer_session.h"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <asio/buffer.hpp>
#include <asio/write.hpp>

#include "holdfast/base/mark.h"

namespace holdfast::runtime {
namespace {

// Answers that wait because the other side does not read; a member reads them at once.
constexpr size_t kMaxReplies = 64;

// The version both sides speak, none when there is none.
std::optional<uint32_t> common_version(uint32_t their_min, uint32_t their_max) {
  const uint32_t version = std::min(their_max, kPeerMaxVersion);
  if (version < std::max(their_min, kPeerMinVersion)) return std::nullopt;
  return version;
}

Refused version_refusal(uint32_t their_min, uint32_t their_max) {
  return {static_cast<uint32_t>(Refusal::kVersion),
          fmt::format("no common protocol version: you speak {} to {}, I speak {} to {}; upgrade the older member",
                      their_min, their_max, kPeerMinVersion, kPeerMaxVersion)};
}

}  // namespace

PeerSession::PeerSession(asio::io_context& loop, Tcp::socket socket, const PeerConfig& config, PeerCounters& counters,
                         Host& host)
    : socket_(std::move(socket)),
      timer_(loop),
      config_(config),
      counters_(counters),
      host_(host),
      reader_(kControlFrameBytes, true),
      address_(address_of(socket_)) {}

void PeerSession::start() {
  counters_.sessions.add(1);
  tune(socket_, config_.ping_interval * config_.silent_pings * 2);
  timer_.expires_after(to_chrono(config_.connect_timeout));
  timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error && !self->closed_) self->end("no handshake in time");
  });
  read();
}

void PeerSession::close() {
  if (closed_) return;
  closed_ = true;
  counters_.sessions.add(-1);
  asio::error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
}

void PeerSession::end(const std::string& why) {
  if (closed_) return;
  if (sender_ != NodeId{}) {
    spdlog::info("peer.session_ended peer={:x} address={} why=\"{}\"", sender_.value(), address_, why);
  } else {
    spdlog::debug("peer.session_ended address={} why=\"{}\"", address_, why);
  }
  const auto self = shared_from_this();
  close();
  host_.ended(self);
}

void PeerSession::resume() {
  if (!reading_ && !closed_ && !ending_) read();
}

void PeerSession::read() {
  if (sender_ != NodeId{} && host_.paused()) return;
  const FrameReader::Space space = reader_.space();
  reading_ = true;
  socket_.async_read_some(asio::buffer(space.data, space.size),
                          [self = shared_from_this()](const asio::error_code& error, size_t n) {
                            self->reading_ = false;
                            if (self->closed_ || self->ending_) return;
                            if (error) return self->end(error.message());
                            self->on_bytes(n);
                          });
}

void PeerSession::on_bytes(size_t n) {
  counters_.received_bytes.add(n);
  reader_.filled(n);
  silent_ticks_ = 0;
  while (!closed_ && !ending_) {
    auto next = reader_.next();
    if (!next.ok()) {
      counters_.malformed.add();
      mark<"peer.malformed_stream">();
      spdlog::warn("peer.malformed peer={:x} address={} what=\"{}\"", sender_.value(), address_,
                   std::string(next.status().message()));
      return end("malformed");
    }
    if (!next->has_value()) return read();
    if (!handle(**next)) return;
  }
}

// False: nothing more is to be read.
bool PeerSession::handle(const Frame& frame) {
  if (frame.kind == FrameKind::kMessage) {
    if (sender_ == NodeId{}) {
      counters_.malformed.add();
      end("a message before the handshake");
      return false;
    }
    counters_.received.add();
    if (host_.deliver(sender_, frame.body)) return !closed_;
    counters_.malformed.add();
    mark<"peer.malformed_message">();
    spdlog::warn("peer.malformed peer={:x} address={} what=\"a message that cannot be read\"", sender_.value(),
                 address_);
    end("malformed");
    return false;
  }
  const auto control = codec::decode<Control>(frame.body);
  if (control.ok()) return handle_control(*control);
  // A control message of a newer version may be ignored once both have agreed on this one.
  if (absl::IsUnimplemented(control.status()) && sender_ != NodeId{}) return true;
  counters_.malformed.add();
  spdlog::warn("peer.malformed peer={:x} address={} what=\"{}\"", sender_.value(), address_,
               std::string(control.status().message()));
  end("malformed");
  return false;
}

bool PeerSession::handle_control(const Control& control) {
  if (sender_ == NodeId{}) {
    if (const auto* hello = std::get_if<Hello>(&control)) return greet(*hello);
    if (const auto* request = std::get_if<MembersRequest>(&control)) return answer_members(*request);
  } else if (const auto* ping = std::get_if<Ping>(&control)) {
    reply(Pong{ping->number});
    return !closed_;
  }
  counters_.malformed.add();
  end("a control message out of place");
  return false;
}

bool PeerSession::greet(const Hello& hello) {
  const auto version = common_version(hello.min_version, hello.max_version);
  std::optional<Refused> no;
  if (!version.has_value()) {
    no = version_refusal(hello.min_version, hello.max_version);
  } else {
    no = host_.admit(hello, shared_from_this());
  }
  if (no.has_value()) {
    refuse(*no);
    return false;
  }
  sender_ = hello.sender;
  incarnation_ = hello.incarnation.value;
  reader_.set_max_body_bytes(config_.max_frame_bytes);
  spdlog::info("peer.accepted peer={:x} address={} version={} incarnation={}", sender_.value(), address_, *version,
               incarnation_);
  reply(Welcome{*version, {config_.incarnation}});
  tick();
  return !closed_;
}

bool PeerSession::answer_members(const MembersRequest& request) {
  if (!common_version(request.min_version, request.max_version).has_value()) {
    refuse(version_refusal(request.min_version, request.max_version));
  } else {
    if (engine_said(request.engine) != engine_said(config_.engine)) {
      spdlog::warn("peer.other_engine address={} theirs={} mine={} what=\"it asked for the members and is told\"",
                   address_, engine_said(request.engine), engine_said(config_.engine));
    }
    reply(host_.members(), /*then_end=*/true);
  }
  return false;
}

void PeerSession::refuse(const Refused& refused) {
  counters_.refused.add();
  mark<"peer.refused">();
  spdlog::warn("peer.refused address={} why=\"{}\"", address_, refused.text);
  reply(refused, /*then_end=*/true);
}

void PeerSession::reply(const Control& control, bool then_end) {
  if (replies_.size() >= kMaxReplies) {
    counters_.malformed.add();
    return end("it does not read its answers");
  }
  replies_.push_back(control_frame(control));
  ending_ = ending_ || then_end;
  if (!writing_) write();
}

void PeerSession::write() {
  writing_ = true;
  std::vector<asio::const_buffer> buffers;
  for (const Slice& part : replies_.front().parts()) buffers.emplace_back(part.data(), part.size());
  asio::async_write(socket_, buffers, [self = shared_from_this()](const asio::error_code& error, size_t n) {
    self->writing_ = false;
    if (self->closed_) return;
    if (error) return self->end(error.message());
    self->counters_.sent_bytes.add(n);
    self->replies_.pop_front();
    if (!self->replies_.empty()) return self->write();
    if (self->ending_) self->end("answered");
  });
}

// The other side pings; a connection on which nothing arrives for twice as long as it would wait itself is dead.
void PeerSession::tick() {
  if (silent_ticks_ >= 2 * config_.silent_pings && !host_.paused()) {
    mark<"peer.session_silent">();
    return end("silent");
  }
  ++silent_ticks_;
  timer_.expires_after(to_chrono(config_.ping_interval));
  timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error && !self->closed_) self->tick();
  });
}

}  // namespace holdfast::runtime
