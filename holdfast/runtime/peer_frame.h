// What members say to each other on a connection: frames and the control messages in them
// (docs/formats/peer-protocol.md has the byte tables).
//
// A connection begins with kPeerPreamble, sent by the one that connects; from then on both sides send frames. Pure: no
// sockets here, so that fuzzers and tests can feed bytes in any portions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "holdfast/base/codec.h"
#include "holdfast/base/slice.h"
#include "holdfast/base/status.h"
#include "holdfast/model/types.h"

namespace holdfast::runtime {

inline constexpr std::string_view kPeerPreamble = "HOLDFAST";
// The versions of the protocol that this program speaks.
inline constexpr uint32_t kPeerMinVersion = 1;
inline constexpr uint32_t kPeerMaxVersion = 1;

inline constexpr size_t kFrameHeaderBytes = 12;
// The limit on a frame's body before the handshake is done.
inline constexpr size_t kControlFrameBytes = size_t{256} << 10;

// --- Control messages ------------------------------------------------------------------------------------------------

// The first frame of one who wants to send messages.
struct Hello {
  uint32_t min_version = kPeerMinVersion;
  uint32_t max_version = kPeerMaxVersion;
  codec::Fixed64 cluster;
  NodeId sender;
  NodeId receiver;                     // who the sender believes to reach
  codec::Fixed64 incarnation;          // of the sender's process
  std::vector<std::string> peer_urls;  // where the sender can be reached, should the receiver not know it yet
  std::string engine;                  // of the sender; empty: raft
};
struct Welcome {
  uint32_t version = 0;  // the one in force from now on
  codec::Fixed64 incarnation;
};
// The connection is closed after it.
struct Refused {
  uint32_t reason = 0;  // a Refusal; unknown ones are read as kOther
  std::string text;
};
struct Ping {
  uint64_t number = 0;
};
struct Pong {
  uint64_t number = 0;
};
// Instead of Hello: from a process that was added to the cluster and does not know its own identity yet, or that wants
// to know whether its identity is in use.
struct MembersRequest {
  uint32_t min_version = kPeerMinVersion;
  uint32_t max_version = kPeerMaxVersion;
  std::vector<std::string> peer_urls;  // where the asker can be reached
  std::string engine;                  // of the asker; empty: raft
};
struct PeerMember {
  NodeId id;
  std::string name;  // empty: not started yet
  std::vector<std::string> peer_urls;
  std::vector<std::string> client_urls;
  bool is_learner = false;
  bool operator==(const PeerMember&) const = default;
};
// As far as the answering member has applied them. Closed after it.
struct MembersReply {
  codec::Fixed64 cluster;
  NodeId sender;
  std::vector<PeerMember> members;
  std::string engine;  // of the one that answers; empty: raft
};
using Control = std::variant<Hello, Welcome, Refused, Ping, Pong, MembersRequest, MembersReply>;

enum class Refusal { kOther, kVersion, kCluster, kSelf, kReceiver, kRemoved, kBusy, kEngine };
constexpr Refusal last_value(Refusal) { return Refusal::kEngine; }
Refusal refusal_of(const Refused& refused);

// The engine that somebody said to run: "raft" when nothing was said, "?" when that is no name.
std::string_view engine_said(const std::string& engine);

// --- Frames ----------------------------------------------------------------------------------------------------------

enum class FrameKind : uint8_t {
  kControl = 1,  // the body is an encoded Control
  kMessage = 2,  // the body is the owner's
};
struct Frame {
  FrameKind kind = FrameKind::kControl;
  Slice body;
};

// The bytes of one frame. Large parts of `body` are attached, not copied.
Chain frame(FrameKind kind, const Chain& body);
Chain control_frame(const Control& control);

// Cuts a stream of bytes into frames.
//   Memory: a fixed buffer, and one body of at most max_body_bytes. A body does not share memory with its neighbours,
//   so that keeping a small one alive keeps nothing else.
class FrameReader {
 public:
  // `expect_preamble`: the stream begins with kPeerPreamble.
  FrameReader(size_t max_body_bytes, bool expect_preamble);

  void set_max_body_bytes(size_t n) { max_body_bytes_ = n; }

  // Where the next bytes of the stream belong: never empty, valid until the next call of any kind.
  struct Space {
    char* data;
    size_t size;
  };
  Space space();
  // `n` bytes were put there.
  void filled(size_t n);

  // The next frame, nullopt when more bytes are needed. kDataLoss: the stream is malformed and nothing more can be read
  // from it; every later call says the same.
  StatusOr<std::optional<Frame>> next();

 private:
  struct Header {
    uint32_t length;
    FrameKind kind;
    uint32_t crc;
    uint32_t crc_of_head;
  };
  Status read_header();
  Status fail(std::string what);
  std::optional<Slice> take_body();

  size_t max_body_bytes_;
  bool expect_preamble_;
  std::unique_ptr<char[]> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  std::optional<Header> header_;
  Block* large_ = nullptr;  // owned by large_owner_; being filled while not null
  Slice large_owner_;
  size_t large_filled_ = 0;
  Status failed_;
};

}  // namespace holdfast::runtime
