#include "holdfast/server/grpc_call.h"

#include "absl/container/flat_hash_set.h"
#include "holdfast/base/mark.h"
#include "holdfast/server/grpc.h"
#include "holdfast/server/wire_messages.h"

namespace holdfast::server {
namespace {

constexpr size_t kGrpcOverheadBytes = 512 << 10;  // what a message may have beyond max_request_bytes
constexpr size_t kTakeAtOnce = 64;

Outcome outcome_of(wire::Problem problem) {
  if (problem == wire::Problem::kUnknownOption) return server::outcome_of(store::Error::kInvalidArgument);
  if (problem == wire::Problem::kTooMany) return server::outcome_of(store::Error::kTooManyOps);
  return {Code::kInternal, "grpc: error unmarshalling request: " + std::string(wire::to_string(problem))};
}

// What all calls have: a deadline, messages cut out of the body, and one end that is counted.
class GrpcCall : public Exchange, public Deadlines::Owner {
 public:
  GrpcCall(Http2Stream& stream, const Method& method, std::optional<Duration> timeout)
      : stream_(stream),
        shared_(stream.session().shared()),
        method_(method),
        started_(Shared::now()),
        deadline_(timeout ? started_ + *timeout : Time::never()),
        reader_(shared_.config.max_request_bytes + kGrpcOverheadBytes) {
    shared_.calls.started(method_);
    if (deadline_ != Time::never()) shared_.deadlines.add(this, deadline_);
  }
  ~GrpcCall() override {
    if (!ended_) end(Code::kCanceled);
  }

  void on_deadline() override {
    mark<"server.deadline_exceeded">();
    finish({Code::kDeadlineExceeded, "context deadline exceeded"});
  }

 protected:
  virtual void on_message(Slice message) = 0;
  // Gives up what the call has under way at the member.
  virtual void abandon() {}

  bool ended() const { return ended_; }
  void finish(const Outcome outcome) {  // a copy: it may be the reader's, which ends here
    if (ended_) return;
    abandon();
    end(outcome.code);
    stream_.finish(outcome);
  }
  void send(const Chain& framed) {
    shared_.calls.sent(method_, framed.size());
    stream_.send(framed);
  }

  // Cuts messages from `body` while `wanted()` says so; what is left stays in `body`.
  template <class Wanted>
  void cut(std::string_view& body, const Wanted& wanted) {
    const size_t size = body.size();
    while (!ended_ && wanted()) {
      std::optional<Slice> message = reader_.next(body);
      if (!message) break;
      shared_.calls.received(method_, message->size());
      on_message(std::move(*message));
    }
    stream_.consumed(size - body.size());
    if (!reader_.problem().ok()) finish(reader_.problem());
    count_buffered();
  }
  // Bytes of the request that the call keeps, beside those of the message that is being cut.
  virtual size_t held() const = 0;
  // Keeps the connection's sum up to date, and ends the call when that is too much.
  void count_buffered() {
    if (ended_) return;
    size_t& buffered = stream_.session().buffered_requests;
    const size_t now = reader_.buffered() + held();
    buffered += now - counted_;
    counted_ = now;
    if (buffered <= shared_.config.max_buffered_requests) return;
    mark<"server.too_many_incomplete_requests">();
    finish({Code::kResourceExhausted, "grpc: too many incomplete requests on this connection"});
  }
  bool between_messages() const { return reader_.buffered() == 0; }

  Http2Stream& stream_;
  Shared& shared_;
  const Method& method_;

 private:
  void end(Code code) {
    ended_ = true;
    shared_.calls.handled(method_, code, Shared::now() - started_);
    if (deadline_ != Time::never()) shared_.deadlines.remove(this, deadline_);
    stream_.session().buffered_requests -= counted_;
    counted_ = 0;
    MessageReader none(0);
    std::swap(reader_, none);  // which frees what it held; an assignment would keep it
  }

  const Time started_;
  const Time deadline_;
  MessageReader reader_;
  size_t counted_ = 0;  // in the session's sum
  bool ended_ = false;
};

// One request, one response (health watches: some).
class OneRequest : public GrpcCall, public CallOwner {
 public:
  OneRequest(Http2Stream& stream, const Method& method, bool has_leader, std::optional<Duration> timeout)
      : GrpcCall(stream, method, timeout), has_leader_(has_leader) {}
  ~OneRequest() override { abandon(); }

