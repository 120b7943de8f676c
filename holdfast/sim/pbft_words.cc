#include "holdfast/sim/pbft_words.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/checksum.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/print.h"

namespace holdfast::sim {
namespace {

constexpr size_t kShort = 20;

std::string text_of(pbft::View v) { return absl::StrCat("view ", v.value()); }

std::string listed(const std::vector<std::string>& words) {
  if (words.empty()) return "nothing";
  if (words.size() > 3) return absl::StrCat(words.front(), "+", words.size() - 1, " more");
  return absl::StrJoin(words, "+");
}

}  // namespace

struct PbftWords::Say {
  PbftWords& words;

  std::string operator()(const pbft::Submit& m) {
    return absl::StrCat("Submit{", words.operations(m.request.request), m.again ? " again}" : "}");
  }
  std::string operator()(const pbft::Reply& m) {
    // Reads have numbers of their own.
    const auto known = words.requests_.find(m.id);
    return absl::StrCat("Reply{", m.read || known == words.requests_.end() ? "to a read" : known->second, "}");
  }
  std::string operator()(const pbft::AskRead&) { return "AskRead{}"; }
  std::string operator()(const pbft::PrePrepare& m) { return batch("PrePrepare", m.seq, m.batch); }
  std::string operator()(const pbft::BriefPrePrepare& m) {
    std::vector<std::string> held;
    for (const pbft::RequestId& id : m.requests) {
      const auto known = words.requests_.find(id);
      held.push_back(known != words.requests_.end() ? known->second : "?");
    }
    words.batches_[m.digest] = listed(held);
    return absl::StrCat("PrePrepare{", words.place(m.seq, m.digest), "}");
  }
  std::string operator()(const pbft::BatchData& m) { return batch("BatchData", m.seq, m.batch); }
  std::string batch(const char* kind, pbft::Seq seq, const Slice& bytes) {
    std::vector<std::string> held;
    const pbft::Batch batch = codec::decode<pbft::Batch>(bytes).value_or(pbft::Batch{});
    for (const pbft::SignedRequest& r : batch.requests) held.push_back(words.operations(r.request));
    const pbft::Digest digest = crypto::digest(bytes.view());
    words.batches_[digest] = listed(held);
    return absl::StrCat(kind, "{", words.place(seq, digest), "}");
  }
  std::string operator()(const pbft::DecidedNotice& m) {
    return absl::StrCat("DecidedNotice{", words.place(m.seq, m.digest), "}");
  }
  std::string operator()(const pbft::FetchBatch& m) {
    return absl::StrCat("FetchBatch{", words.place(m.seq, m.digest), "}");
  }
  std::string operator()(const pbft::StatusReport& m) {
    return absl::StrCat("StatusReport{", text_of(m.view), m.changing ? " wanted" : "", ", executed ", m.executed.value(),
                        ", stable ", m.stable.value(), "}");
  }
  std::string operator()(const pbft::Prepare& m) { return vote("Prepare", m.vote); }
  std::string operator()(const pbft::Commit& m) { return vote("Commit", m.vote); }
  std::string vote(const char* kind, const pbft::Vote& v) {
    return absl::StrCat(kind, "{", words.place(v.seq, v.digest), "}");
  }
  std::string operator()(const pbft::Complaint& m) { return absl::StrCat("Complaint{", text_of(m.view), "}"); }
  std::string operator()(const pbft::VoteOfPrimary& m) { return vote("VoteOfPrimary", m.prepare.vote); }
  std::string operator()(const pbft::ProofOfMisbehavior& m) {
    const pbft::Vote &a = m.one.vote, &b = m.other.vote;
    return absl::StrCat("Proof{", words.place(a.seq, a.digest), " and ", words.place(b.seq, b.digest), "}");
  }
  std::string operator()(const pbft::SignedViewChange& m) {
    std::vector<std::string> proven;
    for (const pbft::PreparedCert& c : m.change.prepared) proven.push_back(words.place(c.vote.seq, c.vote.digest));
    return absl::StrCat("ViewChange{", text_of(m.change.view), proven.empty() ? "" : ", proves ",
                        proven.empty() ? "" : listed(proven), "}");
  }
  std::string operator()(const pbft::SignedNewView& m) { return absl::StrCat("NewView{", text_of(m.view.view), "}"); }
  template <class M>
  std::string operator()(const M& m) {
    return holdfast::print(m);
  }
};

std::string PbftWords::print(const pbft::Packet& packet, bool from_member) {
  const StatusOr<pbft::Message> message = codec::decode<pbft::Message>(packet.body);
  if (!message.ok()) return "?";
  // What a member tells the primary that it may have missed.
  const auto* passed_on = std::get_if<pbft::Submit>(&*message);
  if (passed_on != nullptr && from_member) {
    return absl::StrCat("PassOn{", operations(passed_on->request.request), "}");
  }
  return std::visit(Say{*this}, *message);
}

std::string PbftWords::shown(const Slice& operation) const {
  if (operation_) {
    if (std::optional<std::string> words = operation_(operation)) return *words;
  }
  const std::string_view bytes = operation.view();
  const bool printable = std::all_of(bytes.begin(), bytes.end(), [](char c) { return c > 32 && c < 127; });
  if (printable && bytes.size() <= kShort) return std::string(bytes);
  char text[8];
  std::snprintf(text, sizeof text, "%04x", crc32c(bytes) & 0xffff);
  return text;
}

std::string PbftWords::place(pbft::Seq seq, const pbft::Digest& digest) const {
  const auto known = batches_.find(digest);
  return absl::StrCat(seq.value(), ":", known == batches_.end() ? "nothing" : known->second);
}

std::string PbftWords::operations(const pbft::Request& r) {
  std::vector<std::string> words;
  for (const Slice& o : r.operations) words.push_back(shown(o));
  return requests_[r.id] = listed(words);
}

}  // namespace holdfast::sim
