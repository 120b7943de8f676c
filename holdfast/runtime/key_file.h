// The private key of a member that signs what it says, in a file; and its public key, in its peer URLs.
//
// Members of a Byzantine group know each other's public keys from the peer URLs, which carry them as user information,
// 64 hexadecimal digits:
//
//   http://4f0c...9e@10.0.0.1:2380
//
// The private one (an Ed25519 seed) is in a text file (docs/formats/member-key.md):
//
//   holdfast member key 1 (Ed25519, private): whoever has this file can speak as the member; keep it secret
//   public  4f0c...9e
//   private 81d2...07
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/crypto/crypto.h"

namespace holdfast::runtime {

std::string key_file_text(const crypto::Seed& seed);
// kDataLoss: no such text, or one in which the two keys do not belong together.
StatusOr<crypto::Seed> parse_key_file(std::string_view text);

// A new private key, out of the system's randomness, in a new file that only its owner may read (mode 0600), durably;
// directories above it are made. kAlreadyExists: there is such a file, which is left alone.
StatusOr<crypto::PublicKey> make_key_file(const std::string& path);
// kNotFound, kPermissionDenied (also: others than its owner and group may read it, or others than its owner write it),
// kDataLoss. Errors name the file and say what to do.
StatusOr<crypto::Seed> read_key_file(const std::string& path);

// The key in the peer URLs of one member, which is the same in all of them; none when they have none. kInvalidArgument:
// they differ, or some have one and some have none.
StatusOr<std::optional<crypto::PublicKey>> key_in(const std::vector<std::string>& peer_urls);

}  // namespace holdfast::runtime
