#include "holdfast/consensus/pbft/client.h"

#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"

namespace holdfast::pbft {

namespace {
constexpr size_t kMostReadings = 10'000;
// Between two repetitions, in times of the first: only a few bundles are under way, so repeating them costs little.
constexpr int64_t kLongestWait = 4;
}  // namespace

Status Client::submit(uint64_t token, Slice operation) {
  if (operation.size() > config_.max_request_bytes) {
    return absl::InvalidArgumentError("the operation is larger than any request may be");
  }
  if (queue_.size() >= config_.max_queued) {
    return absl::ResourceExhaustedError("too many operations wait for the group; try again later");
  }
  queue_.push_back({token, std::move(operation), RequestKind::kOperations});
  return absl::OkStatus();
}

Status Client::reconfigure(uint64_t token, const SignedChange& change) {
  queue_.push_back({token, codec::encode_flat(change), RequestKind::kReconfigure});
  return absl::OkStatus();
}

Status Client::read(Time now, uint64_t token, Slice operation, Out& out) {
  if (operation.size() > config_.max_request_bytes) {
    return absl::InvalidArgumentError("the operation is larger than any request may be");
  }
  if (readings_.size() >= kMostReadings) return submit(token, std::move(operation));
  const uint64_t sequence = next_read_++;
  broadcast(AskRead{{config_.self, config_.incarnation, sequence}, operation}, out);
  readings_.emplace(sequence, Reading{token, std::move(operation), now + config_.retry, {}});
  return absl::OkStatus();
}

void Client::configure(Time now, const Configuration& configuration, Out&) {
  if (configuration.epoch <= group_.epoch()) return;
  group_ = Group(configuration);
  for (auto& [sequence, bundle] : bundles_) {
    bundle.said.clear();
    bundle.retry = now;
  }
  for (auto& [sequence, reading] : readings_) {
    reading.said.clear();  // what members of the old group said is no answer of the new one
    reading.until = now;
  }
}

bool Client::can_send() const {
  return !queue_.empty() && bundles_.size() < config_.in_flight && next_ - floor() < config_.window;
}

void Client::make_bundle(Time now, Out& out) {
  Request request{.id = {config_.self, config_.incarnation, next_}, .floor = floor(), .kind = queue_.front().kind};
  Bundle bundle{.retry = now + config_.retry, .wait = config_.retry};
  size_t bytes = 0;
  while (!queue_.empty() && request.operations.size() < config_.max_request_operations &&
         queue_.front().kind == request.kind &&
         (request.operations.empty() || bytes + queue_.front().operation.size() <= config_.max_request_bytes)) {
    bytes += queue_.front().operation.size();
    bundle.tokens.push_back(queue_.front().token);
    request.operations.push_back(std::move(queue_.front().operation));
    queue_.pop_front();
    if (request.kind == RequestKind::kReconfigure) break;
  }
  bundle.request = {request, authority_.sign(text_of(config_.cluster, request))};
  // To all: who has it from the client itself need not check the signature, and watches over the primary.
  broadcast(Submit{bundle.request}, out);
  bundles_.emplace(next_++, std::move(bundle));
}

void Client::broadcast(const Message& message, Out& out) {
  const Envelope envelope(message);
  for (const Peer& p : group_.members()) {
    out.send(p.id, envelope.seal(config_.cluster, config_.self, p.id, p.key, authority_));
  }
}

void Client::on_message(Time now, NodeId from, const Packet& packet, Out& out) {
  const PublicKey* key = group_.member_key(from);
  if (key == nullptr) return;
  const StatusOr<Message> message = open(packet, config_.cluster, from, *key, config_.self, authority_);
  if (!message.ok()) return mark<"pbft.client_packet_refused">();
  const auto* reply = std::get_if<Reply>(&*message);
  if (reply == nullptr || reply->id.client != config_.self || reply->id.incarnation != config_.incarnation) return;
  if (reply->read) {
    on_read_reply(from, *reply, out);
  } else {
    on_reply(now, from, *reply, out);
  }
}

void Client::on_reply(Time now, NodeId from, const Reply& reply, Out& out) {
  const auto at = bundles_.find(reply.id.sequence);
  if (at == bundles_.end()) return;
  Bundle& bundle = at->second;
  if (bundle.said.empty()) {
    // It is executed: other answers are late or lost, and asking for them need not wait long.
    bundle.wait = config_.retry;
    bundle.retry = std::min(bundle.retry, now + bundle.wait);
  }
  bundle.said[from] = reply.digest;
  if (reply.results && reply.results->size() == bundle.tokens.size() &&
      digest_of_results(reply.id, *reply.results) == reply.digest) {
    bundle.results[reply.digest] = *reply.results;
  }
  std::erase_if(bundle.results, [&](const auto& r) {
    return std::none_of(bundle.said.begin(), bundle.said.end(), [&](const auto& s) { return s.second == r.first; });
  });
  for (const auto& [digest, results] : bundle.results) {
    const auto agree =
        std::count_if(bundle.said.begin(), bundle.said.end(), [d = &digest](const auto& s) { return s.second == *d; });
    if (static_cast<size_t>(agree) <= group_.faulty()) continue;
    for (size_t i = 0; i < bundle.tokens.size(); ++i) out.raise(Answered{bundle.tokens[i], results[i]});
    bundles_.erase(at);
    return;
  }
  // Enough agree, but who was to say the whole result keeps silent: ask all, soon.
  const auto agree =
      std::count_if(bundle.said.begin(), bundle.said.end(), [&](const auto& s) { return s.second == reply.digest; });
  if (static_cast<size_t>(agree) > group_.faulty()) bundle.retry = std::min(bundle.retry, now + config_.retry / 8);
}

void Client::on_read_reply(NodeId from, const Reply& reply, Out& out) {
  const auto at = readings_.find(reply.id.sequence);
  if (at == readings_.end() || !reply.results || reply.results->size() != 1) return;
  if (digest_of_results(reply.id, *reply.results) != reply.digest) return;
  auto& said = at->second.said;
  if (!said.emplace(from, std::pair(reply.digest, (*reply.results)[0])).second) return;
  const auto agree =
      std::count_if(said.begin(), said.end(), [&](const auto& s) { return s.second.first == reply.digest; });
  if (static_cast<size_t>(agree) >= group_.quorum()) {
    out.raise(Answered{at->second.token, (*reply.results)[0]});
    readings_.erase(at);
    return;
  }
  size_t most = 0;
  for (const auto& [id, s] : said) {
    most = std::max(most, static_cast<size_t>(std::count_if(said.begin(), said.end(), [d = &s.first](const auto& o) {
                      return o.second.first == *d;
                    })));
  }
  if (most + (group_.size() - said.size()) < group_.quorum()) order_instead(at);
}

void Client::order_instead(std::map<uint64_t, Reading>::iterator reading) {
  mark<"pbft.read_ordered">();
  queue_.push_back({reading->second.token, std::move(reading->second.operation), RequestKind::kOperations});
  readings_.erase(reading);
}

void Client::on_time(Time now, Out& out) {
  for (auto at = readings_.begin(); at != readings_.end();) {
    const auto here = at++;
    if (now >= here->second.until) order_instead(here);
  }
  for (auto& [sequence, bundle] : bundles_) {
    if (now < bundle.retry) continue;
    mark<"pbft.client_retries">();
    bundle.wait = std::min(bundle.wait * 2, config_.retry * kLongestWait);
    bundle.retry = now + bundle.wait;
    broadcast(Submit{bundle.request, /*again=*/true}, out);
  }
  while (can_send()) make_bundle(now, out);
}

Time Client::deadline() const {
  if (can_send()) return Time();
  Time due = Time::never();
  for (const auto& [sequence, bundle] : bundles_) due = std::min(due, bundle.retry);
  for (const auto& [sequence, reading] : readings_) due = std::min(due, reading.until);
  return due;
}

void Client::check_invariants() const {
  ensure(bundles_.size() <= config_.in_flight, "no more bundles are under way than configured");
  for (const auto& [sequence, bundle] : bundles_) {
    ensure(bundle.tokens.size() == bundle.request.request.operations.size(), "each operation has its token");
    ensure(bundle.said.size() <= group_.size(), "each member is heard once");
  }
}

}  // namespace holdfast::pbft
