#include "holdfast/server/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "holdfast/base/random.h"

namespace holdfast::server {
namespace {

struct Pair {
  Pair() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    const int small = 4096;
    ::setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  }
  ~Pair() {
    for (int fd : fds) {
      if (fd >= 0) ::close(fd);
    }
  }
  void drain(std::string& to) {
    char buffer[3001];
    for (ssize_t n; (n = ::recv(fds[1], buffer, sizeof(buffer), 0)) > 0;) to.append(buffer, static_cast<size_t>(n));
  }
  int fds[2] = {-1, -1};
};

// Long and short pieces, frames cut anywhere, a socket that takes little at a time: the bytes arrive in order, once.
TEST(Output, BytesArriveInOrderThroughASmallSocket) {
  Random random(5);
  Pair pair;
  Output out;
  Body body;
  std::string expected, received;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes(random.below(random.chance(1, 10) ? 9000 : 60), '\0');
    for (char& c : bytes) c = static_cast<char>(random.next());
    if (random.chance(1, 2)) {
      expected += bytes;
      out.append(random.chance(1, 2) ? Slice::copy_of(bytes) : Slice::take(std::string(bytes)));
    } else if (random.chance(1, 2)) {
      expected += bytes;
      out.append(std::string_view(bytes));
    } else {
      Chain chain(Slice::copy_of(bytes));
      chain.push(Slice::unowned("tail"));
      body.push(chain);
      expected += bytes + "tail";
      while (!body.empty()) body.move_to(out, 1 + random.below(body.size()));
    }
    if (random.chance(1, 3)) {
      const Output::Result result = out.write_to(pair.fds[0]);
      ASSERT_NE(result, Output::Result::kFailed);
      ASSERT_EQ(result == Output::Result::kDone, out.empty());
      if (random.chance(1, 4)) pair.drain(received);
    }
  }
  while (!out.empty()) {
    ASSERT_NE(out.write_to(pair.fds[0]), Output::Result::kFailed);
    pair.drain(received);
  }
  pair.drain(received);
  EXPECT_EQ(received.size(), expected.size());
  EXPECT_TRUE(received == expected);
}

// A reader who is always a little behind: what was sent long ago is not kept.
TEST(Output, WhatWasSentIsGivenUpThoughSomethingIsAlwaysUnsent) {
  Pair pair;
  Output out;
  std::string received;
  const std::string bytes(1000, 'x');
  for (int round = 0; round < 3000; ++round) {
    while (out.unsent() < 100'000) out.append(bytes);
    ASSERT_EQ(out.write_to(pair.fds[0]), Output::Result::kBlocked);
    ASSERT_LT(out.held(), 400'000u) << round;
    pair.drain(received);
  }
  EXPECT_GT(received.size(), size_t{4} << 20);
}

TEST(Output, APeerThatIsGoneIsNoticed) {
  Pair pair;
  ::close(std::exchange(pair.fds[1], -1));
  Output out;
  out.append("bytes");
  EXPECT_EQ(out.write_to(pair.fds[0]), Output::Result::kFailed);
}

TEST(Body, KeepsWhatIsNotTaken) {
  Body body;
  for (int i = 0; i < 200; ++i) body.push(Chain(Slice::copy_of(std::to_string(i) + ",")));
  Output out;
  const size_t size = body.size();
  for (int i = 0; i < 150; ++i) body.move_to(out, 3);
  EXPECT_EQ(body.size(), size - 450);
  EXPECT_EQ(out.unsent(), 450u);
  body.clear();
  EXPECT_TRUE(body.empty());
}

}  // namespace
}  // namespace holdfast::server
