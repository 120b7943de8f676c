#include "holdfast/cli/client.h"

#include <grpcpp/grpcpp.h>
#include <rpc.grpc.pb.h>

#include <cstdlib>

#include "holdfast/cli/pause.h"
#include "holdfast/cli/text.h"
#include "holdfast/cli/url.h"
#include "holdfast/runtime/clock.h"

namespace holdfast::cli {
namespace {

// gRPC's own text for a call that failed before it was sent.
constexpr std::string_view kNeverConnected = "failed to connect to all addresses";
constexpr const char* kNoLeader = "etcdserver: no leader";

// gRPC notices that a connection has come about, or has failed, only while somebody polls; between calls it polls every
// 5 s, so that a member that is back would stay unnoticed. Read when gRPC starts, so set before anything else runs.
[[maybe_unused]] const int kPollOften = setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "50", 0);

Status from_grpc(const grpc::Status& status) {
  return Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

bool never_sent(const Status& failure) {
  return failure.code() == absl::StatusCode::kUnavailable &&
         cat(failure.message()).find(kNeverConnected) != std::string::npos;
}

// A connection on which a call waits is probed when it has been silent for so long, and given up when no answer comes,
// so that a watch notices that its member, or the way to it, is gone. Servers send away who probes more often than
// every 5 s.
constexpr int kProbeAfterMs = 6000;
constexpr int kProbeTimeoutMs = 4000;

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kProbeAfterMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kProbeTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // no bound: a watch sends no data
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // each client has connections of its own
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 2000);  // in truth the longest time that one attempt may take
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  return arguments;
}

}  // namespace

bool may_have_happened(const Status& failure) {
  switch (failure.code()) {
    case absl::StatusCode::kOk:
      return true;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      return false;
    default:
      // A member that knows no leader says so before it does anything.
      return !never_sent(failure) && failure.message() != kNoLeader;
  }
}

StatusOr<std::string> endpoint_address(std::string_view text) {
  const std::string_view endpoint = trim(text);
  const bool has_scheme = endpoint.find("://") != std::string_view::npos || endpoint.starts_with("unix");
  const StatusOr<Url> url = parse_url(has_scheme ? std::string(endpoint) : cat("http://", endpoint));
  if (!url.ok()) return url.status();
  return url->authority();
}

struct WatchStream::Impl {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriterInterface<pb::WatchRequest, pb::WatchResponse>> stream;
};

WatchStream::WatchStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

WatchStream::~WatchStream() { impl_->context.TryCancel(); }

StatusOr<pb::WatchResponse> WatchStream::next() {
  pb::WatchResponse response;
  if (impl_->stream->Read(&response)) return response;
  const grpc::Status status = impl_->stream->Finish();
  return status.ok() ? absl::UnavailableError("the server ended the watch") : from_grpc(status);
}

void WatchStream::request_progress() {
  pb::WatchRequest request;
  request.mutable_progress_request();
  impl_->stream->Write(request);
}

void WatchStream::cancel() { impl_->context.TryCancel(); }

struct Client::Endpoint {
  std::string address;
  std::unique_ptr<pb::KV::StubInterface> kv;
  std::unique_ptr<pb::Watch::StubInterface> watch;
  std::unique_ptr<pb::Lease::StubInterface> lease;
  std::unique_ptr<pb::Cluster::StubInterface> cluster;
  std::unique_ptr<pb::Maintenance::StubInterface> maintenance;
};

// Makes unary calls, choosing and leaving endpoints as the header says.
struct Client::Caller {
  enum class Repeat { kAlways, kIfNeverSent };
  enum class Leader { kNeeded, kNotNeeded };
  // Members that have no leader refuse at once, and do nothing.
  static constexpr RetryPolicy kAwaitLeader =
      RetryPolicy(Repeatable::kNoEffect).growing(Duration::millis(50), Duration::millis(200)).spread(Jitter::kHalf);
  static constexpr std::chrono::milliseconds kToAsk{50};  // what a try needs of the time that is left

