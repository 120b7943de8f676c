#include "tests/nemesis/peer_proxy.h"

#include <future>

namespace holdfast::nemesis {
namespace {

using asio::ip::tcp;

constexpr size_t kBufferBytes = 64 << 10;
constexpr size_t kHelloBytes = 256 << 10;
constexpr size_t kMessageBytes = size_t{64} << 20;

}  // namespace

// One connection, in both directions. It lives as long as an operation of it is under way.
struct PeerProxy::Link : std::enable_shared_from_this<Link> {
  struct Way {
    tcp::socket& from;
    tcp::socket& to;
    std::array<char, kBufferBytes> bytes;
    size_t size = 0;
    bool held = false;
    std::string twisted;  // in place of `bytes`, where the member has a mouth of its own
    std::string besides;  // what the mouth says unasked; goes with what comes next
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
                               if (&way == &self->there && self->from == kMembersAtMost) {
                                 self->identify();
                               } else if (&way == &self->there && self->speaks_for_itself()) {
                                 if (!self->twist(way)) return self->close();
                               }
                               self->forward(way);
                             });
  }
  void forward(Way& way) {
    way.held = from != kMembersAtMost && owner.cut_[from][to];
    if (way.held) {
      kept_alive = shared_from_this();
      return;
    }
    way.twisted += std::exchange(way.besides, {});
    const auto bytes = way.size > 0 ? asio::buffer(way.bytes.data(), way.size) : asio::buffer(way.twisted);
    asio::async_write(way.to, bytes, [self = shared_from_this(), &way](asio::error_code error, size_t) {
      if (error) return self->close();
      way.twisted.clear();
      self->read(way);
    });
  }
  bool speaks_for_itself() const { return owner.mouth_ != nullptr && owner.mouth_->self() == from; }
  // Takes whole frames out of what has come, and puts what the mouth makes of them in their place.
  bool twist(Way& way) {
    for (size_t at = 0; at < way.size;) {
      const runtime::FrameReader::Space space = reader.space();
      const size_t n = std::min(space.size, way.size - at);
      std::copy_n(way.bytes.data() + at, n, space.data);
      reader.filled(n);
      at += n;
      for (;;) {
        const auto frame = reader.next();
        if (!frame.ok()) return false;
        if (!frame->has_value()) break;
        if ((*frame)->kind == runtime::FrameKind::kMessage) {
          speak((*frame)->body);
        } else {
          append(way.twisted, runtime::frame((*frame)->kind, Chain((*frame)->body)));
        }
      }
    }
    way.size = 0;
    return true;
  }
  void speak(const Slice& message) {
    for (const Mouth::Said& said : owner.mouth_->speak(to, message)) {
      if (said.delay == Duration() && said.to == to) {
        append(there.twisted, runtime::frame(runtime::FrameKind::kMessage, Chain(said.message)));
        continue;
      }
      auto later = std::make_shared<asio::steady_timer>(owner.context_, std::chrono::nanoseconds(said.delay.nanos()));
      later->async_wait([later, &proxy = owner, said](asio::error_code) { proxy.say_on(said.to, said.message); });
    }
  }
  static void append(std::string& out, const Chain& bytes) { out += bytes.flatten().view(); }
  // Reads the first frame along with the receiver: the sender names its own peer URLs.
  void identify() {
    for (size_t at = 0; at < there.size;) {
      const runtime::FrameReader::Space space = reader.space();
      const size_t n = std::min(space.size, there.size - at);
      std::copy_n(there.bytes.data() + at, n, space.data);
      reader.filled(n);
      at += n;
    }
    reader.set_max_body_bytes(kMessageBytes);  // for what a mouth is given
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

// On the connection that the mouth's member has to that one.
void PeerProxy::say_on(size_t to, const Slice& message) {
  for (const auto& weak : links_) {
    const auto link = weak.lock();
    if (link == nullptr || link->from != mouth_->self() || link->to != to) continue;
    Link::append(link->there.besides, runtime::frame(runtime::FrameKind::kMessage, Chain(message)));
  }
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
