// What `holdfast up` shows: a pure rendering, and the terminal it is drawn on.
#pragma once

#include <termios.h>

#include <chrono>
#include <deque>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "holdfast/cli/cluster_watch.h"

namespace holdfast::cli {

struct ScreenMember {
  std::string endpoint;
  int pid = 0;  // 0: does not run
  bool paused = false;
  MemberView view;
};

struct Screen {
  std::string directory;
  std::string consensus;
  std::chrono::seconds up{0};
  std::vector<ScreenMember> members;
  std::deque<std::string> events;  // newest last
  std::vector<std::string> hints;
  std::string typed;
};

// "leader", "follower", "no leader", "starting", "paused", "stopped".
std::string state_of(const ScreenMember& member);

// The whole picture, a line each, without control characters.
std::vector<std::string> render(const Screen& screen);

// The same for a terminal of that size. A line that is too long is left to wrap there, so that what is to be copied
// stays whole; where lines are too many, the oldest events go first, then the hints, then what is above the last two.
std::vector<std::string> render(Screen screen, size_t width, size_t height);

// Rows that `lines` take in a terminal of that width.
size_t rows_of(const std::vector<std::string>& lines, size_t width);

// One line for logs and pipes: "leader=2 term=3 revision=17 ops/s=120 m1=follower m2=leader m3=stopped".
std::string summary(const Screen& screen);

// "00:12:07".
std::string clock_text(std::chrono::seconds time);

// A terminal in which pictures replace each other and typed characters are not echoed. Restores it when it goes.
class Terminal {
 public:
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Draws over the last picture. `picture(width, height)` gives its lines for a terminal of that size.
  using Picture = std::function<std::vector<std::string>(size_t width, size_t height)>;
  void draw(std::ostream& out, const Picture& picture);
  void draw(std::ostream& out, const Screen& screen);

 private:
  bool changed_ = false;
  termios before_{};
  std::vector<std::string> drawn_;
};

}  // namespace holdfast::cli
