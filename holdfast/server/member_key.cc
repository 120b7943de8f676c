#include "holdfast/server/member_key.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "holdfast/base/fixed_bytes.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/runtime/key_file.h"

namespace holdfast::server {
namespace {

constexpr size_t kLeastMembers = 4;

}  // namespace

std::string key_file_of(const MemberConfig& config) {
  return config.key_file.empty() ? data_dir_of(config) + "/member.key" : config.key_file;
}

Status check_keys(replica::EngineKind engine, const std::vector<InitialMember>& cluster) {
  const bool needed = replica::is_byzantine(engine);
  const auto invalid = [](std::string text) { return absl::InvalidArgumentError(std::move(text)); };
  std::vector<std::pair<crypto::PublicKey, std::string>> seen;
  for (const InitialMember& m : cluster) {
    const auto key = runtime::key_in(m.peer_urls);
    if (!key.ok()) return key.status();
    if (!needed && *key) {
      return invalid(
          fmt::format("\"{}\" has a key in its peer URL, which --consensus={} has no use for; leave it out, or "
                      "start all members with --consensus=pbft",
                      m.name, replica::name_of(engine)));
    }
    if (!needed) continue;
    if (!*key) {
      return invalid(
          fmt::format("\"{}\" has no key; with --consensus=pbft peer URLs are written http://KEY@HOST:PORT, "
                      "where KEY are the 64 digits that `holdfast key new FILE` prints at that member",
                      m.name));
    }
    for (const auto& [other, name] : seen) {
      if (other == **key) {
        return invalid(
            fmt::format("\"{}\" and \"{}\" have the same key; every member needs one of its own "
                        "(holdfast key new FILE)",
                        name, m.name));
      }
    }
    seen.emplace_back(**key, m.name);
  }
  if (needed && cluster.size() < kLeastMembers) {
    return invalid(
        fmt::format("{} of {} needed: --consensus=pbft needs at least 4 members, of which one may lie (7 for two); "
                    "with fewer take raft, which needs members that are trusted",
                    cluster.size(), kLeastMembers));
  }
  return absl::OkStatus();
}

std::string founding_token(const MemberConfig& config) {
  if (!config.administrator) return config.initial_cluster_token;
  return fmt::format("{} administered by {}", config.initial_cluster_token, to_hex(config.administrator->view()));
}

StatusOr<replica::ByzantineConfig> byzantine_config(const MemberConfig& config, const MemberIdentity& identity) {
  const std::string path = key_file_of(config);
  const StatusOr<crypto::Seed> seed = runtime::read_key_file(path);
  if (absl::IsNotFound(seed.status())) {
    return absl::FailedPreconditionError(
        fmt::format("this member's private key is not in {}. Name the file with --member-key-file; or, for a new "
                    "cluster, make it with "
                    "`holdfast key new {}` and put the public key that it prints into the peer URL of {} at all "
                    "members. It is never made "
                    "by itself: nobody would know the public one",
                    path, path, config.name));
  }
  if (!seed.ok()) return seed.status();
  replica::ByzantineConfig out;
  out.cluster = identity.cluster_id;
  out.seed = *seed;
  out.beginning = identity.disk_lost ? pbft::Beginning::kLostDisk : pbft::Beginning::kNew;
  out.request_timeout = config.election_timeout;
  if (config.administrator) out.configuration.administrator = *config.administrator;
  for (const store::Member& m : identity.bootstrap) {
    const auto key = runtime::key_in(m.peer_urls);
    if (!key.ok()) return key.status();
    if (!*key) return absl::DataLossError(fmt::format("{} names a member without a key", kIdentityFile));
    out.configuration.members.push_back({m.id, **key});
  }
  // Of a founder the list of founders says it, of a later member what it was added by.
  const auto is_self = [&](const store::Member& m) { return m.id == identity.member_id; };
  const bool founder = std::any_of(identity.bootstrap.begin(), identity.bootstrap.end(), is_self);
  const crypto::PublicKey own = crypto::Identity(*seed).public_key();
  for (const store::Member& m : founder ? identity.bootstrap : identity.members) {
    const auto key = runtime::key_in(m.peer_urls);
    if (!is_self(m) || (key.ok() && *key && **key == own)) continue;
    return absl::FailedPreconditionError(
        fmt::format("the public key of {} is {}, but the peer URL of {} says {}; start it with its own key "
                    "(--member-key-file), or correct its peer URL wherever it stands",
                    path, to_hex(own.view()), config.name, key.ok() && *key ? to_hex((*key)->view()) : "nothing"));
  }
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
