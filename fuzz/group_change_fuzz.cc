// Any bytes as a signed change of the members and as what it says to the store; and changes made out of them, against a
// group: what comes out of one is a valid configuration, which differs from the one before as the change says.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/random.h"
#include "holdfast/consensus/pbft/authority.h"
#include "holdfast/consensus/pbft/group.h"
#include "holdfast/consensus/pbft/notary.h"
#include "holdfast/service/group_change.h"

namespace {

using namespace holdfast;        // NOLINT: a program of one page
using namespace holdfast::pbft;  // NOLINT

Configuration group_of(uint64_t members) {
  Configuration c;
  for (uint64_t n = 1; n <= members; ++n) c.members.push_back({NodeId(n), Notary::key_of(NodeId(n))});
  c.clients = {{NodeId(50), Notary::key_of(NodeId(50))}};
  c.removed = {NodeId(20), NodeId(21)};
  return c;
}

void apply(const Configuration& before, const Change& change) {
  const std::optional<Configuration> after = Group(before).after(change);
  if (!after) return;
  ensure(Group::valid(*after).ok() && after->epoch == before.epoch + 1, "a configuration follows a configuration");
  ensure(after->members.size() + change.removed.size() == before.members.size() + change.added.size(),
         "who is named joins or leaves");
  const Group now(*after);
  for (const Peer& p : change.added) ensure(*now.member_key(p.id) == p.key, "who joins has the key that was signed");
  for (const NodeId id : change.removed) ensure(now.key(id) == nullptr, "who leaves has gone");
  for (const NodeId id : before.removed) ensure(now.key(id) == nullptr, "who left never comes back");
}

void any_bytes(const std::string& bytes) {
  const Slice slice = Slice::copy_of(bytes);
  if (const auto change = codec::decode<SignedChange>(slice); change.ok()) {
    ensure(codec::encode_flat(*change).view() == bytes, "a signed change has one form");
    apply(group_of(4), change->change);
  }
  if (const auto context = codec::decode<service::GroupChange>(slice); context.ok()) {
    ensure(codec::encode_flat(*context).view() == bytes, "what a change says to the store has one form");
  }
}

void made_of(Random& random) {
  Change change;
  for (uint64_t n = random.below(4); n > 0; --n) {
    const NodeId id(1 + random.below(60));
    change.added.push_back({id, Notary::key_of(random.chance(1, 8) ? NodeId(1) : id)});
  }
  for (uint64_t n = random.below(3); n > 0; --n) change.removed.push_back(NodeId(1 + random.below(8)));
  apply(group_of(4 + random.below(4)), change);
  const Slice bytes = codec::encode_flat(SignedChange{change, {}});
  std::string changed(bytes.view());
  changed[random.below(changed.size())] ^= static_cast<char>(1 + random.below(255));
  any_bytes(changed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  any_bytes(std::string(reinterpret_cast<const char*>(data), size));
  if (size == 0) return 0;
  Random random(data[0] + 256 * size);
  for (int i = 0; i < 20; ++i) made_of(random);
  return 0;
}
