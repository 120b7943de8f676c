#include "holdfast/runtime/member_keys.h"

#include <map>
#include <optional>

#include <fmt/format.h>

#include "holdfast/base/fixed_bytes.h"
#include "holdfast/runtime/key_file.h"

namespace holdfast::runtime {

Status check_member_keys(bool sign, const std::vector<NamedMember>& members, const KeyTerms& terms) {
  std::map<std::string, std::string> seen;  // whose key
  for (const NamedMember& m : members) {
    const auto key = key_in(m.peer_urls);
    if (!key.ok()) return key.status();
    if (!sign && *key) {
      return absl::InvalidArgumentError(
          fmt::format("{} has a key in its {}, which {} has no use for; leave it out, or start all members with {}",
                      m.name, terms.place, terms.engine, terms.signing));
    }
    if (!sign) continue;
    if (!*key) {
      return absl::InvalidArgumentError(
          fmt::format("{} has no key; with {} {}, where KEY are the 64 digits that `holdfast key new FILE` prints at "
                      "that member",
                      m.name, terms.engine, terms.form));
    }
    const auto [other, fresh] = seen.emplace((*key)->view(), m.name);
    if (!fresh) {
      return absl::InvalidArgumentError(
          fmt::format("{} and {} have the same key; every member needs one of its own (holdfast key new FILE)",
                      other->second, m.name));
    }
  }
  if (sign && members.size() < kLeastSigningMembers) {
    return absl::InvalidArgumentError(
        fmt::format("{} of {} needed: {} needs at least 4 members, of which one may lie (7 for two); with fewer take "
                    "raft, which needs members that are trusted",
                    members.size(), kLeastSigningMembers, terms.engine));
  }
  return absl::OkStatus();
}

StatusOr<crypto::Seed> read_member_key(const std::string& path, const NamedMember& member, const KeyTerms& terms) {
  const StatusOr<crypto::Seed> seed = read_key_file(path);
  if (absl::IsNotFound(seed.status())) {
    return absl::FailedPreconditionError(
        fmt::format("this member's private key is not in {}. Name the file with {}, or restore it from a backup; or, for "
                    "a new group, make it with `holdfast key new {}` and put the public key that it prints into the {} "
                    "of {} at all members. It is never made by itself: nobody would know the public one",
                    path, terms.key_file, path, terms.place, member.name));
  }
  if (!seed.ok()) return seed.status();
  const StatusOr<std::optional<crypto::PublicKey>> known = key_in(member.peer_urls);
  if (!known.ok()) return known.status();
  const crypto::PublicKey own = crypto::Identity(*seed).public_key();
  if (*known != own) {
    return absl::FailedPreconditionError(
        fmt::format("the public key of {} is {}, but the {} of {} says {}; start it with its own key ({}), or correct "
                    "that at all members",
                    path, to_hex(own.view()), terms.place, member.name, *known ? to_hex((*known)->view()) : "none",
                    terms.key_file));
  }
  return seed;
}

}  // namespace holdfast::runtime
