// Any bytes, and good ones that were changed, as what says who a member is: the IDENTITY file of a data directory, an
// initial cluster, the card by which an agent of `holdfast detect` describes itself. What is read is written back as it
// was, and what comes from others can be shown on a terminal.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/random.h"
#include "holdfast/cli/detect_options.h"
#include "holdfast/server/member_config.h"
#include "holdfast/server/member_identity.h"

namespace {

using namespace holdfast;          // NOLINT: a program of one page
using namespace holdfast::server;  // NOLINT

bool visible(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c <= ' ') || c == 0x7f; });
}

void identity(const std::string& bytes) {
  const auto read = parse_identity(bytes);
  if (!read.ok()) return;
  ensure(read->cluster_id != 0 && read->member_id, "who has no identity is refused");
  const auto again = parse_identity(to_json(*read));
  ensure(again.ok() && *again == *read, "what was read is read again");
}

void initial_cluster(const std::string& bytes) {
  const auto read = parse_initial_cluster(bytes);
  if (!read.ok()) return;
  std::string text;
  for (const InitialMember& m : *read) {
    ensure(!m.name.empty() && !m.peer_urls.empty(), "each has a name and a URL");
    for (const std::string& url : m.peer_urls) text += m.name + "=" + url + ",";
  }
  const auto again = parse_initial_cluster(text);
  ensure(again.ok() && *again == *read, "an initial cluster that was read is read again");
  const auto members = bootstrap_members(*read, "token");
  ensure(members.size() == read->size(), "each becomes a member");
}

void card(const Slice& bytes) {
  const cli::AgentCard read = cli::decode_card(NodeId(7), bytes);
  ensure(!read.name.empty() && read.name.size() <= cli::kMaxAgentName && visible(read.name), "a name can be shown");
  ensure(read.address.size() < 100 && visible(read.address), "an address can be shown");
  ensure(read.address.empty() || cli::parse_host_port(read.address).ok(), "an address is one");
}

void any_bytes(const std::string& bytes) {
  identity(bytes);
  initial_cluster(bytes);
  card(Slice::copy_of(bytes));
}

std::string changed(std::string text, Random& random) {
  for (uint64_t n = 1 + random.below(3); n > 0 && !text.empty(); --n) {
    const size_t at = random.below(text.size());
    switch (random.below(3)) {
      case 0:
        text[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        text.erase(at, 1 + random.below(9));
        break;
      default:
        text.insert(at, text.substr(random.below(text.size()), random.below(30)));
    }
  }
  return text;
}

std::string word(Random& random) {
  std::string out;
  for (uint64_t n = random.below(12); n > 0; --n) out += static_cast<char>(random.below(256));
  return out;
}

void made(Random& random) {
  MemberIdentity good;
  good.cluster_id = 1 + random.below(1000);
  good.member_id = NodeId(1 + random.next() / 2);
  good.name = "m1";
  good.wal_dir = "wal";
  good.members = {{NodeId(5), "m2", {"http://127.0.0.1:2380"}, {"http://127.0.0.1:2379"}, random.chance(1, 2)}};
  good.disk_lost = random.chance(1, 2);
  const std::string file = to_json(good);
  ensure(parse_identity(file).ok() && *parse_identity(file) == good, "what was written is read");
  identity(changed(file, random));
  initial_cluster(changed("a=http://10.0.0.1:2380,b=http://10.0.0.2:2380,a=http://10.0.0.3:1", random));
  card(cli::encode_card({random.chance(1, 2) ? word(random) : "a", random.chance(1, 2) ? word(random) : "10.0.0.1:7"}));
  card(cli::encode_card({"a", changed("10.0.0.1:7946", random)}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  any_bytes(std::string(reinterpret_cast<const char*>(data), size));
  if (size == 0) return 0;
  Random random(data[0] + 256 * size);
  for (int i = 0; i < 10; ++i) made(random);
  return 0;
}
