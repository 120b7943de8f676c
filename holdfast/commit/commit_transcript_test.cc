// Plays the transcripts of testdata/*.txt and compares every effect. They are to be read as an essay about the
// protocol. To write them anew after a change: HOLDFAST_REWRITE=1 build/release/bin/commit_transcript_test, then read
// the diff.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "holdfast/commit/commit_testing.h"

namespace holdfast::commit {
namespace {

class Player {
 public:
  Player() : world_([this](NodeId id, const std::string& what) { output_ += print(id) + " " + what + "\n"; }) {}

  std::string play(const std::string& command) {
    output_.clear();
    std::istringstream in(command);
    std::string verb;
    in >> verb;
    std::vector<std::string> arguments;
    for (std::string word; in >> word;) arguments.push_back(word);
    perform(verb, arguments);
    return output_.empty() ? "nothing\n" : output_;
  }

 private:
  static NodeId node_id(const std::string& text) { return NodeId(std::stoull(text.substr(1))); }
  SmallWorld::Node& node(const std::string& text) { return world_.nodes.at(node_id(text)); }

  // Verbs: see testdata/happy_path.txt and its fellows; each is named after what happens.
  void perform(const std::string& verb, const std::vector<std::string>& args) {
    if (verb == "sites") {
      for (const std::string& a : args) {
        Config config;
        config.self = node_id(a);
        config.checkpoint_records = 8;
        world_.add(config);
      }
    } else if (verb == "begin") {
      std::vector<Part> parts;
      for (size_t i = 1; i < args.size(); ++i)
        parts.push_back({node_id(args[i]), Slice::copy_of("work of " + args[i])});
      world_.step(node(args[0]), [&](Site& s, Site::Out& out) { txn_ = s.begin(world_.now, parts, out).value(); });
    } else if (verb == "vote") {
      world_.step(node(args[0]), [&](Site& s, Site::Out& out) {
        s.vote(world_.now, txn_, args[1] == "yes", Slice::copy_of("undo and redo"), out);
      });
    } else if (verb == "done") {
      world_.step(node(args[0]), [&](Site& s, Site::Out& out) { s.done(world_.now, txn_, out); });
    } else if (verb == "abort") {
      world_.step(node(args[0]), [&](Site& s, Site::Out& out) { ASSERT_TRUE(s.abort(world_.now, txn_, out).ok()); });
    } else if (verb == "sync") {
      for (auto& [id, n] : world_.nodes) {
        if (args.empty() || args[0] == print(id)) world_.sync(n);
      }
    } else if (verb == "wait") {
      world_.wait(Duration::millis(std::stoll(args[0])));
    } else if (verb == "crash") {
      world_.crash(node(args[0]));
      output_ += args[0] + " is down\n";
    } else if (verb == "restart") {
      world_.start(node(args[0]));
    } else {
      network(verb, args);
    }
  }

  // deliver | lose | repeat [from [to]]: the messages in flight now, oldest first. overtake: the newest one first.
  void network(const std::string& verb, const std::vector<std::string>& args) {
    if (verb == "overtake") return world_.deliver(world_.in_flight.size() - 1);
    size_t index = 0;
    for (size_t left = world_.in_flight.size(); left > 0; --left) {
      const auto& m = world_.in_flight[index];
      if ((args.size() > 0 && print(m.from) != args[0]) || (args.size() > 1 && print(m.to) != args[1])) {
        ++index;
      } else if (verb == "lose") {
        output_ += "lost: " + print(m.from) + " to " + print(m.to) + " " + print(*codec::decode<Wire>(m.bytes)) + "\n";
        world_.in_flight.erase(world_.in_flight.begin() + static_cast<std::ptrdiff_t>(index));
      } else if (verb == "deliver" || verb == "repeat") {
        const bool keep = verb == "repeat";
        if (!world_.up(m.to)) output_ += print(m.to) + " is down and hears nothing\n";
        world_.deliver(index, keep);
        index += keep ? 1 : 0;
      } else {
        FAIL() << "unknown verb: " << verb;
      }
    }
  }

  std::string output_;
  SmallWorld world_;
  TxnId txn_;  // the latest begun
};

// A transcript is made of commands, each followed by "----", its effects and an empty line. # begins a comment line.
std::string replay_transcript(const std::string& text) {
  Player player;
  std::istringstream in(text);
  std::string result, line;
  bool in_output = false;
  while (std::getline(in, line)) {
    if (in_output && !line.empty()) continue;
    in_output = false;
    result += line + "\n";
    if (!line.empty() && line[0] != '#') {
      result += "----\n" + player.play(line);
      in_output = true;
    }
  }
  return result;
}

class Transcript : public testing::TestWithParam<std::string> {};

TEST_P(Transcript, HasExactlyTheWrittenEffects) {
  const std::string path = std::string(HOLDFAST_SOURCE_DIR) + "/holdfast/commit/testdata/" + GetParam() + ".txt";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  ASSERT_FALSE(text.str().empty()) << path;
  const std::string played = replay_transcript(text.str());
  if (std::getenv("HOLDFAST_REWRITE") != nullptr) {
    std::ofstream(path) << played;
  } else {
    EXPECT_EQ(played, text.str()) << path;
  }
}

const std::vector<std::string> kTranscripts = {
    "happy_path",    "a_no_vote", "coordinator_crash",       "participant_crash",
    "lost_messages", "blocking",  "cooperative_termination", "late_messages",
    "checkpoint"};

INSTANTIATE_TEST_SUITE_P(All, Transcript, testing::ValuesIn(kTranscripts), [](const auto& i) { return i.param; });

TEST(Transcripts, EveryFileIsPlayed) {
  std::vector<std::string> found;
  for (const auto& e :
       std::filesystem::directory_iterator(std::string(HOLDFAST_SOURCE_DIR) + "/holdfast/commit/testdata")) {
    found.push_back(e.path().stem().string());
  }
  EXPECT_EQ(found.size(), kTranscripts.size());
}

}  // namespace
}  // namespace holdfast::commit
