// Tells a run in words, as its trace goes by. Internal to lab/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "holdfast/lab/play.h"

namespace holdfast::lab {

class Story {
 public:
  explicit Story(const Stage& stage);

  // As Trace::Sink.
  void note(Time at, NodeId who, std::string_view kind, std::string_view text);
  void say(Time at, const std::string& text) { lines_.push_back({at, "", text, true}); }

  std::vector<Line> take() { return std::move(lines_); }
  size_t messages() const { return messages_; }

 private:
  // One line for equal things that happen to several at the same time.
  void gather(Time at, const std::string& who, const std::string& what, const std::string& whom);
  bool hidden(std::string_view message) const;
  const std::string& name(NodeId id) const { return stage_.name_of(id); }

  const Stage& stage_;
  std::vector<Line> lines_;
  size_t messages_ = 0;
};

}  // namespace holdfast::lab