  template <class Stub, class Request, class Response>
  static StatusOr<Response> call(Client& client, Repeat repeat, std::unique_ptr<Stub> Endpoint::*stub,
                                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                 const Request& request, Leader leader = Leader::kNeeded) {
    const auto deadline = std::chrono::system_clock::now() + client.timeout_;
    // No pause is begun that leaves no time to ask again. Nothing at all would mean any time.
    const Duration within = Duration::nanos(std::chrono::nanoseconds(client.timeout_ - kToAsk).count());
    Retry retry = fresh_retry(kAwaitLeader.within(std::max(within, Duration::nanos(1))), runtime::now());
    client.begin_operation();
    Status leaderless;  // certain that nothing was done, and clearer than that some other member is dead
    for (size_t failures = 0;;) {
      const size_t chosen = client.current_.load(std::memory_order_relaxed);
      Endpoint& endpoint = *client.endpoints_[chosen % client.endpoints_.size()];
      grpc::ClientContext context;
      context.set_deadline(deadline);
      if (client.require_leader_ && leader == Leader::kNeeded) context.AddMetadata("hasleader", "true");
      Response response;
      const grpc::Status status = ((*(endpoint.*stub)).*method)(&context, request, &response);
      if (status.ok()) return response;
      const Status failure = from_grpc(status);
      const bool timed_out = failure.code() == absl::StatusCode::kDeadlineExceeded;
      if (!timed_out && failure.code() != absl::StatusCode::kUnavailable) return failure;
      size_t expected = chosen;  // several threads that meet the same dead endpoint leave it once
      client.current_.compare_exchange_strong(expected, chosen + 1, std::memory_order_relaxed);
      if (timed_out) return failure;
      if (client.await_leader_ && failure.message() == kNoLeader) {
        const StatusOr<Duration> pause = retry.failed(runtime::now());
        if (!pause.ok()) return failure;
        pause_for(*pause);
        leaderless = failure;
        failures = 0;
        continue;
      }
      if (repeat == Repeat::kIfNeverSent && !never_sent(failure)) return failure;
      ++failures;
      if (failures >= client.endpoints_.size() || std::chrono::system_clock::now() >= deadline ||
          !client.may_repeat()) {
        return leaderless.ok() ? failure : leaderless;
      }
    }
  }
};

Client::Client(const Options& options)
    : timeout_(options.timeout), require_leader_(options.require_leader), await_leader_(options.await_leader) {}
Client::~Client() = default;

void Client::begin_operation() {
  const std::lock_guard lock(budget_mutex_);
  budget_.operation();
}
bool Client::may_repeat() {
  const std::lock_guard lock(budget_mutex_);
  return budget_.take();
}

const std::string& Client::endpoint(size_t i) const { return endpoints_[i]->address; }

StatusOr<std::unique_ptr<Client>> Client::create(const Options& options) {
  auto client = std::unique_ptr<Client>(new Client(options));
  for (const std::string& text : options.endpoints) {
    const StatusOr<std::string> address = endpoint_address(text);
    if (!address.ok()) return address.status();
    const auto channel = grpc::CreateCustomChannel(*address, grpc::InsecureChannelCredentials(), channel_arguments());
    auto endpoint = std::make_unique<Endpoint>();
    endpoint->address = *address;
    endpoint->kv = pb::KV::NewStub(channel);
    endpoint->watch = pb::Watch::NewStub(channel);
    endpoint->lease = pb::Lease::NewStub(channel);
    endpoint->cluster = pb::Cluster::NewStub(channel);
    endpoint->maintenance = pb::Maintenance::NewStub(channel);
    client->endpoints_.push_back(std::move(endpoint));
  }
  if (client->endpoints_.empty()) return absl::InvalidArgumentError("there is no endpoint to talk to");
  return client;
}

StatusOr<pb::RangeResponse> Client::range(const pb::RangeRequest& request) {
  return Caller::call(*this, Caller::Repeat::kAlways, &Endpoint::kv, &pb::KV::StubInterface::Range, request,
                      request.serializable() ? Caller::Leader::kNotNeeded : Caller::Leader::kNeeded);
}

StatusOr<pb::PutResponse> Client::put(const pb::PutRequest& request) {
  return Caller::call(*this, Caller::Repeat::kIfNeverSent, &Endpoint::kv, &pb::KV::StubInterface::Put, request);
}

StatusOr<pb::DeleteRangeResponse> Client::del(const pb::DeleteRangeRequest& request) {
  return Caller::call(*this, Caller::Repeat::kIfNeverSent, &Endpoint::kv, &pb::KV::StubInterface::DeleteRange, request);
}

StatusOr<pb::TxnResponse> Client::txn(const pb::TxnRequest& request) {
  return Caller::call(*this, Caller::Repeat::kIfNeverSent, &Endpoint::kv, &pb::KV::StubInterface::Txn, request);
}

StatusOr<pb::CompactionResponse> Client::compact(const pb::CompactionRequest& request) {
  return Caller::call(*this, Caller::Repeat::kIfNeverSent, &Endpoint::kv, &pb::KV::StubInterface::Compact, request);
}

StatusOr<pb::LeaseGrantResponse> Client::lease_grant(const pb::LeaseGrantRequest& request) {
  return Caller::call(*this, Caller::Repeat::kIfNeverSent, &Endpoint::lease, &pb::Lease::StubInterface::LeaseGrant,
                      request);
}

StatusOr<pb::LeaseRevokeResponse> Client::lease_revoke(int64_t id) {
  pb::LeaseRevokeRequest request;
  request.set_id(id);
  return Caller::call(*this, Caller::Repeat::kIfNeverSent, &Endpoint::lease, &pb::Lease::StubInterface::LeaseRevoke,
                      request);
}

