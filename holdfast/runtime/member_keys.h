// The keys of a group whose members sign what they say, as one member is configured with them: those of all in their
// peer URLs, its own secret in a file (key_file.h).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/crypto/crypto.h"

namespace holdfast::runtime {

// Three of four are honest when one lies; fewer members outvote nobody.
inline constexpr size_t kLeastSigningMembers = 4;

// A member of a group as its configuration has it.
struct NamedMember {
  std::string name;  // as an error names it
  std::vector<std::string> peer_urls;
};

// What the parts of a configuration are called where the user writes them: for errors that say what to write instead.
struct KeyTerms {
  std::string engine;    // the engine as it was asked for
  std::string signing;   // how one is asked for whose members sign
  std::string place;     // where the key of a member stands
  std::string form;      // how a member is written with its key
  std::string key_file;  // the option that names the file
};

// Whether the members of a group have what the engine needs: when they sign, a key each, all different, and four
// members at least; else no keys. kInvalidArgument says what to write instead.
Status check_member_keys(bool sign, const std::vector<NamedMember>& members, const KeyTerms& terms);

// The secret of `member`, from its file. kFailedPrecondition: there is none, or it does not belong to the public key in
// the member's peer URLs.
StatusOr<crypto::Seed> read_member_key(const std::string& path, const NamedMember& member, const KeyTerms& terms);

}  // namespace holdfast::runtime
