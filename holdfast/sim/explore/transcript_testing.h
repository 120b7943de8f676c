// For tests: transcripts, text files of commands and their full effects, to be read as an essay about a protocol.
//
// A transcript is made of commands, each followed by "----", its effects and an empty line; # begins a comment line. To
// write them anew after a change: HOLDFAST_REWRITE=1 build/release/bin/THE_TEST, then read the diff.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "holdfast/sim/explore/small_world.h"

namespace holdfast::explore {

// Plays commands in a small world. Verbs that every protocol has:
//   sync [node]                              what is on the way to the disk is stable
//   deliver | lose | repeat [from|* [to]]    the messages in flight now, oldest first
//   overtake                                 delivers the newest one
//   wait MILLISECONDS   crash NODE   restart NODE
template <class Core>
class Player {
 public:
  explicit Player(typename SmallWorld<Core>::Make make)
      : world_(std::move(make),
               [this](NodeId id, const std::string& what) { output_ += print(id) + " " + what + "\n"; }) {}
  virtual ~Player() = default;

  std::string play(const std::string& command) {
    output_.clear();
    std::istringstream in(command);
    std::string verb;
    in >> verb;
    std::vector<std::string> arguments;
    for (std::string word; in >> word;) arguments.push_back(word);
    if (!perform(verb, arguments) && !perform_common(verb, arguments)) ADD_FAILURE() << "unknown command: " << command;
    return output_.empty() ? "nothing\n" : output_;
  }

 protected:
  using World = SmallWorld<Core>;
  using Arguments = std::vector<std::string>;

  // A verb of the protocol's own; false: it has none of this name.
  virtual bool perform(const std::string& verb, const Arguments& arguments) = 0;

  static NodeId node_id(const std::string& text) { return NodeId(std::stoull(text.substr(1))); }
  typename World::Node& node(const std::string& text) { return world_.nodes.at(node_id(text)); }
  void say(const std::string& line) { output_ += line + "\n"; }

 private:
  bool perform_common(const std::string& verb, const Arguments& args) {
    if (verb == "sync") {
      for (auto& [id, n] : world_.nodes) {
        if (args.empty() || args[0] == print(id)) world_.sync(n);
      }
    } else if (verb == "wait") {
      world_.wait(Duration::millis(std::stoll(args[0])));
    } else if (verb == "crash") {
      world_.crash(node(args[0]));
      say(args[0] + " is down");
    } else if (verb == "restart") {
      world_.start(node(args[0]));
    } else if (verb == "overtake") {
      world_.deliver(world_.in_flight.size() - 1);
    } else if (verb == "deliver" || verb == "repeat" || verb == "lose") {
      network(verb, args);
    } else {
      return false;
    }
    return true;
  }

  void network(const std::string& verb, const Arguments& args) {
    size_t index = 0;
    for (size_t left = world_.in_flight.size(); left > 0; --left) {
      const auto& m = world_.in_flight[index];
      const bool from = args.empty() || args[0] == "*" || print(m.from) == args[0];
      const bool to = args.size() < 2 || print(m.to) == args[1];
      if (!from || !to) {
        ++index;
      } else if (verb == "lose") {
        say("lost: " + print(m.from) + " to " + print(m.to) + " " +
            print(*codec::decode<typename Core::Out::Wire>(m.bytes)));
        world_.lose(index);
      } else {
        const bool keep = verb == "repeat";
        if (!world_.up(m.to)) say(print(m.to) + " is down and hears nothing");
        world_.deliver(index, keep);
        index += keep ? 1 : 0;
      }
    }
  }

 protected:
  std::string output_;
  World world_;
};

// Plays the transcript at `path` (relative to the source tree) and compares every effect, or writes it anew.
template <class MadePlayer>
void expect_transcript(const std::string& path, std::unique_ptr<MadePlayer> player) {
  const std::string file = std::string(HOLDFAST_SOURCE_DIR) + "/" + path;
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  ASSERT_FALSE(text.str().empty()) << file;
  std::istringstream in(text.str());
  std::string played, line;
  bool in_output = false;
  while (std::getline(in, line)) {
    if (in_output && !line.empty()) continue;
    in_output = false;
    played += line + "\n";
    if (!line.empty() && line[0] != '#') {
      played += "----\n" + player->play(line);
      in_output = true;
    }
  }
  if (std::getenv("HOLDFAST_REWRITE") != nullptr) {
    std::ofstream(file) << played;
  } else {
    EXPECT_EQ(played, text.str()) << file;
  }
}

// How many transcripts there are in a folder: a test that plays its list shows that it forgets none.
inline size_t transcripts_in(const std::string& folder) {
  size_t found = 0;
  for (const auto& e : std::filesystem::directory_iterator(std::string(HOLDFAST_SOURCE_DIR) + "/" + folder)) {
    found += e.path().extension() == ".txt" ? 1 : 0;
  }
  return found;
}

}  // namespace holdfast::explore
