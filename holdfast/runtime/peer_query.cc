#include "holdfast/runtime/peer_query.h"

#include <memory>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <asio/buffer.hpp>
#include <asio/write.hpp>

#include "holdfast/runtime/connect.h"
#include "holdfast/runtime/sockets.h"

namespace holdfast::runtime {
namespace {

struct Answers {
  size_t connected = 0;  // of those that have not said anything yet
  std::vector<MembersReply> replies;
  std::vector<std::string> troubles;
};

// One question to one URL. Handlers keep it alive.
class Query : public std::enable_shared_from_this<Query> {
 public:
  Query(asio::io_context& loop, const Url& url, Answers& answers)
      : resolver_(loop), socket_(loop), reader_(kControlFrameBytes, false), url_(url), answers_(answers) {}

  void start(const MembersRequest& request) {
    Chain out(Slice::unowned(kPeerPreamble));
    out.push(control_frame(request));
    request_ = out.flatten();
    resolve(resolver_, url_, [self = shared_from_this()](const std::string& error, const auto& endpoints) {
      if (!error.empty()) return self->fail(error);
      connect_to_any(self->socket_, endpoints, [self](const std::string& e) {
        if (!e.empty()) return self->fail(e);
        self->connected_ = true;
        ++self->answers_.connected;
        self->ask();
      });
    });
  }

 private:
  void ask() {
    asio::async_write(socket_, asio::buffer(request_.data(), request_.size()),
                      [self = shared_from_this()](const asio::error_code& e, size_t) {
                        if (e) return self->fail(e.message());
                        self->read();
                      });
  }

  void read() {
    const FrameReader::Space space = reader_.space();
    socket_.async_read_some(asio::buffer(space.data, space.size),
                            [self = shared_from_this()](const asio::error_code& e, size_t n) {
                              if (e) return self->fail(e.message());
                              self->reader_.filled(n);
                              const auto next = self->reader_.next();
                              if (!next.ok()) return self->fail(std::string(next.status().message()));
                              if (!next->has_value()) return self->read();
                              self->take(**next);
                            });
  }

  void take(const Frame& frame) {
    const auto control = codec::decode<Control>(frame.body);
    if (!control.ok()) return fail(std::string(control.status().message()));
    if (const auto* reply = std::get_if<MembersReply>(&*control)) {
      said();
      answers_.replies.push_back(*reply);
    } else if (const auto* no = std::get_if<Refused>(&*control)) {
      fail("refused: " + no->text);
    } else {
      fail("it answered something else");
    }
  }

  void said() {
    if (std::exchange(connected_, false)) --answers_.connected;
  }
  void fail(const std::string& why) {
    said();
    answers_.troubles.push_back(fmt::format("{}:{}: {}", url_.host, url_.port, why));
  }

  Tcp::resolver resolver_;
  Tcp::socket socket_;
  FrameReader reader_;
  const Url url_;
  Answers& answers_;
  Slice request_;
  bool connected_ = false;
};

}  // namespace

StatusOr<std::vector<MembersReply>> ask_members(const std::vector<Url>& urls, const MembersRequest& request,
                                                size_t enough, Duration timeout, Duration patience) {
  Answers answers;  // outlives the loop, whose handlers refer to it
  {
    asio::io_context loop(1);
    for (const Url& url : urls) std::make_shared<Query>(loop, url, answers)->start(request);
    const auto until = std::chrono::steady_clock::now() + to_chrono(timeout);
    while (answers.replies.size() < enough && loop.run_one_until(until) != 0) {
    }
    const auto late = until + to_chrono(patience);
    while (answers.replies.size() < enough && answers.connected > 0 && loop.run_one_until(late) != 0) {
    }
  }
  if (!answers.replies.empty()) return std::move(answers.replies);
  if (answers.troubles.size() < urls.size()) answers.troubles.push_back("the others did not answer in time");
  return absl::UnavailableError(
      fmt::format("no member of the cluster answered ({})", fmt::join(answers.troubles, "; ")));
}

}  // namespace holdfast::runtime
