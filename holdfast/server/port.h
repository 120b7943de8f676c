// The member as the face sees it: actions in, answers out. A seam, so that the face can be tested with any store behind
// it; in production it is the Backend (BackendPort).
//
// Thread rule: the member's event loop.
#pragma once

#include <variant>
#include <vector>

#include "holdfast/server/backend.h"

namespace holdfast::server {

// What the face shows of the member without asking it anything.
struct Facts {
  store::Revision revision;
  bool is_learner = false;
  std::vector<store::AlarmMember> alarms;
};

struct MakeCall {
  service::CallId call;
  store::Request request;
  bool has_leader = false;
};
struct CancelCall {
  service::CallId call;
};
struct OpenWatch {
  store::StreamId stream;
};
struct AskWatch {
  store::StreamId stream;
  store::WatchRequest request;
};
struct CloseWatch {
  store::StreamId stream;
};
// Answered by Taken.
struct TakeWatch {
  store::StreamId stream;
  size_t max = 0;
};
using Action = std::variant<MakeCall, CancelCall, OpenWatch, AskWatch, CloseWatch, TakeWatch>;
struct Taken {
  store::StreamId stream;
  std::vector<store::WatchResponse> responses;
  bool all = false;  // nothing was left behind
};

class Port {
 public:
  virtual ~Port() = default;
  virtual const Identity& identity() const = 0;
  virtual service::CallId next_call() = 0;
  virtual store::StreamId next_stream() = 0;
  // Carries out `actions` in order, as one step of the member. Answers to them may be given before it returns.
  virtual void step(std::vector<Action>& actions, std::vector<Taken>& taken) = 0;
  virtual Facts facts() const = 0;
};

class BackendPort : public Port {
 public:
  explicit BackendPort(Backend& backend) : backend_(backend) {}
  const Identity& identity() const override { return backend_.identity(); }
  service::CallId next_call() override { return backend_.next_call(); }
  store::StreamId next_stream() override { return backend_.next_stream(); }
  void step(std::vector<Action>& actions, std::vector<Taken>& taken) override;
  Facts facts() const override;

 private:
  Backend& backend_;
};

}  // namespace holdfast::server
