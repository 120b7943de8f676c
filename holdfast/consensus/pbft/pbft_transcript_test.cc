// Transcripts (sim/explore/transcript_testing.h) of PBFT: texts of commands and all that the members of a group of four
// said, wrote down and did, to be read as an essay about the protocol. Members are n1 to n4, n1 leads first; n101 and
// n102 are clients. What a member says to several is one line.
//   submit TEXT [CLIENT] · read [CLIENT]
//   deliver [FROM|* [TO...]]     what is under way now arrives; what it brings about is under way then
//   lose [FROM|* [TO...]]        likewise, but it is lost
//   rest                         delivers until nothing is under way
//   order TEXT                   the whole way of a request, of which only the answer is written down
//   wait MS                      time passes
//   crash N · restart N
//   equivocate TEXT [A...]       n1, which is faulty, proposes this batch to these
//   lie CLIENT TEXT [read]       n4, which is faulty, answers this (a read)
#include "holdfast/consensus/pbft/quiet_testing.h"
#include "holdfast/consensus/pbft/words_testing.h"
#include "holdfast/sim/explore/transcript_testing.h"

namespace holdfast::pbft {
namespace {

class PbftPlayer {
 public:
  // `named`: proposals name their requests, however small.
  explicit PbftPlayer(bool named) {
    if (named) group_.base.whole_proposal_bytes = 0;
    group_.says = [this](NodeId from, NodeId to, const Message& m) { line(from, to, words_.of(m)); };
    group_.writes = [this](NodeId id, const Record& r) { line(id, "writes " + words_.of(r)); };
    group_.raises = [this](NodeId id, const Event& e) { line(id, words_.of(e)); };
    group_.base.resend_interval = Duration::seconds(60);  // what is lost here stays lost
    group_.base.vote_wait = Duration();                   // a quorum of PREPAREs waits for no more of them
    group_.start();
    group_.deliver();
    (void)take();
  }

  std::string play(const std::string& command) {
    std::istringstream in(command);
    std::string verb;
    in >> verb;
    arguments_.clear();
    for (std::string word; in >> word;) arguments_.push_back(word);
    const size_t answered = group_.answers.size();
    if (!perform(verb)) ADD_FAILURE() << "unknown command: " << command;
    for (size_t i = answered; i < group_.answers.size(); ++i) {
      const std::string& answer = group_.answers[i];
      line(NodeId(), "a client believes " + answer.substr(0, answer.find(':')));
    }
    return take();
  }

 private:
  static NodeId id(const std::string& text) { return NodeId(std::stoull(text.substr(1))); }
  uint64_t client(size_t i) const { return i < arguments_.size() ? id(arguments_[i]).value() : 101; }
  bool concerns(const Quiet::Wire& w) const {
    if (!arguments_.empty() && arguments_[0] != "*" && id(arguments_[0]) != w.from) return false;
    if (arguments_.size() < 2) return true;
    return std::any_of(arguments_.begin() + 1, arguments_.end(), [&](const auto& a) { return id(a) == w.to; });
  }
  bool perform(const std::string& verb) {
    if (verb == "submit") {
      group_.submit(arguments_.at(0), client(1));
    } else if (verb == "read") {
      group_.read(client(0));
    } else if (verb == "deliver" || verb == "lose") {
      const bool lost = verb == "lose";
      group_.hop(
          [&](const Quiet::Wire& w) {
            if (lost && concerns(w)) line(w.from, w.to, "lost: " + words_.of(w.message()));
            return concerns(w);
          },
          lost);
    } else if (verb == "order") {
      group_.submit(arguments_.at(0));
      group_.deliver();
      lines_.clear();
    } else if (verb == "rest") {
      group_.deliver();
    } else if (verb == "wait") {
      group_.idle(std::stoll(arguments_.at(0)));
    } else if (verb == "crash") {
      group_.crash(id(arguments_.at(0)).value());
    } else if (verb == "restart") {
      group_.restart(id(arguments_.at(0)).value());
    } else if (verb == "equivocate") {
      equivocate();
    } else if (verb == "lie") {
      lie();
    } else {
      return false;
    }
    return true;
  }
  // Its proposal, and its vote for it.
  void equivocate() {
    const std::string& text = arguments_.at(0);
    const Slice batch = codec::encode_flat(Batch{1, {group_.request(NodeId(102), 1, text)}});
    const Vote v = group_.vote(View(), Seq(1), crypto::digest(batch.view()));
    for (size_t i = 1; i < arguments_.size(); ++i) {
      const NodeId to = id(arguments_[i]);
      for (const Message& m : {Message(PrePrepare{0, View(), Seq(1), batch}), Message(group_.prepare(NodeId(1), v))}) {
        line(NodeId(1), to, words_.of(m));
        group_.say(NodeId(1), to, m);
      }
    }
  }
  void lie() {
    const NodeId to = id(arguments_.at(0));
    Reply r{.id = {to, 1, 1}, .read = arguments_.size() > 2};
    r.results = {Slice::copy_of(arguments_.at(1))};
    r.digest = digest_of_results(r.id, *r.results);
    line(NodeId(4), to, words_.of(Message(r)));
    group_.say(NodeId(4), to, r);
  }

  void line(NodeId from, NodeId to, const std::string& text) {
    if (!lines_.empty() && lines_.back().from == from && lines_.back().text == text && !lines_.back().to.empty()) {
      lines_.back().to += " " + print(to);
    } else {
      lines_.push_back({from, print(to), text});
    }
  }
  void line(NodeId who, const std::string& what) { lines_.push_back({who, "", what}); }
  std::string take() {
    std::string out;
    for (const Line& l : std::exchange(lines_, {})) {
      out += l.from ? print(l.from) + (l.to.empty() ? " " : " to " + l.to + ": ") : "";
      out += l.text + "\n";
    }
    return out.empty() ? "nothing\n" : out;
  }

  struct Line {
    NodeId from;
    std::string to, text;
  };
  Words words_;
  Quiet group_;
  std::vector<std::string> arguments_;
  std::vector<Line> lines_;
};

constexpr const char* kFolder = "holdfast/consensus/pbft/testdata";
const std::vector<const char*> kTranscripts = {"normal_case",          "view_change", "checkpoint",
                                               "equivocating_primary", "read",        "faulty_backup",
                                               "named_requests"};

class PbftTranscript : public testing::TestWithParam<const char*> {};

TEST_P(PbftTranscript, IsAsWrittenDown) {
  const std::string name = GetParam();
  explore::expect_transcript(std::string(kFolder) + "/" + name + ".txt",
                             std::make_unique<PbftPlayer>(name == "named_requests"));
}

INSTANTIATE_TEST_SUITE_P(Files, PbftTranscript, testing::ValuesIn(kTranscripts),
                         [](const auto& param) { return std::string(param.param); });

TEST(PbftTranscripts, NoneIsForgotten) { EXPECT_EQ(explore::transcripts_in(kFolder), kTranscripts.size()); }

}  // namespace
}  // namespace holdfast::pbft
