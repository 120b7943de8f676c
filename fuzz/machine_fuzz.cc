// A user's state machine over an engine that tolerates crashes: it starts from an image of any bytes, hears any messages,
// and applies whatever a leader has had committed. Whatever comes, no invariant breaks; what cannot be read stops the
// member, and what was read is the same after the next start.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/replica/machine.h"
#include "holdfast/replica/snapshot_writer.h"
#include "tests/register_machine.h"

namespace holdfast::replica {
namespace {

struct Received {
  uint8_t from = 0;
  Wire wire;
};
struct Ordered {  // by the leader, and committed
  consensus::EntryKind kind = consensus::EntryKind::kNoop;
  std::variant<Slice, Command, consensus::MembershipEntry> data;
};
struct Submitted {
  Slice command;
};
struct Asked {};
struct Changed {
  NodeId id;
  bool joins = false;
};
struct Passed {
  uint16_t millis = 0;
};
using Input = std::variant<Received, Ordered, Submitted, Asked, Changed, Passed>;

constexpr uint64_t kSnapshotIndex = 5;

class Bytes : public ImageReader {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  bool read(size_t max_bytes, std::string& out) override {
    out += bytes_.substr(0, max_bytes);
    bytes_.remove_prefix(std::min(max_bytes, bytes_.size()));
    return !bytes_.empty();
  }

 private:
  std::string_view bytes_;
};

// A member with its disk, on which everything is stable at once.
class Program {
 public:
  explicit Program(EngineKind engine) {
    for (uint64_t n = 1; n <= 3; ++n) config_.members.push_back({NodeId(n), "at " + std::to_string(n)});
    config_.replica.engine = engine;
    config_.replica.consensus.self = NodeId(1);
    config_.replica.incarnation_hint = 1;
    config_.replica.snapshot_count = 4;
  }

  // Its disk holds a snapshot with this image, and nothing else.
  void begin_with(std::string_view image) {
    consensus::SnapshotMeta meta{consensus::Index(kSnapshotIndex), consensus::Term(1), three(), {}};
    SnapshotWriter writer(BlobId(9), meta, {meta.index, meta.term, meta.membership}, std::make_unique<Bytes>(image), 64);
    while (!writer.finished()) {
      for (BlobRequest& request : writer.work()) {
        if (const auto* append = std::get_if<BlobAppend>(&request)) disk_[BlobId(9)] += append->bytes.view();
      }
      writer.on_appended(disk_[BlobId(9)].size());
    }
    records_ = {raft::Record(raft::SnapshotMark{writer.meta()})};
    log_ends_ = kSnapshotIndex;
  }

  void start() {
    state_ = Register();
    machine_ = std::make_unique<Machine>(config_, state_);
    out_ = Machine::Out();
    for (const auto& [id, bytes] : disk_) machine_->recover_blob(id, bytes.size());
    for (size_t i = 0; i < records_.size(); ++i) machine_->replay(StableSeq(i + 1), records_[i]);
    out_.continue_at(StableSeq(records_.size() + 1));
    step([&] { machine_->start(now_, out_); });
  }

  void run(codec::Reader& r) {
    while (r.ok() && r.remaining() > 0 && !stopped_) {
      Input input;
      codec::read(r, input);
      if (r.ok()) std::visit([&](const auto& i) { on(i); }, input);
    }
  }

  bool stopped() const { return stopped_; }
  const Register& state() const { return state_; }

 private:
  static consensus::Membership three() { return {.voters = {NodeId(1), NodeId(2), NodeId(3)}}; }