  void on_data(std::string_view bytes) override {
    cut(bytes, [] { return true; });
  }
  void on_end() override {
    if (ended()) return;
    if (!between_messages()) return finish({Code::kInternal, "grpc: the request ends within a message"});
    if (!message_) return finish({Code::kInternal, "grpc: the request has no message"});
    if (stream_.session().buffered_responses > shared_.config.max_buffered_responses) {
      mark<"server.responses_not_taken">();
      return finish({Code::kResourceExhausted, "grpc: too many responses wait to be read on this connection"});
    }
    serve();
  }
  void on_answer(service::CallId, store::Response response) override {
    call_.reset();
    if (ended()) return;
    if (const auto* refused = std::get_if<store::Refused>(&response)) return finish(server::outcome_of(refused->error));
    write_response(shared_.writer, shared_.header(), method_, response, shared_.config.consensus);
    send(shared_.writer.finish_grpc());
    finish({});
  }

 protected:
  void on_message(Slice message) override {
    if (message_) return finish({Code::kInternal, "grpc: the request has more than one message"});
    message_ = std::move(message);
  }
  size_t held() const override { return message_ ? message_->size() : 0; }
  void abandon() override {
    if (call_) shared_.dispatcher.cancel(*call_);
    call_.reset();
    message_.reset();
  }

 private:
  void serve() {
    if (method_.handler == Handler::kAuthStatus) {
      const store::Revision revision = shared_.port.facts().revision;
      wire::write_response(shared_.writer, shared_.header(),
                           wire::AuthStatusResponse{.revision = revision, .enabled = false, .auth_revision = 1});
      send(shared_.writer.finish_grpc());
      return finish({});
    }
    if (method_.handler != Handler::kCall) return serve_health();
    store::Request request;
    if (const wire::Problem problem = method_.parse(*message_, request); problem != wire::Problem::kNone) {
      return finish(outcome_of(problem));
    }
    message_ = Slice();
    count_buffered();
    call_ = shared_.dispatcher.call(this, std::move(request), has_leader_);
  }

  // Only the server as a whole has a health; a service that is asked for by name is not known here.
  void serve_health() {
    wire::HealthCheckRequest request;
    if (const wire::Problem problem = wire::parse(*message_, request); problem != wire::Problem::kNone) {
      return finish(outcome_of(problem));
    }
    const bool watches = method_.handler == Handler::kHealthWatch;
    const bool known = request.service.empty();
    if (!known && !watches) return finish({Code::kNotFound, "unknown service"});
    wire::write_fields(shared_.writer,
                       wire::HealthCheckResponse{known ? wire::Serving::kServing : wire::Serving::kServiceUnknown});
    send(shared_.writer.finish_grpc());
    if (!watches) finish({});
  }

  const bool has_leader_;
  std::optional<Slice> message_;
  std::optional<service::CallId> call_;
};

// A stream that ends when the leader has been lost for long, if its client wants that.
class LongStream : public GrpcCall, public LeaderBound {
 public:
  LongStream(Http2Stream& stream, const Method& method, bool has_leader, std::optional<Duration> timeout)
      : GrpcCall(stream, method, timeout) {
    if (has_leader) shared_.leader_bound.insert(this);
  }
  ~LongStream() override { shared_.leader_bound.erase(this); }
  void on_leader_lost() override {
    mark<"server.stream_without_leader">();
    finish(server::outcome_of(store::Error::kNoLeader));
  }
};

class KeepAlives : public LongStream, public CallOwner {
 public:
  using LongStream::LongStream;
  ~KeepAlives() override { abandon(); }

  void on_data(std::string_view bytes) override {
    if (held() == 0) take(bytes);
    if (ended()) return;
    held_.append(bytes);
    count_buffered();
  }
  void on_end() override {
    request_ended_ = true;
    finish_if_done();
  }
  void on_answer(service::CallId call, store::Response response) override {
    calls_.erase(call.value());
    if (const auto* refused = std::get_if<store::Refused>(&response)) return finish(server::outcome_of(refused->error));
    write_response(shared_.writer, shared_.header(), method_, response, shared_.config.consensus);
    send(shared_.writer.finish_grpc());
    take_held();
    finish_if_done();
  }

 protected:
  void on_message(Slice message) override {
    store::Request request;
    if (const wire::Problem problem = method_.parse(message, request); problem != wire::Problem::kNone) {
      return finish(outcome_of(problem));
    }
    calls_.insert(shared_.dispatcher.call(this, std::move(request), false).value());
  }
  size_t held() const override { return held_.size() - taken_; }
  void abandon() override {
    for (uint64_t call : calls_) shared_.dispatcher.cancel(service::CallId(call));
    calls_.clear();
    std::string().swap(held_);
    taken_ = 0;
  }

