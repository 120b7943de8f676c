#include "holdfast/sim/net.h"

#include <algorithm>

#include "holdfast/base/checksum.h"
#include "holdfast/base/mark.h"
#include "holdfast/sim/frame.h"

namespace holdfast::sim {

Net::Net(World& world, Duration min_delay, Duration max_delay)
    : world_(world), random_(world.stream("net")), min_delay_(min_delay), max_delay_(max_delay) {}

void Net::attach(NodeId endpoint, Handler handler) { handlers_[endpoint] = std::move(handler); }
void Net::detach(NodeId endpoint) { handlers_.erase(endpoint); }

Net::Link& Net::link(NodeId from, NodeId to) {
  Link& l = links_[{from, to}];
  if (!l.from) l.from = from, l.to = to;
  if (l.version != version_) fold(l);
  return l;
}

void Net::fold(Link& l) {
  LinkEffect e;
  for (const Fault& f : faults_) {
    if (!f.covers(l.from, l.to)) continue;
    e.loss = std::max(e.loss, f.effect.loss);
    e.duplicate = std::max(e.duplicate, f.effect.duplicate);
    e.reorder = std::max(e.reorder, f.effect.reorder);
    e.replay = std::max(e.replay, f.effect.replay);
    e.corrupt = std::max(e.corrupt, f.effect.corrupt);
    e.truncate = std::max(e.truncate, f.effect.truncate);
    e.misroute = std::max(e.misroute, f.effect.misroute);
    e.delay = e.delay + f.effect.delay;
    e.jitter = std::max(e.jitter, f.effect.jitter);
    if (f.effect.bytes_per_second != 0) {
      e.bytes_per_second =
          e.bytes_per_second == 0 ? f.effect.bytes_per_second : std::min(e.bytes_per_second, f.effect.bytes_per_second);
    }
    e.cut |= f.effect.cut;
    e.clog |= f.effect.clog;
  }
  l.effect = e;
  l.version = version_;
  if (e.bytes_per_second == 0 && !l.queued.empty()) {
    mark<"sim.net.cap_lifted">();
    ++l.transmission;
    std::deque<Waiting> queued = std::move(l.queued);
    l.queued.clear();
    for (Waiting& message : queued) depart(l, std::move(message));
  }
  if (!e.clog && !l.clogged.empty()) {
    mark<"sim.net.unclogged">();
    std::vector<Slice> held = std::move(l.clogged);
    l.clogged.clear();
    while (!held.empty()) {
      const size_t i = random_.below(held.size());
      put_on_line(l, std::move(held[i]), false);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

void Net::refresh_all() {
  ++version_;
  for (auto& [ends, l] : links_) fold(l);
}

uint64_t Net::add_fault(Covers covers, LinkEffect effect) {
  faults_.push_back({next_fault_, std::move(covers), effect});
  refresh_all();
  return next_fault_++;
}

void Net::remove_fault(uint64_t number) {
  std::erase_if(faults_, [&](const Fault& f) { return f.number == number; });
  refresh_all();
}

void Net::remove_all_faults() {
  faults_.clear();
  refresh_all();
}

void Net::note(const char* kind, const Link& l, const Slice& bytes) {
  const uint64_t digest = hash_combine(l.to.value(), hash64(bytes.view()));
  world_.trace().note(world_.now(), l.from, kind, digest,
                      [&] { return "to " + to_text(l.to) + " " + describe(l.from, l.to, bytes); });
}

void Net::send(NodeId from, NodeId to, Slice bytes) {
  const auto mouth = mouths_.find(from);
  mouth == mouths_.end() ? say(from, to, std::move(bytes)) : mouth->second(to, std::move(bytes));
}

void Net::say(NodeId from, NodeId to, Slice bytes) {
  Link& l = link(from, to);
  const LinkEffect& e = l.effect;
  ++stats_.sent;
  note("send", l, bytes);
  if (tap_) tap_(from, to, bytes);
  if (const Steering s = steering_ ? steering_(from, to, bytes) : Steering(); s.lose) {
    ++stats_.lost;
    return note("lose", l, bytes);
  } else if (s.later > Duration()) {
    const Duration delay = Duration::nanos(random_.between(min_delay_.nanos(), max_delay_.nanos())) + s.later;
    world_.after(delay, [this, &l, epoch = l.epoch, bytes = std::move(bytes)] { arrive(l, epoch, bytes); });
    return;
  }
  if (e.cut) {
    ++stats_.cut;
    world_.trace().show(world_.now(), from, "lose", "to " + to_text(to) + " " + describe(from, to, bytes));
    return;
  }
  if (e.clog) {
    mark<"sim.net.clogged">();
    l.clogged.push_back(std::move(bytes));
    return;
  }
  if (e.replay != 0) {
    if (!l.remembered.empty() && random_.chance(e.replay, 1000)) {
      mark<"sim.net.replayed">();
      ++stats_.replayed;
      put_on_line(l, l.remembered[random_.below(l.remembered.size())], false);
    }
    if (l.remembered.size() < kRemembered) {
      l.remembered.push_back(bytes);
    } else if (random_.chance(1, 4)) {
      l.remembered[l.next_remembered++ % kRemembered] = bytes;
    }
  }
  if (e.loss != 0 && random_.chance(e.loss, 1000)) {
    ++stats_.lost;
    note("lose", l, bytes);
    return;
  }
  if (e.corrupt != 0 && random_.chance(e.corrupt, 1000)) return damage(l, bytes, false);
  if (e.truncate != 0 && random_.chance(e.truncate, 1000)) return damage(l, bytes, true);
  if (e.misroute != 0 && random_.chance(e.misroute, 1000)) {
    // The receiver reads in the frame that it is not meant, and closes the connection.
    mark<"sim.net.misrouted">();
    ++stats_.refused;
    ++l.epoch;
    return;
  }
  if (e.duplicate != 0 && random_.chance(e.duplicate, 1000)) {
    ++stats_.duplicated;
    put_on_line(l, bytes, false);
  }
  const bool out_of_order = e.reorder != 0 && random_.chance(e.reorder, 1000);
  put_on_line(l, std::move(bytes), !out_of_order);
}

void Net::put_on_line(Link& l, Slice bytes, bool keep_order) {
  Waiting message{std::move(bytes), keep_order, l.epoch};
  if (l.effect.bytes_per_second == 0) return depart(l, std::move(message));
  l.queued.push_back(std::move(message));
  if (l.queued.size() == 1) transmit_next(l);
}

// The first of the queue leaves when all of it has been sent.
void Net::transmit_next(Link& l) {
  const uint64_t nanos = l.queued.front().bytes.size() * 1'000'000'000 / l.effect.bytes_per_second;
  world_.after(Duration::nanos(static_cast<int64_t>(nanos)), [this, &l, number = ++l.transmission] {
    if (number != l.transmission || l.queued.empty()) return;  // the cap was lifted meanwhile
    Waiting message = std::move(l.queued.front());
    l.queued.pop_front();
    depart(l, std::move(message));
    if (!l.queued.empty()) transmit_next(l);
  });
}

void Net::depart(Link& l, Waiting message) {
  const LinkEffect& e = l.effect;
  Duration delay = Duration::nanos(random_.between(min_delay_.nanos(), max_delay_.nanos())) + e.delay;
  if (e.jitter > Duration()) delay = delay + Duration::nanos(random_.between(0, e.jitter.nanos()));
  if (!message.keep_order) {
    delay = delay + Duration::nanos(random_.between(0, std::max(e.jitter, Duration::millis(1)).nanos()));
  }
  Time arrives = world_.now() + delay;
  if (message.keep_order) {
    arrives = std::max(arrives, l.last_delivery);
    l.last_delivery = arrives;
  }
  world_.at(arrives, [this, &l, message = std::move(message)] { arrive(l, message.epoch, message.bytes); });
}

void Net::damage(Link& l, const Slice& bytes, bool truncate) {
  std::string frame = encode_frame({kClusterId, l.from, l.to, bytes.view()});
  if (truncate) {
    frame.resize(random_.below(frame.size()));
  } else {
    for (uint64_t flips = 1 + random_.below(3); flips > 0; --flips) {
      frame[random_.below(frame.size())] ^= static_cast<char>(1u << random_.below(8));
    }
  }
  Frame read;
  if (decode_frame(frame, read)) {  // the flips undid each other
    return put_on_line(l, bytes, true);
  }
  mark<"sim.net.damaged_frame_refused">();
  ++stats_.corrupted;
  ++l.epoch;  // the connection is reset: what was under way is lost with it
  note("damage", l, bytes);
}

void Net::arrive(Link& l, uint64_t epoch, const Slice& bytes) {
  if (l.version != version_) fold(l);
  if (l.effect.cut || epoch != l.epoch) {
    ++stats_.cut;
    note("lose", l, bytes);
    return;
  }
  const auto ear = ears_.find(l.to);
  const auto handler = handlers_.find(ear == ears_.end() ? l.to : ear->second(l.from));
  if (handler == handlers_.end()) {
    ++stats_.lost;
    return;
  }
  ++stats_.delivered;
  note("deliver", l, bytes);
  handler->second(l.from, bytes);
}

}  // namespace holdfast::sim
