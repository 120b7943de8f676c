// A TCP proxy that cuts connections after so many bytes, or holds all bytes back: the network between two members.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <thread>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

namespace holdfast::server {

class CutProxy {
 public:
  using Tcp = asio::ip::tcp;
  // Listens at `here`, connects to `there`. While `cuts` are left, a connection ends once it has carried `cut_after`
  // bytes towards `there`.
  CutProxy(const std::string& host, uint16_t here, uint16_t there, uint64_t cut_after, int cuts)
      : acceptor_(loop_, {asio::ip::make_address(host), here}),
        there_(asio::ip::make_address(host), there),
        cut_after_(cut_after),
        cuts_left_(cuts) {
    accept();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~CutProxy() {
    asio::post(loop_, [this] { loop_.stop(); });
    thread_.join();
  }

  std::atomic<uint64_t> carried{0};  // towards `there`
  std::atomic<int> cuts{0};
  std::atomic<bool> holds{false};  // while it is set, nothing is taken from those who send towards `there`

 private:
  struct Link {
    explicit Link(asio::io_context& loop) : in(loop), out(loop), pause(loop) {}
    Tcp::socket in, out;
    asio::steady_timer pause;
    uint64_t carried = 0;
    std::array<char, 16 << 10> forward, backward;
    void close() {
      asio::error_code ignored;
      in.close(ignored);
      out.close(ignored);
    }
  };
  using LinkPtr = std::shared_ptr<Link>;

  void accept() {
    auto link = std::make_shared<Link>(loop_);
    acceptor_.async_accept(link->in, [this, link](const asio::error_code& error) {
      if (error) return;
      link->out.async_connect(there_, [this, link](const asio::error_code& failed) {
        if (failed) return link->close();
        forward(link);
        backward(link);
      });
      accept();
    });
  }
  void forward(const LinkPtr& link) {
    if (holds) {
      link->pause.expires_after(std::chrono::milliseconds(10));
      link->pause.async_wait([this, link](const asio::error_code& error) {
        if (!error) forward(link);
      });
      return;
    }
    link->in.async_read_some(asio::buffer(link->forward), [this, link](const asio::error_code& error, size_t n) {
      if (error) return link->close();
      link->carried += n;
      carried += n;
      if (cuts_left_ > 0 && link->carried >= cut_after_) {
        --cuts_left_;
        ++cuts;
        return link->close();
      }
      asio::async_write(link->out, asio::buffer(link->forward.data(), n),
                        [this, link](const asio::error_code& failed, size_t) {
                          if (failed) return link->close();
                          forward(link);
                        });
    });
  }
  void backward(const LinkPtr& link) {
    link->out.async_read_some(asio::buffer(link->backward), [this, link](const asio::error_code& error, size_t n) {
      if (error) return link->close();
      asio::async_write(link->in, asio::buffer(link->backward.data(), n),
                        [this, link](const asio::error_code& failed, size_t) {
                          if (failed) return link->close();
                          backward(link);
                        });
    });
  }

  asio::io_context loop_{1};
  Tcp::acceptor acceptor_;
  const Tcp::endpoint there_;
  const uint64_t cut_after_;
  int cuts_left_;
  std::thread thread_;
};

}  // namespace holdfast::server
