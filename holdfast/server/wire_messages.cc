#include "holdfast/server/wire_messages.h"

namespace holdfast::server::wire {
namespace {

// Reads the present field into arm T of a union: merged into what the arm holds, or replacing another arm.
template <class T, class Union>
bool read_arm(Reader& r, Union& v) {
  if (r.type() != Type::kBytes) return true;
  return read(r, std::holds_alternative<T>(v) ? std::get<T>(v) : v.template emplace<T>());
}

// Field numbers of Compare's target_union.
constexpr uint32_t kFirstArm = 4;  // version, create_revision, mod_revision, value, lease: as CompareTarget counts
constexpr uint32_t kValueArm = 7;
constexpr uint32_t kLastArm = 8;
constexpr uint32_t kRangeEnd = 64;

}  // namespace

bool read_message(Reader& r, store::Compare& v) {
  uint32_t arm = 0;
  int64_t number = 0;
  Slice value;
  while (r.next()) {
    const uint32_t field = r.field();
    bool going_on = true;
    if (field == 1) {
      going_on = read(r, v.result);
    } else if (field == 2) {
      going_on = read(r, v.target);
    } else if (field == 3) {
      going_on = read(r, v.key);
    } else if (field == kRangeEnd) {
      going_on = read(r, v.range_end);
    } else if (field == kValueArm && r.type() == Type::kBytes) {
      arm = field;
      going_on = read(r, value);
    } else if (field >= kFirstArm && field <= kLastArm && field != kValueArm && r.type() == Type::kVarint) {
      arm = field;
      going_on = read(r, number);
    }
    if (!going_on) return false;
  }
  if (arm == kFirstArm + static_cast<uint32_t>(v.target)) {
    if (arm == kValueArm) {
      v.value = value;
    } else {
      v.number = number;
    }
  }
  return r.ok();
}

void write_message(Writer& w, const store::Compare& v) {
  write(w, kRangeEnd, v.range_end);
  const uint32_t arm = kFirstArm + static_cast<uint32_t>(v.target);
  if (arm == kValueArm) {
    w.slice(arm, v.value);
  } else {
    w.number(arm, static_cast<uint64_t>(v.number));
  }
  write(w, 3, v.key);
  write(w, 2, v.target);
  write(w, 1, v.result);
}

bool read_message(Reader& r, store::RequestOp& v) {
  while (r.next()) {
    bool going_on = true;
    switch (r.field()) {
      case 1:
        going_on = read_arm<RangeRequest>(r, v);
        break;
      case 2:
        going_on = read_arm<PutRequest>(r, v);
        break;
      case 3:
        going_on = read_arm<DeleteRangeRequest>(r, v);
        break;
      case 4:
        going_on = read_arm<TxnRequest>(r, v);
        break;
      default:
        break;
    }
    if (!going_on) return false;
  }
  return r.ok();
}

void write_message(Writer& w, const store::RequestOp& v) {
  if (const auto* range = std::get_if<RangeRequest>(&v)) write(w, 1, *range);
  if (const auto* put = std::get_if<PutRequest>(&v)) write(w, 2, *put);
  if (const auto* del = std::get_if<DeleteRangeRequest>(&v)) write(w, 3, *del);
  if (const auto* txn = std::get_if<TxnRequest>(&v)) write(w, 4, *txn);
}

bool read_message(Reader& r, store::ResponseOp& v) {
  while (r.next()) {
    bool going_on = true;
    switch (r.field()) {
      case 1:
        going_on = read_arm<RangeResponse>(r, v);
        break;
      case 2:
        going_on = read_arm<PutResponse>(r, v);
        break;
      case 3:
        going_on = read_arm<DeleteRangeResponse>(r, v);
        break;
      case 4:
        going_on = read_arm<TxnResponse>(r, v);
        break;
      default:
        break;
    }
    if (!going_on) return false;
  }
  return r.ok();
}

void write_message(Writer& w, const store::ResponseOp& v) {
  std::visit([&](const auto& response) { write(w, static_cast<uint32_t>(v.index()) + 1, response); }, v);
}

bool read_message(Reader& r, store::WatchCreateRequest& v) {
  const auto filter = [&](uint64_t kind) {
    if (kind == 0) v.no_put = true;
    if (kind == 1) v.no_delete = true;  // others are passed over, as etcd does
  };
  while (r.next()) {
    bool going_on = true;
    switch (r.field()) {
      case 1:
        going_on = read(r, v.key);
        break;
      case 2:
        going_on = read(r, v.range_end);
        break;
      case 3:
        going_on = read(r, v.start_revision);
        break;
      case 4:
        going_on = read(r, v.progress_notify);
        break;
      case 5:
        if (r.type() == Type::kVarint) {
          filter(r.number());
        } else if (r.type() == Type::kBytes) {
          going_on = r.each_packed(filter);
        }
        break;
      case 6:
        going_on = read(r, v.prev_kv);
        break;
      case 7:
        going_on = read(r, v.watch_id);
        break;
      case 8:
        going_on = read(r, v.fragment);
        break;
      default:
        break;
    }
    if (!going_on) return false;
  }
  return r.ok();
}

void write_message(Writer& w, const store::WatchCreateRequest& v) {
  write(w, 8, v.fragment);
  write(w, 7, v.watch_id);
  write(w, 6, v.prev_kv);
  std::string filters;
  if (v.no_put) filters.push_back(0);
  if (v.no_delete) filters.push_back(1);
  write(w, 5, filters);
  write(w, 4, v.progress_notify);
  write(w, 3, v.start_revision);
  write(w, 2, v.range_end);
  write(w, 1, v.key);
}

bool read_message(Reader& r, std::optional<store::WatchRequest>& v) {
  while (r.next()) {
    if (r.field() < 1 || r.field() > 3 || r.type() != Type::kBytes) continue;
    store::WatchRequest& request = v ? *v : v.emplace();
    bool going_on = true;
    if (r.field() == 1) going_on = read_arm<store::WatchCreateRequest>(r, request);
    if (r.field() == 2) going_on = read_arm<store::WatchCancelRequest>(r, request);
    if (r.field() == 3) going_on = read_arm<store::WatchProgressRequest>(r, request);
    if (!going_on) return false;
  }
  return r.ok();
}

void write_message(Writer& w, const store::WatchRequest& v) {
  std::visit([&](const auto& request) { write(w, static_cast<uint32_t>(v.index()) + 1, request); }, v);
}

}  // namespace holdfast::server::wire
