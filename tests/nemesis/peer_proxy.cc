#include "tests/nemesis/peer_proxy.h"

#include <future>

namespace holdfast::nemesis {
namespace {

using asio::ip::tcp;

constexpr size_t kBufferBytes = 64 << 10;
constexpr size_t kHelloBytes = 256 << 10;

}  // namespace

// One connection, in both directions. It lives as long as an operation of it is under way.
struct PeerProxy::Link : std::enable_shared_from_this<Link> {
  struct Way {
    tcp::socket& from;
    tcp::socket& to;
    std::array<char, kBufferBytes> bytes;
    size_t size = 0;
    bool held = false;
  };

  Link(PeerProxy& proxy, tcp::socket accepted, size_t receiver)
      : owner(proxy), in(std::move(accepted)), out(owner.context_), to(receiver) {}

  void connect() {
    const tcp::endpoint target(asio::ip::address_v4::loopback(), owner.peer_ports_[to]);
    out.async_connect(target, [self = shared_from_this()](asio::error_code error) {
      if (error) return self->close();
      self->read(self->there);
      self->read(self->back);
    });
  }
  void read(Way& way) {
    way.from.async_read_some(asio::buffer(way.bytes),
                             [self = shared_from_this(), &way](asio::error_code error, size_t n) {
                               if (error) return self->close();
                               way.size = n;
                               if (&way == &self->there && self->from == kMembersAtMost) self->identify();
                               self->forward(way);
                             });
  }
  void forward(Way& way) {
    way.held = from != kMembersAtMost && owner.cut_[from][to];
    if (way.held) {
      kept_alive = shared_from_this();
      return;
    }
    asio::async_write(way.to, asio::buffer(way.bytes.data(), way.size),
                      [self = shared_from_this(), &way](asio::error_code error, size_t) {
                        if (error) return self->close();
                        self->read(way);
                      });
  }
  // Reads the first frame along with the receiver: the sender names its own peer URLs.
  void identify() {
    for (size_t at = 0; at < there.size;) {
      const runtime::FrameReader::Space space = reader.space();
      const size_t n = std::min(space.size, there.size - at);
      std::copy_n(there.bytes.data() + at, n, space.data);
      reader.filled(n);
      at += n;
    }
    const auto frame = reader.next();
    if (!frame.ok() || !frame->has_value() || (*frame)->kind != runtime::FrameKind::kControl) return;
    const auto control = codec::decode<runtime::Control>((*frame)->body);
    const auto* hello = control.ok() ? std::get_if<runtime::Hello>(&*control) : nullptr;
    if (hello == nullptr) return;
    for (const std::string& url : hello->peer_urls) {
      for (size_t i = 0; i < owner.ports_.size(); ++i) {
        if (url.ends_with(":" + std::to_string(owner.ports_[i]))) from = i;
      }
    }
  }
  void release() {
    const std::shared_ptr<Link> self = std::move(kept_alive);
    for (Way* way : {&there, &back}) {
      if (way->held) forward(*way);
    }
  }
  void close() {
    asio::error_code ignored;
    in.close(ignored);
    out.close(ignored);
    kept_alive.reset();
  }

  static constexpr size_t kMembersAtMost = ~size_t{0};
  PeerProxy& owner;
  tcp::socket in, out;
  const size_t to;
  size_t from = kMembersAtMost;  // not known yet
  runtime::FrameReader reader{kHelloBytes, true};
  Way there{in, out, {}, 0, false}, back{out, in, {}, 0, false};
  std::shared_ptr<Link> kept_alive;  // while something is held
};

PeerProxy::PeerProxy(const std::vector<uint16_t>& peer_ports)
    : peer_ports_(peer_ports), cut_(peer_ports.size(), std::vector<bool>(peer_ports.size())) {
  for (size_t i = 0; i < peer_ports.size(); ++i) {
    acceptors_.emplace_back(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    ports_.push_back(acceptors_.back().local_endpoint().port());
  }
  for (size_t i = 0; i < peer_ports.size(); ++i) accept(i);
  thread_ = std::thread([this] { context_.run(); });
}

PeerProxy::~PeerProxy() {
  asio::post(context_, [this] {
    for (const auto& weak : links_) {
      if (const auto link = weak.lock()) link->close();
    }
    context_.stop();
  });
  thread_.join();
}

void PeerProxy::accept(size_t to) {
  acceptors_[to].async_accept([this, to](asio::error_code error, tcp::socket socket) {
    if (!error) {
      std::erase_if(links_, [](const auto& weak) { return weak.expired(); });
      const auto link = std::make_shared<Link>(*this, std::move(socket), to);
      links_.push_back(link);
      link->connect();
    }
    accept(to);
  });
}

void PeerProxy::release() {
  for (const auto& weak : links_) {
    if (const auto link = weak.lock()) link->release();
  }
}

void PeerProxy::cut(size_t from, size_t to, bool on) {
  std::promise<void> done;
  asio::post(context_, [&] {
    cut_[from][to] = on;
    release();
    done.set_value();
  });
  done.get_future().wait();
}

void PeerProxy::heal() {
  for (size_t from = 0; from < ports_.size(); ++from) {
    for (size_t to = 0; to < ports_.size(); ++to) cut(from, to, false);
  }
}

}  // namespace holdfast::nemesis
