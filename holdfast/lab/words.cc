#include "holdfast/lab/words.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "holdfast/sim/engine_words.h"

namespace holdfast::lab {
namespace {

// A value as the scenario wrote it; what is not text is only measured.
std::string text(const Slice& s) {
  const std::string printed = print(s);
  return printed.starts_with('"') ? printed.substr(1, printed.size() - 2) : absl::StrCat(s.size(), " bytes");
}
std::string order(generals::Order o) { return o == generals::Order::kAttack ? "attack" : "retreat"; }

struct Words {
  std::string operator()(const commit::VoteRequest& m) const { return absl::StrCat("VoteRequest{", text(m.work), "}"); }
  std::string operator()(const commit::Vote& m) const { return m.yes ? "Vote{yes}" : "Vote{no}"; }
  std::string operator()(const commit::Decision& m) const {
    return m.outcome == commit::Outcome::kCommit ? "Decision{commit}" : "Decision{abort}";
  }
  std::string operator()(const commit::Acknowledge&) const { return "Acknowledge{}"; }
  std::string operator()(const commit::DecisionRequest&) const { return "DecisionRequest{}"; }

  std::string operator()(const flooding::Proposals& m) const {
    std::string known;
    for (const flooding::Proposal& p : m.known) absl::StrAppend(&known, " ", text(p.value));
    return absl::StrCat("Proposals{round ", m.round, ":", known, "}");
  }
  std::string operator()(const flooding::Decided& m) const { return absl::StrCat("Decided{", text(m.choice.value), "}"); }

  // Who said it to the sender, and so on to the commander: the sender is seen.
  std::string operator()(const generals::Oral& m) const {
    std::string out = "Oral{";
    for (size_t i = m.path.size(); i > 1; --i) absl::StrAppend(&out, to_text(m.path[i - 2]), " said ");
    return out + order(m.order) + "}";
  }
  std::string operator()(const generals::Written& m) const {
    std::string out = absl::StrCat("Written{", order(m.order), ", signed");
    for (const generals::Signing& s : m.chain) absl::StrAppend(&out, " ", to_text(s.signer));
    return out + "}";
  }

  std::string operator()(const replica::Forward& m) const {
    std::string out;
    for (const replica::Proposal& p : m.proposals) absl::StrAppend(&out, out.empty() ? "" : " ", text(p.command));
    return absl::StrCat("Forward{", out, "}");
  }
  std::string operator()(const raft::Message& m) const { return in_words(m); }

  std::string operator()(const synod::Last& m) const {
    if (!m.vote) return absl::StrCat("Last{", to_text(m.ballot), ", none}");
    return absl::StrCat("Last{", to_text(m.ballot), ", ", text(m.vote->value), " of ", to_text(m.vote->ballot), "}");
  }
  std::string operator()(const synod::Begin& m) const {
    return absl::StrCat("Begin{", to_text(m.ballot), ", ", text(m.value), "}");
  }
  std::string operator()(const synod::Accept& m) const {
    return absl::StrCat("Accept{", to_text(m.ballot), ", ", text(m.value), "}");
  }
  std::string operator()(const synod::Success& m) const { return absl::StrCat("Success{", text(m.value), "}"); }
  std::string operator()(const synod::Refuse& m) const {
    return absl::StrCat("Refuse{", to_text(m.ballot), ", promised ", to_text(m.promised), "}");
  }

  template <class M>
  std::string operator()(const M& m) const {
    return print(m);
  }
};

}  // namespace

std::string in_words(const commit::Wire& wire) { return std::visit(Words(), wire); }
std::string in_words(const flooding::Message& wire) { return std::visit(Words(), wire); }
std::string in_words(const std::variant<generals::Oral>& wire) { return std::visit(Words(), wire); }
std::string in_words(const std::variant<generals::Written>& wire) { return std::visit(Words(), wire); }
std::string in_words(const raft::Message& wire) { return sim::in_words(wire, text); }
std::string in_words(const replica::Wire& wire) { return std::visit(Words(), wire); }
std::string in_words(const synod::Message& wire) { return std::visit(Words(), wire); }

}  // namespace holdfast::lab
