// The state machine under every engine: puts of 256 bytes.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/checksum.h"
#include "holdfast/base/codec.h"
#include "holdfast/replica/state_machine.h"

namespace holdfast::bench {

// Puts: the first eight bytes of a command are the key, the rest is the value. Its digest is that of its buckets, of
// which those that have changed are hashed again.
class KeyValues : public StateMachine {
 public:
  std::string apply(const Moment&, std::string_view command) override {
    std::string key(command.substr(0, 8));
    Bucket& bucket = buckets_[hash64(key) % kBuckets];
    bucket.values[std::move(key)] = command.substr(std::min<size_t>(8, command.size()));
    bucket.changed = true;
    return "ok";
  }
  std::string query(std::string_view question) const override {
    const std::string key(question);
    const auto& values = buckets_[hash64(key) % kBuckets].values;
    const auto at = values.find(key);
    return at == values.end() ? "" : at->second;
  }
  std::string save() const override {
    std::vector<std::pair<std::string, std::string>> all;
    for (const Bucket& b : buckets_) all.insert(all.end(), b.values.begin(), b.values.end());
    return codec::encode_flat(all).str();
  }
  Status restore(std::string_view bytes) override {
    auto all = codec::decode<std::vector<std::pair<std::string, std::string>>>(Slice::copy_of(bytes));
    if (!all.ok()) return all.status();
    for (Bucket& b : buckets_) b = {.values = {}, .digest = {}, .changed = true};
    for (auto& [key, value] : *all) buckets_[hash64(key) % kBuckets].values[key] = std::move(value);
    return absl::OkStatus();
  }
  crypto::Digest digest() const override {
    crypto::Hasher whole;
    for (const Bucket& b : buckets_) {
      if (std::exchange(b.changed, false)) {
        crypto::Hasher hasher;
        for (const auto& [key, value] : b.values) hasher.add(key).add(uint64_t{value.size()}).add(value);
        b.digest = hasher.finish();
      }
      whole.add(b.digest);
    }
    return whole.finish();
  }

 private:
  static constexpr size_t kBuckets = 16384;  // about as many as there are keys: little is hashed that has not changed
  struct Bucket {
    std::map<std::string, std::string> values;
    mutable crypto::Digest digest;
    mutable bool changed = false;
  };
  std::array<Bucket, kBuckets> buckets_;
};

}  // namespace holdfast::bench