StatusOr<pb::LeaseTimeToLiveResponse> Client::lease_time_to_live(int64_t id, bool keys) {
  pb::LeaseTimeToLiveRequest request;
  request.set_id(id);
  request.set_keys(keys);
  return Caller::call(*this, Caller::Repeat::kAlways, &Endpoint::lease, &pb::Lease::StubInterface::LeaseTimeToLive,
                      request);
}

StatusOr<pb::LeaseLeasesResponse> Client::leases() {
  return Caller::call(*this, Caller::Repeat::kAlways, &Endpoint::lease, &pb::Lease::StubInterface::LeaseLeases,
                      pb::LeaseLeasesRequest());
}

StatusOr<pb::LeaseKeepAliveResponse> Client::lease_keep_alive(int64_t id, std::chrono::milliseconds patience) {
  Status failure;
  for (size_t attempt = 0; attempt < endpoints_.size(); ++attempt) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::min(patience, timeout_));
    auto stream = endpoints_[current_.load() % endpoints_.size()]->lease->LeaseKeepAlive(&context);
    pb::LeaseKeepAliveRequest request;
    request.set_id(id);
    pb::LeaseKeepAliveResponse response;
    if (stream->Write(request) && stream->Read(&response)) {
      context.TryCancel();
      return response;
    }
    failure = from_grpc(stream->Finish());
    if (failure.ok()) failure = absl::UnavailableError("the server ended the stream without an answer");
    if (failure.code() != absl::StatusCode::kUnavailable) return failure;
    skip_endpoint();
  }
  return failure;
}

StatusOr<pb::MemberListResponse> Client::member_list(bool linearizable) {
  pb::MemberListRequest request;
  request.set_linearizable(linearizable);
  return Caller::call(*this, Caller::Repeat::kAlways, &Endpoint::cluster, &pb::Cluster::StubInterface::MemberList,
                      request, linearizable ? Caller::Leader::kNeeded : Caller::Leader::kNotNeeded);
}

StatusOr<pb::MemberAddResponse> Client::member_add(const std::vector<std::string>& peer_urls, bool learner) {
  pb::MemberAddRequest request;
  for (const std::string& url : peer_urls) request.add_peerurls(url);
  request.set_islearner(learner);
  return Caller::call(*this, Caller::Repeat::kIfNeverSent, &Endpoint::cluster, &pb::Cluster::StubInterface::MemberAdd,
                      request);
}

StatusOr<pb::MemberRemoveResponse> Client::member_remove(uint64_t id) {
  pb::MemberRemoveRequest request;
  request.set_id(id);
  return Caller::call(*this, Caller::Repeat::kIfNeverSent, &Endpoint::cluster,
                      &pb::Cluster::StubInterface::MemberRemove, request);
}

StatusOr<pb::MemberUpdateResponse> Client::member_update(uint64_t id, const std::vector<std::string>& peer_urls) {
  pb::MemberUpdateRequest request;
  request.set_id(id);
  for (const std::string& url : peer_urls) request.add_peerurls(url);
  return Caller::call(*this, Caller::Repeat::kIfNeverSent, &Endpoint::cluster,
                      &pb::Cluster::StubInterface::MemberUpdate, request);
}

StatusOr<pb::MemberPromoteResponse> Client::member_promote(uint64_t id) {
  pb::MemberPromoteRequest request;
  request.set_id(id);
  return Caller::call(*this, Caller::Repeat::kIfNeverSent, &Endpoint::cluster,
                      &pb::Cluster::StubInterface::MemberPromote, request);
}

StatusOr<pb::MoveLeaderResponse> Client::move_leader(size_t endpoint, uint64_t target) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout_);
  pb::MoveLeaderRequest request;
  request.set_targetid(target);
  pb::MoveLeaderResponse response;
  const grpc::Status status = endpoints_[endpoint]->maintenance->MoveLeader(&context, request, &response);
  if (!status.ok()) return from_grpc(status);
  return response;
}

StatusOr<pb::StatusResponse> Client::status(size_t endpoint) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout_);
  pb::StatusResponse response;
  const grpc::Status status = endpoints_[endpoint]->maintenance->Status(&context, pb::StatusRequest(), &response);
  if (!status.ok()) return from_grpc(status);
  return response;
}

std::unique_ptr<WatchStream> Client::watch(const pb::WatchCreateRequest& request) {
  auto impl = std::make_unique<WatchStream::Impl>();
  impl->context.AddMetadata("hasleader", "true");
  impl->stream = endpoints_[current_.load() % endpoints_.size()]->watch->Watch(&impl->context);
  pb::WatchRequest wrapped;
  *wrapped.mutable_create_request() = request;
  impl->stream->Write(wrapped);
  return std::unique_ptr<WatchStream>(new WatchStream(std::move(impl)));
}

}  // namespace holdfast::cli
