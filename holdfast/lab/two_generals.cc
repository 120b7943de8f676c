#include "holdfast/lab/two_generals.h"

namespace holdfast::lab::two_generals {

void General::plan(Slice attack, Out& out) {
  began_ = leads_ = true;
  out.send(config_.other, Plan{std::move(attack)});
}

void General::on_message(Time, NodeId, const Message& message, Out& out) {
  const auto* acknowledgement = std::get_if<Acknowledge>(&message);
  const uint64_t number = acknowledgement != nullptr ? acknowledgement->number : 1;
  began_ = true;
  ++received_;
  if (number < config_.messages) out.send(config_.other, Acknowledge{number + 1});
}

void General::on_time(Time now, Out& out) {
  if (over_ || now < dawn_) return;
  over_ = true;
  if (knows_enough()) {
    out.raise(Attacks{});
  } else {
    out.raise(StaysHome{});
  }
}

}  // namespace holdfast::lab::two_generals
