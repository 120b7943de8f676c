// From a store's history to the register operations of each of its keys.
#include <map>
#include <set>

#include "holdfast/sim/check/linearizability.h"

namespace holdfast::sim::check {
namespace {

using Kind = RegisterOp::Kind;
using store::CompareResult;
using store::CompareTarget;

class Registers {
 public:
  void add(const Operation& op) {
    if (refused(op)) return;
    std::visit([&](const auto& request) { read(op, request); }, op.request);
  }
  std::map<std::string, std::vector<RegisterOp>>& by_key() { return by_key_; }

 private:
  // Every distinct value of the whole history gets a number.
  uint64_t number(const Slice& value) { return numbers_.emplace(value.str(), numbers_.size() + 1).first->second; }

  RegisterOp begin(const Operation& op, Kind kind) {
    RegisterOp r;
    r.kind = kind;
    r.open = open(op);
    r.called = op.called;
    r.returned = op.returned;
    r.id = op.id;
    return r;
  }

  template <class Other>
  void read(const Operation&, const Other&) {}

  void read(const Operation& op, const store::RangeRequest& get) {
    if (!get.range_end.empty() || get.serializable || get.revision || get.count_only || get.keys_only) return;
    if (!succeeded(op)) return;
    const auto* got = std::get_if<store::RangeResponse>(&*op.response);
    if (got == nullptr) return;
    RegisterOp r = begin(op, Kind::kRead);
    r.value = got->kvs.empty() ? 0 : number(got->kvs[0].value);
    by_key_[get.key.str()].push_back(r);
  }
  void read(const Operation& op, const store::PutRequest& put) {
    if (put.ignore_value) return;
    RegisterOp r = begin(op, Kind::kWrite);
    r.value = number(put.value);
    by_key_[put.key.str()].push_back(r);
  }
  void read(const Operation& op, const store::DeleteRangeRequest& del) {
    if (!del.range_end.empty()) return;
    by_key_[del.key.str()].push_back(begin(op, Kind::kWrite));
  }
  // "If the value is x, put y": the only transactions that are one register operation.
  void read(const Operation& op, const store::TxnRequest& txn) {
    if (txn.compare.size() != 1 || txn.success.size() != 1 || !txn.failure.empty()) return;
    const store::Compare& c = txn.compare[0];
    const auto* put = std::get_if<store::PutRequest>(&txn.success[0]);
    if (put == nullptr || put->key != c.key || !c.range_end.empty() || c.result != CompareResult::kEqual) return;
    RegisterOp r = begin(op, Kind::kCompareAndSet);
    if (c.target == CompareTarget::kValue) {
      r.expected = number(c.value);
    } else if (c.target != CompareTarget::kVersion || c.number != 0) {
      return;
    }
    r.value = number(put->value);
    if (succeeded(op)) r.succeeded = std::get<store::TxnResponse>(*op.response).succeeded;
    by_key_[put->key.str()].push_back(r);
  }

  std::map<std::string, uint64_t> numbers_;
  std::map<std::string, std::vector<RegisterOp>> by_key_;
};

// Keys that something else than single-key operations may have changed are left to the general checker.
void collect_keys(const std::vector<store::RequestOp>& ops, std::set<std::string>& keys, bool& everything) {
  for (const store::RequestOp& op : ops) {
    if (const auto* put = std::get_if<store::PutRequest>(&op)) keys.insert(put->key.str());
    if (const auto* del = std::get_if<store::DeleteRangeRequest>(&op)) {
      keys.insert(del->key.str());
      everything |= !del->range_end.empty();
    }
    if (const auto* txn = std::get_if<store::TxnRequest>(&op)) {
      collect_keys(txn->success, keys, everything);
      collect_keys(txn->failure, keys, everything);
    }
  }
}

}  // namespace

Finding check_linearizability(const History& history, size_t* gave_up) {
  Registers registers;
  std::set<std::string> shared;
  bool everything = false;
  std::vector<std::pair<std::string, std::string>> deleted_ranges;
  for (const Operation& op : history) {
    registers.add(op);
    if (refused(op)) continue;
    if (const auto* put = std::get_if<store::PutRequest>(&op.request); put != nullptr && put->lease) {
      shared.insert(put->key.str());
    }
    if (const auto* del = std::get_if<store::DeleteRangeRequest>(&op.request);
        del != nullptr && !del->range_end.empty()) {
      deleted_ranges.emplace_back(del->key.str(), del->range_end.str());
    }
    if (const auto* txn = std::get_if<store::TxnRequest>(&op.request)) {
      const bool cas = txn->compare.size() == 1 && txn->success.size() == 1 && txn->failure.empty();
      if (!cas) collect_keys({*txn}, shared, everything);
    }
  }
  for (auto& [key, ops] : registers.by_key()) {
    bool skip = everything || shared.contains(key);
    for (const auto& [from, to] : deleted_ranges) skip |= key >= from && (to == std::string(1, '\0') || key < to);
    if (skip) continue;
    const Verdict verdict = check_register(ops);
    if (verdict == Verdict::kGaveUp && gave_up != nullptr) ++*gave_up;
    if (verdict != Verdict::kNotLinearizable) continue;
    std::string text = "no order of these operations on key \"" + key + "\" explains what they saw:\n";
    for (const RegisterOp& r : shrink_register(ops)) text += "  " + describe(history[r.id - 1]) + "\n";
    return {"LIN", text};
  }
  return {};
}

}  // namespace holdfast::sim::check
