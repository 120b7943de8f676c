#include "tests/nemesis/mouth.h"

#include <algorithm>

#include "holdfast/base/codec.h"
#include "holdfast/replica/types.h"
#include "holdfast/runtime/key_file.h"

namespace holdfast::nemesis {
namespace {

using pbft::Lie;

struct Named {
  Lie lie;
  std::string_view name;
};
// Twins and a forgetful member are other processes, not other words; a lying client of PBFT is the flood's business.
constexpr Named kLies[] = {
    {Lie::kEquivocate, "equivocate"},
    {Lie::kSilentToSome, "silent-to-some"},
    {Lie::kDelay, "delay"},
    {Lie::kForgedVotes, "forged-votes"},
    {Lie::kBadEvidence, "bad-evidence"},
    {Lie::kOffByOne, "off-by-one"},
    {Lie::kFalseState, "false-state"},
    {Lie::kReplay, "replay"},
    {Lie::kFlood, "flood"},
};

// PBFT's group of the first configuration: by identities, as the members sort it.
pbft::Group group_of(const Voices& voices) {
  pbft::Configuration configuration;
  for (size_t i = 0; i < voices.ids.size(); ++i) configuration.members.push_back({voices.ids[i], voices.keys[i]});
  std::sort(configuration.members.begin(), configuration.members.end(),
            [](const pbft::Peer& a, const pbft::Peer& b) { return a.id < b.id; });
  return pbft::Group(configuration);
}

}  // namespace

std::optional<Lie> lie_named(std::string_view name) {
  for (const Named& n : kLies) {
    if (n.name == name) return n.lie;
  }
  return std::nullopt;
}

std::string lie_names() {
  std::string out;
  for (const Named& n : kLies) out += (out.empty() ? "" : ", ") + std::string(n.name);
  return out;
}

Mouth::Mouth(Lie lie, size_t self, const Voices& voices, const std::string& key_file, uint64_t seed)
    : self_(self),
      voices_(voices),
      authority_(*runtime::read_key_file(key_file)),
      liar_(lie, voices.ids[self], voices.cluster, group_of(voices), Duration::seconds(1), authority_, seed) {}

std::vector<Mouth::Said> Mouth::speak(size_t to, const Slice& message) {
  const StatusOr<replica::Wire> wire = codec::decode<replica::Wire>(message);
  const auto* packet = wire.ok() ? std::get_if<pbft::Packet>(&*wire) : nullptr;
  if (packet == nullptr) return {{to, message, {}}};
  std::vector<Said> out;
  for (const pbft::Utterance& u : liar_.speak(voices_.ids[to], *packet)) {
    // Whom the words are from is told by the connection: in the name of others it can speak on its own only.
    const auto at = std::find(voices_.ids.begin(), voices_.ids.end(), u.to);
    const auto place = static_cast<size_t>(at - voices_.ids.begin());
    if (at == voices_.ids.end() || place == self_) continue;
    out.push_back({place, codec::encode_flat(replica::Wire(u.packet)), u.delay});
  }
  twisted_ += out.size() != 1 || out[0].message.view() != message.view();
  return out;
}

}  // namespace holdfast::nemesis
