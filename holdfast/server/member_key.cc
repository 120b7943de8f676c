#include "holdfast/server/member_key.h"

#include <utility>

#include <fmt/format.h>

#include "holdfast/base/fixed_bytes.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/runtime/key_file.h"
#include "holdfast/runtime/member_keys.h"

namespace holdfast::server {
namespace {

runtime::KeyTerms terms(replica::EngineKind engine) {
  return {fmt::format("--consensus={}", replica::name_of(engine)), "--consensus=pbft", "peer URL",
          "peer URLs are written http://KEY@HOST:PORT", "--member-key-file"};
}

}  // namespace

std::string key_file_of(const MemberConfig& config) {
  return config.key_file.empty() ? data_dir_of(config) + "/member.key" : config.key_file;
}

Status check_keys(replica::EngineKind engine, const std::vector<InitialMember>& cluster) {
  std::vector<runtime::NamedMember> members;
  for (const InitialMember& m : cluster) members.push_back({fmt::format("\"{}\"", m.name), m.peer_urls});
  return runtime::check_member_keys(replica::is_byzantine(engine), members, terms(engine));
}

std::string founding_token(const MemberConfig& config) {
  if (!config.administrator) return config.initial_cluster_token;
  return fmt::format("{} administered by {}", config.initial_cluster_token, to_hex(config.administrator->view()));
}

StatusOr<replica::ByzantineConfig> byzantine_config(const MemberConfig& config, const MemberIdentity& identity) {
  replica::ByzantineConfig out;
  out.cluster = identity.cluster_id;
  out.beginning = identity.disk_lost ? pbft::Beginning::kLostDisk : pbft::Beginning::kNew;
  out.request_timeout = config.election_timeout;
  if (config.administrator) out.configuration.administrator = *config.administrator;
  runtime::NamedMember self{config.name, config.initial_advertise_peer_urls};
  for (const store::Member& m : identity.bootstrap) {
    const auto key = runtime::key_in(m.peer_urls);
    if (!key.ok()) return key.status();
    if (!*key) return absl::DataLossError(fmt::format("{} names a member without a key", kIdentityFile));
    out.configuration.members.push_back({m.id, **key});
  }
  // Of a founder the list of founders says where its key is, of a later member what it was added by.
  for (const auto* known : {&identity.members, &identity.bootstrap}) {
    for (const store::Member& m : *known) {
      if (m.id == identity.member_id) self.peer_urls = m.peer_urls;
    }
  }
  const StatusOr<crypto::Seed> seed = runtime::read_member_key(key_file_of(config), self, terms(config.engine));
  if (!seed.ok()) return seed.status();
  out.seed = *seed;
  std::vector<NodeId> ids;
  for (const store::Member& m : identity.bootstrap) ids.push_back(m.id);
  if (cluster_id_of(ids, founding_token(config)) != identity.cluster_id) {
    return absl::FailedPreconditionError(fmt::format(
        "the cluster of this member was founded with another --administrator-key or --initial-cluster-token, says "
        "{}/{}; start it with those",
        data_dir_of(config), kIdentityFile));
  }
  return out;
}

}  // namespace holdfast::server
