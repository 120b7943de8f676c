// Requests that nobody should make, and two under one name.
#include <string>

#include "holdfast/base/codec.h"
#include "holdfast/consensus/liars/liar.h"
#include "holdfast/consensus/pbft/content.h"

namespace holdfast::pbft {

Request Liar::evil(uint64_t sequence, int which) const {
  Request r{.id = {self_, 1, sequence}, .floor = sequence > 8 ? sequence - 8 : 0};
  r.operations.push_back(Slice::take("evil " + std::to_string(sequence) + "." + std::to_string(which)));
  return r;
}

SignedRequest Liar::signed_request(const Request& r) { return {r, authority_.sign(text_of(cluster_, r))}; }

std::vector<Utterance> Liar::flood(NodeId to, Message& m) {
  say(to, m);
  const uint64_t big[] = {0, 1, kMaxNumber, kMaxNumber + 1, ~uint64_t{0}, random_.below(1000)};
  const auto number = [&] { return big[random_.below(6)]; };
  for (int i = 0; i < 3; ++i) {
    switch (random_.below(11)) {
      case 0:
        say(to, Submit{signed_request(evil(++sequence_, 0)), true});
        break;
      case 1: {
        Request r = evil(number(), 0);
        r.floor = number();
        r.id.incarnation = number();
        say(to, Submit{signed_request(r), false});
        break;
      }
      case 2:
        say(to, FetchState{number(), Seq(number()), random_.chance(1, 2)});
        break;
      case 3:
        say(to, FetchChunk{Seq(number()), number()});
        break;
      case 4:
        say(to, StatusReport{number(), View(number()), true, Seq(number()), Seq(number())});
        break;
      case 5: {
        const Vote v{number() % 2, View(number()), Seq(number()), Digest{}};
        say(to, Prepare{v, sign(v)});
        say(to, Commit{v});
        break;
      }
      case 6:
        say(to, Complaint{number(), View(number())});
        break;
      case 7:
        say(to, VoteOfPrimary{vote_of_its_own(number() % 2, View(number()), Seq(number()))});
        break;
      case 8: {
        const uint64_t epoch = number() % 2, view = number(), place = number();
        const auto vote = [&] { return vote_of_its_own(epoch, View(view), Seq(place)); };
        say(to, ProofOfMisbehavior{vote(), vote()});
        break;
      }
      case 9: {
        BriefPrePrepare p{number() % 2, View(number()), Seq(number()), Digest{}, static_cast<int64_t>(number()), {}};
        for (uint64_t n = random_.below(20); n > 0; --n) p.requests.push_back({anybody(), number(), number()});
        say(to, p);
        break;
      }
      default: {
        ViewChange c{.view = View(number()), .from = self_};
        say(to, SignedViewChange{c, authority_.sign(text_of(cluster_, c))});
      }
    }
  }
  return std::move(said_);
}

std::vector<Utterance> Liar::collude(NodeId to, Message& m) {
  if (std::holds_alternative<Prepare>(m) || std::holds_alternative<StatusReport>(m)) {
    const int which = plot_->side.contains(to) ? 1 : 2;
    if (to == group_.members()[0].id) ++sequence_;
    say(to, Submit{signed_request(evil(sequence_, which)), false});
  }
  if (std::optional<Shown> shown = proposal_in(m); shown && random_.chance(1, 2)) {
    // The same name twice in a batch, and once more in the next.
    for (const int which : {1, 2}) shown->batch.requests.push_back(signed_request(evil(sequence_, which)));
    say_instead(to, *shown);
    return std::move(said_);
  }
  say(to, m);
  return std::move(said_);
}

}  // namespace holdfast::pbft
