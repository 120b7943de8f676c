#include "holdfast/sim/store_words.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/print.h"
#include "holdfast/replica/byzantine_replica.h"
#include "holdfast/sim/engine_words.h"
#include "holdfast/store/store.h"

namespace holdfast::sim {
namespace {

constexpr size_t kShort = 20;

// A key as it is when it can be read.
std::string name(const Slice& key) {
  const std::string_view bytes = key.view();
  const bool printable = std::all_of(bytes.begin(), bytes.end(), [](char c) { return c > 32 && c < 127; });
  return printable && !bytes.empty() && bytes.size() <= kShort ? std::string(bytes) : print(key);
}

struct CommandSay {
  std::string operator()(const store::PutRequest& m) const { return "put " + name(m.key); }
  std::string operator()(const store::DeleteRangeRequest& m) const {
    return absl::StrCat("delete ", name(m.key), m.range_end.empty() ? "" : ".." + name(m.range_end));
  }
  // What it does when its condition holds; that is what most are for.
  std::string operator()(const store::TxnRequest& m) const {
    if (m.success.size() == 1) {
      if (const auto* put = std::get_if<store::PutRequest>(&m.success[0])) return "txn " + (*this)(*put);
      if (const auto* gone = std::get_if<store::DeleteRangeRequest>(&m.success[0])) return "txn " + (*this)(*gone);
    }
    return absl::StrCat("txn of ", m.success.size() + m.failure.size());
  }
  std::string operator()(const store::CompactRequest& m) const { return absl::StrCat("compact ", print(m.revision)); }
  std::string operator()(const store::LeaseGrantRequest&) const { return "grant lease"; }
  std::string operator()(const store::LeaseRevokeRequest&) const { return "revoke lease"; }
  std::string operator()(const store::LeaseRenew& m) const {
    return m.ids.size() == 1 ? "renew lease" : absl::StrCat("renew ", m.ids.size(), " leases");
  }
  std::string operator()(const store::Tick&) const { return "tick"; }
  std::string operator()(const store::Publish& m) const { return "publish " + to_text(m.member); }
  std::string operator()(const store::SetMembers&) const { return "members"; }
  std::string operator()(const store::MemberUpdateRequest& m) const { return "update " + to_text(m.id); }
  std::string operator()(const store::AlarmRequest&) const { return "alarm"; }
};

// What a client's proposal asks for, or at least how it is known again.
std::string shown(const Slice& command) { return command_words(command).value_or(print(command)); }

// An entry of the log holds a proposal.
std::string entry_words(const Slice& data) {
  const StatusOr<replica::Command> command = codec::decode<replica::Command>(data);
  return command.ok() ? shown(command->command) : print(data);
}

struct WireSay {
  std::string operator()(const raft::Message& m) const { return in_words(m, entry_words); }
  std::string operator()(const paxos::Message& m) const { return in_words(m, entry_words); }
  std::string operator()(const replica::Forward& m) const {
    std::string out;
    for (const replica::Proposal& p : m.proposals) absl::StrAppend(&out, out.empty() ? "" : " ", shown(p.command));
    return absl::StrCat("Forward{", out, "}");
  }
  std::string operator()(const replica::ForwardMembership&) const { return "ForwardMembership{}"; }
  std::string operator()(const replica::MembershipRefused& m) const {
    return absl::StrCat("MembershipRefused{", print(m.why), "}");
  }
  template <class M>
  std::string operator()(const M& m) const {
    return print(m);
  }
};

}  // namespace

std::optional<std::string> command_words(const Slice& command) {
  const StatusOr<store::Command> known = codec::decode<store::Command>(command);
  if (!known.ok()) return std::nullopt;
  return std::visit(CommandSay(), *known);
}

std::optional<std::string> operation_words(const Slice& operation) {
  const StatusOr<replica::Operation> known = codec::decode<replica::Operation>(operation);
  if (!known.ok()) return std::nullopt;
  return known->question ? "question" : command_words(known->bytes);
}

std::string in_words(const replica::Wire& wire) { return std::visit(WireSay(), wire); }

}  // namespace holdfast::sim