 private:
  // Bytes that are not taken are not given back to the client's window: it has to wait.
  void take(std::string_view& bytes) {
    cut(bytes, [&] {
      return calls_.size() < shared_.config.max_pending_keep_alives && stream_.unsent() < shared_.config.stream_buffer;
    });
  }
  void take_held() {
    if (held() == 0) return;
    std::string_view rest = std::string_view(held_).substr(taken_);
    taken_ = held_.size();
    take(rest);
    if (ended()) return;
    taken_ = held_.size() - rest.size();
    if (taken_ > held_.size() / 2) held_.erase(0, std::exchange(taken_, 0));
    count_buffered();
  }
  void finish_if_done() {
    if (request_ended_ && calls_.empty() && held() == 0 && !ended()) {
      finish(between_messages() ? Outcome{} : Outcome{Code::kInternal, "grpc: the request ends within a message"});
    }
  }
  void on_room() override {
    if (ended()) return;
    take_held();
    finish_if_done();
  }

  absl::flat_hash_set<uint64_t> calls_;
  std::string held_;
  size_t taken_ = 0;  // of held_
  bool request_ended_ = false;
};

// The client's end of the request leaves the watches standing, as in etcd: only cancelling the stream ends them.
class Watches : public LongStream, public WatchOwner {
 public:
  Watches(Http2Stream& stream, const Method& method, bool has_leader, std::optional<Duration> timeout)
      : LongStream(stream, method, has_leader, timeout), watch_(shared_.dispatcher.open_watch(this)) {}
  ~Watches() override { abandon(); }

  void on_data(std::string_view bytes) override {
    cut(bytes, [] { return true; });
  }
  void on_end() override {}
  void on_room() override { take_if_room(); }
  void on_watch_ready() override {
    ready_ = true;
    take_if_room();
  }
  void on_watch_taken(std::vector<store::WatchResponse> responses, bool all) override {
    taking_ = false;
    if (!all) ready_ = true;
    for (const store::WatchResponse& response : responses) {
      wire::write_response(shared_.writer, shared_.header(), response);
      send(shared_.writer.finish_grpc());
    }
    take_if_room();
  }

 protected:
  void on_message(Slice message) override {
    std::optional<store::WatchRequest> request;
    if (const wire::Problem problem = wire::parse(message, request); problem != wire::Problem::kNone) {
      return finish(outcome_of(problem));
    }
    if (request) shared_.dispatcher.ask_watch(watch_, std::move(*request));
  }
  size_t held() const override { return 0; }
  void abandon() override { shared_.dispatcher.close_watch(watch_); }

 private:
  void take_if_room() {
    if (!ready_ || taking_ || ended() || stream_.unsent() >= shared_.config.stream_buffer) return;
    ready_ = false;
    taking_ = true;
    shared_.dispatcher.take_watch(watch_, kTakeAtOnce);
  }

  const store::StreamId watch_;
  bool ready_ = false;
  bool taking_ = false;
};

}  // namespace

std::unique_ptr<Exchange> make_grpc_call(Http2Stream& stream, const Method& method, bool has_leader,
                                         std::optional<Duration> timeout) {
  Shared& shared = stream.session().shared();
  const auto refuse = [&](const Outcome& outcome) {
    shared.calls.started(method);
    shared.calls.handled(method, outcome.code, Duration());
    stream.finish(outcome);
    return nullptr;
  };
  const bool is_long = method.handler == Handler::kKeepAlive || method.handler == Handler::kWatch;
  // Calls of the store are judged by the store.
  const bool is_judged_here =
      is_long || method.handler == Handler::kAuthStatus || method.handler == Handler::kAuthenticate;
  if (is_judged_here && shared.port.facts().is_learner) {
    mark<"server.stream_of_a_learner">();
    return refuse(server::outcome_of(store::Error::kNotSupportedForLearner));
  }
  if (is_judged_here && has_leader && !shared.has_leader) return refuse(server::outcome_of(store::Error::kNoLeader));
  switch (method.handler) {
    case Handler::kUnserved:
      return refuse(unserved(method));
    case Handler::kAuthenticate:
      return refuse(server::outcome_of(api_error("AuthNotEnabled")));
    case Handler::kKeepAlive:
      return std::make_unique<KeepAlives>(stream, method, has_leader, timeout);
    case Handler::kWatch:
      return std::make_unique<Watches>(stream, method, has_leader, timeout);
    case Handler::kCall:
    case Handler::kAuthStatus:
    case Handler::kHealthCheck:
    case Handler::kHealthWatch:
      return std::make_unique<OneRequest>(stream, method, has_leader, timeout);
  }
  return nullptr;
}

}  // namespace holdfast::server
