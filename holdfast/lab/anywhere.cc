#include "holdfast/lab/anywhere.h"

namespace holdfast::lab::anywhere {

std::string to_text(const Update& m) {
  return "Update{" + m.value.str() + ", stamp " + std::to_string(m.stamp.count) + "}";
}
std::string to_text(const Received& m) { return "Received{stamp " + std::to_string(m.stamp.count) + "}"; }

void Register::tell_all(Time now, Out& out) {
  missing_.clear();
  if (now_.stamp == Stamp()) return;
  for (const NodeId to : config_.all) {
    if (to != config_.self) missing_.push_back(to);
  }
  resend_at_ = now + config_.resend;
  for (const NodeId to : missing_) out.send(to, now_);
}

void Register::write(Time now, Slice value, Out& out) {
  now_ = {std::move(value), {now_.stamp.count + 1, config_.self}};
  out.persist(now_);
  tell_all(now, out);
}

void Register::on_message(Time now, NodeId from, const Message& message, Out& out) {
  if (const auto* received = std::get_if<Received>(&message)) {
    if (received->stamp >= now_.stamp) std::erase(missing_, from);
    return;
  }
  const auto& update = std::get<Update>(message);
  if (update.stamp > now_.stamp) {
    now_ = update;
    out.persist(now_);
    out.raise(Changed{now_.value});
    tell_all(now, out);
  }
  out.send(from, Received{now_.stamp});
}

void Register::on_time(Time now, Out& out) {
  if (missing_.empty() || now < resend_at_) return;
  resend_at_ = now + config_.resend;
  for (const NodeId to : missing_) out.send(to, now_);
}

}  // namespace holdfast::lab::anywhere
