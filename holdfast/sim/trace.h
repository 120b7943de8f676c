// The trace of a run: what happened, in order, as a hash and, when somebody listens, as text.
//
// Two runs are the same when their trace hashes are. Everything that crosses a process's border is noted: messages
// sent, delivered and lost, records made stable, crashes, starts, faults, client calls and their outcomes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "holdfast/base/checksum.h"
#include "holdfast/model/types.h"

namespace holdfast::sim {

class Trace {
 public:
  using Sink = std::function<void(Time at, NodeId who, std::string_view kind, std::string_view text)>;

  void listen(Sink sink) { sink_ = std::move(sink); }
  bool listening() const { return static_cast<bool>(sink_); }
  uint64_t hash() const { return hash_; }
  uint64_t count() const { return count_; }

  // `kind` is a short literal; `digest` stands for the content; `text()` is called only when somebody listens.
  template <class Text>
  void note(Time at, NodeId who, std::string_view kind, uint64_t digest, Text&& text) {
    mix(at, who, kind, digest);
    if (sink_) sink_(at, who, kind, text());
  }
  void note(Time at, NodeId who, std::string_view kind, std::string_view text) {
    mix(at, who, kind, hash64(text));
    if (sink_) sink_(at, who, kind, text);
  }
  // What goes on inside a process, for who looks on: it follows from the rest and is no part of the hash.
  void show(Time at, NodeId who, std::string_view kind, std::string_view text) {
    if (sink_) sink_(at, who, kind, text);
  }

 private:
  void mix(Time at, NodeId who, std::string_view kind, uint64_t digest) {
    hash_ = hash_combine(hash_, static_cast<uint64_t>(at.nanos()));
    hash_ = hash_combine(hash_, who.value());
    hash_ = hash_combine(hash_, hash64(kind));
    hash_ = hash_combine(hash_, digest);
    ++count_;
  }
  uint64_t hash_ = 0;
  uint64_t count_ = 0;
  Sink sink_;
};

}  // namespace holdfast::sim
