// The machine's state as a whole: its image, its digest, how it is replaced, and what PBFT asks of it.
#include <utility>

#include <absl/strings/str_cat.h>

#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/replica/machine_step.h"

namespace holdfast::replica {
namespace {

// The machine's own part of an image; the user's follows.
struct MachineHeader {
  std::vector<MachineMember> members;
};

// The header with its length before it, then the owner's bytes.
class MachineImage : public ImageReader {
 public:
  MachineImage(const MachineHeader& header, std::unique_ptr<ImageReader> rest) : rest_(std::move(rest)) {
    const Slice bytes = codec::encode_flat(header);
    const auto n = static_cast<uint32_t>(bytes.size());
    for (int i = 0; i < 4; ++i) head_ += static_cast<char>(n >> (8 * i));
    head_ += bytes.view();
  }
  bool read(size_t max_bytes, std::string& out) override {
    if (!head_.empty()) {
      out += std::exchange(head_, {});
      return true;
    }
    return rest_->read(max_bytes, out);
  }

 private:
  std::string head_;
  std::unique_ptr<ImageReader> rest_;
};
}  // namespace

// The last byte of what a group has answered: whether the machine's own answer comes before it.
constexpr char kWhole = 1, kTooLarge = 2;

// To PBFT, which keeps answers, and so bounds them.
void Machine::give(std::string answer) {
  if (answer.size() >= replica_->answer_room()) {
    mark<"machine.answer_too_large">();
    answer.assign(1, kTooLarge);
  } else {
    answer.push_back(kWhole);
  }
  replica_->answer(Slice::take(std::move(answer)));
}

Status Machine::taken(const Slice& said, std::string& answer) {
  if (said.empty() || said.view().back() != kWhole) {
    return absl::OutOfRangeError("its answer has more bytes than a group keeps; a command was carried out all the same");
  }
  answer = std::string(said.view().substr(0, said.size() - 1));
  return absl::OkStatus();
}

// What comes of PBFT only.
bool Machine::handle_group(Event& event, Out& out) {
  if (const auto* e = std::get_if<Question>(&event)) {
    give(machine_.query(e->question.view()));
  } else if (std::holds_alternative<DigestWanted>(event)) {
    replica_->state_is(digest());
  } else if (const auto* e = std::get_if<Answered>(&event)) {
    std::string answer;
    const Status status = taken(e->answer, answer);
    settle(e->sequence, status, std::move(answer), out);
  } else if (const auto* e = std::get_if<ProposalRefused>(&event)) {
    settle(e->sequence, absl::ResourceExhaustedError("too much waits for the group; try again later"), {}, out);
  } else if (std::holds_alternative<Reset>(event)) {
    if (const Status s = load(initial_); !s.ok()) must_stop(absl::StrCat("its first state: ", s.message()), out);
    out.raise(MembersChanged{});
  } else {
    return false;
  }
  return true;
}

crypto::Digest Machine::digest() const {
  crypto::Hasher hasher;
  return hasher.add(machine_.digest()).add(codec::encode_flat(MachineHeader{members_}).view()).finish();
}

void Machine::handle_load(Time now, Event& event, Out& out) {
  if (std::holds_alternative<LoadBegin>(event) || std::holds_alternative<LoadAborted>(event)) {
    loading_.clear();
  } else if (const auto* bytes = std::get_if<LoadBytes>(&event)) {
    loading_ += bytes->bytes;
  } else if (std::holds_alternative<LoadEnd>(event)) {
    load_ended(now, out);
  }
}

// There is no second machine to try an image on: the state as it was is kept aside until the replica has agreed.
void Machine::load_ended(Time now, Out& out) {
  const std::string before = byzantine() && replica_->started() ? whole_image() : std::string();
  const Status loaded = load(std::exchange(loading_, {}));
  if (!loaded.ok() && !byzantine()) {
    return must_stop(absl::StrCat("a snapshot cannot be restored: ", loaded.message()), out);
  }
  bool replaced = false;
  step(now, out, [&](Replica::Out& o) {
    replaced = replica_->load_done(now, loaded, loaded.ok() && byzantine() ? digest() : crypto::Digest(), o);
    if (replaced || before.empty()) return;
    mark<"machine.image_given_back">();
    if (const Status again = load(before); !again.ok()) {
      must_stop(absl::StrCat("the state machine cannot restore what it has saved: ", again.message()), out);
    }
  });
  if (replaced) out.raise(MembersChanged{});
}

std::string Machine::whole_image() const {
  std::string bytes;
  const auto reader = image();
  while (reader->read(size_t{1} << 20, bytes)) {
  }
  return bytes;
}

std::unique_ptr<ImageReader> Machine::image() const {
  return std::make_unique<MachineImage>(MachineHeader{members_}, machine_.image());
}

Status Machine::load(std::string_view image) {
  uint32_t n = 0;
  if (image.size() < 4) return absl::DataLossError("it ends within its header");
  for (int i = 0; i < 4; ++i)
    n |= static_cast<uint32_t>(static_cast<uint8_t>(image[static_cast<size_t>(i)])) << (8 * i);
  image.remove_prefix(4);
  if (n > image.size()) return absl::DataLossError("it ends within its header");
  StatusOr<MachineHeader> header = codec::decode<MachineHeader>(Slice::copy_of(image.substr(0, n)));
  if (!header.ok()) return header.status();
  if (Status s = machine_.restore(image.substr(n)); !s.ok()) return s;
  members_ = std::move(header->members);
  return absl::OkStatus();
}

}  // namespace holdfast::replica