  void on(const Received& i) {
    step([&] { machine_->on_message(now_, NodeId(i.from % 5), i.wire, out_); });
  }
  void on(const Ordered& i) {
    const Slice data = std::visit([](const auto& d) { return bytes_of(d); }, i.data);
    const consensus::Term term(2);
    raft::AppendEntries order{term, consensus::Index(log_ends_), last_term_, consensus::Index(log_ends_ + 1), {}};
    order.entries.push_back({consensus::Index(log_ends_ + 1), term, i.kind, data});
    const uint64_t before = machine_->replica().applied_index().value();
    on(Received{2, raft::Message(std::move(order))});
    if (stopped_ || machine_->replica().applied_index().value() <= before) return;
    log_ends_ += 1;
    last_term_ = term;
  }
  static Slice bytes_of(const Slice& s) { return s; }
  template <class T>
  static Slice bytes_of(const T& value) {
    return codec::encode_flat(value);
  }
  void on(const Submitted& i) {
    step([&] { machine_->submit(now_, ++calls_, i.command.str(), out_); });
  }
  void on(const Asked&) {
    step([&] { machine_->query(now_, ++calls_, "?", out_); });
  }
  void on(const Changed& i) {
    step([&] {
      i.joins ? machine_->add_member(now_, ++calls_, {i.id, "at"}, out_)
              : machine_->remove_member(now_, ++calls_, i.id, out_);
    });
  }
  void on(const Passed& i) {
    now_ = now_ + Duration::millis(i.millis);
    step([&] { machine_->on_time(now_, out_); });
  }

  template <class Step>
  void step(Step&& run) {
    run();
    for (int rounds = 0; !out_.empty() && !stopped_; ++rounds) {
      ensure(rounds < 10'000, "a step comes to an end");
      settle();
    }
    if (!stopped_) machine_->check_invariants();
  }
  void settle() {
    for (auto& p : out_.persisted) records_.push_back(std::move(p.record));
    const bool persisted = !out_.persisted.empty();
    const auto blobs = std::move(out_.blobs);
    for (const auto& r : out_.raised) stopped_ |= std::holds_alternative<MustStop>(r.event);
    out_.clear();
    if (stopped_) return;
    if (persisted) machine_->on_stable(now_, StableSeq(records_.size()), out_);
    for (const BlobRequest& b : blobs) {
      std::visit([&](const auto& request) { on_disk(request); }, b);
    }
  }
  void on_disk(const BlobCreate& r) { open_[r.id].clear(); }
  void on_disk(const BlobAppend& r) {
    open_[r.id] += r.bytes.view();
    machine_->on_blob(now_, BlobAppended{r.id, open_[r.id].size()}, out_);
  }
  void on_disk(const BlobSeal& r) {
    disk_[r.id] = std::exchange(open_[r.id], {});
    machine_->on_blob(now_, BlobSealed{r.id, disk_[r.id].size()}, out_);
  }
  void on_disk(const BlobDrop& r) {
    open_.erase(r.id);
    disk_.erase(r.id);
  }
  void on_disk(const BlobRead& r) {
    const auto blob = disk_.find(r.id);
    if (blob == disk_.end()) return machine_->on_blob(now_, BlobFailed{r.id, "it is not there"}, out_);
    const std::string& all = blob->second;
    machine_->on_blob(
        now_, BlobData{r.id, r.offset, Slice::copy_of(all.substr(std::min<size_t>(r.offset, all.size()), r.length))},
        out_);
  }

  MachineConfig config_;
  Register state_;
  std::unique_ptr<Machine> machine_;
  Machine::Out out_;
  std::map<BlobId, std::string> disk_, open_;
  std::vector<Record> records_;
  Time now_ = Time::at_millis(1);
  uint64_t calls_ = 0, log_ends_ = 0;
  consensus::Term last_term_{0};
  bool stopped_ = false;
};

void from_image(std::string_view image) {
  Program program(EngineKind::kRaft);
  program.begin_with(image);
  program.start();
  if (program.stopped()) return;
  const std::vector<std::string> names = program.state().names;
  program.start();
  ensure(!program.stopped() && program.state().names == names, "what was loaded is loaded again");
}

}  // namespace
}  // namespace holdfast::replica

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace holdfast;           // NOLINT: a program of one page
  using namespace holdfast::replica;  // NOLINT
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    from_image(bytes);
    from_image(std::string({static_cast<char>(data[0] / 3), 0, 0, 0}) + std::string(bytes));
    return 0;
  }
  Program program(data[0] % 3 == 1 ? EngineKind::kRaft : EngineKind::kPaxos);
  program.start();
  codec::Reader r(Slice::copy_of(bytes));
  program.run(r);
  if (!program.stopped()) program.start();  // from what it has written
  return 0;
}
