#include "holdfast/cli/group_change.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <rpc.grpc.pb.h>

#include "holdfast/base/codec.h"
#include "holdfast/base/fixed_bytes.h"
#include "holdfast/cli/client.h"
#include "holdfast/cli/json.h"
#include "holdfast/cli/pause.h"
#include "holdfast/cli/text.h"
#include "holdfast/cli/url.h"
#include "holdfast/consensus/pbft/authority.h"
#include "holdfast/runtime/key_file.h"
#include "holdfast/server/member_identity.h"
#include "holdfast/server/member_key.h"
#include "holdfast/service/group_change.h"

namespace holdfast::cli {
namespace {

// Of messages that etcd's API has, this field is ours: the signed change in requests, the founders in answers.
constexpr int kOwnField = 1001;
constexpr std::chrono::seconds kInForce{30};
constexpr Duration kPoll = Duration::millis(100);

using Stub = pb::Cluster::StubInterface;

struct View {
  uint64_t cluster = 0, epoch = 0;
  std::vector<GroupMember> members, founders;
};

GroupMember member_of(const pb::Member& m) {
  return {NodeId(m.id()), m.name(), {m.peerurls().begin(), m.peerurls().end()}};
}

// "10.0.0.1:2380" of "http://KEY@10.0.0.1:2380".
std::string address_in(const std::string& peer_url) {
  const StatusOr<Url> url = parse_peer_url(peer_url);
  return url.ok() ? url->authority() : peer_url;
}

Status from(const grpc::Status& status) {
  return Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// What one member says of the group.
StatusOr<View> look(Stub& stub, std::chrono::milliseconds timeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  pb::MemberListRequest request;
  pb::MemberListResponse response;
  const grpc::Status status = stub.MemberList(&context, request, &response);
  if (!status.ok()) return from(status);
  View view{response.header().cluster_id(), response.header().raft_term() >> 32, {}, {}};
  for (const pb::Member& m : response.members()) view.members.push_back(member_of(m));
  const auto& unknown = response.GetReflection()->GetUnknownFields(response);
  for (int i = 0; i < unknown.field_count(); ++i) {
    pb::Member founder;
    const auto& field = unknown.field(i);
    const bool ours =
        field.number() == kOwnField && field.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED;
    if (ours && founder.ParseFromString(field.length_delimited())) view.founders.push_back(member_of(founder));
  }
  return view;
}

bool same(const View& a, const View& b) {
  const auto founders = [](const View& v) {
    std::vector<std::pair<NodeId, std::vector<std::string>>> out;
    for (const GroupMember& m : v.founders) out.emplace_back(m.id, m.peer_urls);
    return out;
  };
  return a.cluster == b.cluster && a.epoch == b.epoch && founders(a) == founders(b);
}

class Administrator {
 public:
  explicit Administrator(const GroupChange& wanted) : wanted_(wanted) {}

  StatusOr<GroupChanged> run() {
    const StatusOr<crypto::Seed> seed = runtime::read_key_file(wanted_.key_file);
    if (!seed.ok()) return seed.status();
    const crypto::Identity identity(*seed);
    if (Status s = connect(); !s.ok()) return s;
    const StatusOr<View> before = look_at_all();
    if (!before.ok()) return before.status();
    if (Status s = check_founding(*before, identity.public_key()); !s.ok()) return s;
    if (Status s = submit(*before, identity); !s.ok()) return s;
    const StatusOr<View> after = wait_for(before->epoch + 1);
    if (!after.ok()) return after.status();
    if (Status s = check(*after); !s.ok()) return s;
    return GroupChanged{before->cluster, added_, to_hex(identity.public_key().view()), after->members, after->founders};
  }

 private:
  Status connect() {
    for (const std::string& text : wanted_.endpoints) {
      const StatusOr<std::string> address = endpoint_address(text);
      if (!address.ok()) return address.status();
      stubs_.push_back(pb::Cluster::NewStub(grpc::CreateChannel(*address, grpc::InsecureChannelCredentials())));
    }
    return stubs_.empty() ? absl::InvalidArgumentError("there is no endpoint to talk to") : absl::OkStatus();
  }

  StatusOr<View> look_at_all() {
    std::optional<View> view;
    Status silent;
    for (size_t i = 0; i < stubs_.size(); ++i) {
      StatusOr<View> said = look(*stubs_[i], wanted_.timeout);
      if (!said.ok()) {
        silent = said.status();
      } else if (view && !same(*view, *said)) {
        return absl::FailedPreconditionError(
            cat("the members asked do not say the same of the group; ", wanted_.endpoints[i],
                " may lag behind, or lie. Nothing was signed; ask again, or name only members that you trust"));
      } else {
        view = *std::move(said);
      }
    }
    return view ? StatusOr<View>(*std::move(view)) : silent;
  }

  // Whoever joins works out the same from its flags; and a member that names false founders is found out.
  Status check_founding(const View& view, const crypto::PublicKey& key) const {
    if (view.founders.empty()) {
      return absl::InvalidArgumentError(
          "this cluster has no administrator: its members change without a signature; leave out "
          "--administrator-key-file");
    }
    server::MemberConfig config;
    config.initial_cluster_token = wanted_.token;
    config.administrator = key;
    std::vector<NodeId> ids;
    bool right = true;
    for (const GroupMember& m : view.founders) {
      ids.push_back(m.id);
      right &= server::member_id_of(m.peer_urls, wanted_.token) == m.id;
    }
    if (right && server::cluster_id_of(ids, server::founding_token(config)) == view.cluster) return absl::OkStatus();
    // The identities of the founders follow from the token, that of the cluster from both.
    if (!right) {
      return absl::InvalidArgumentError(
          cat("this cluster was founded with another --initial-cluster-token than \"", wanted_.token,
              "\"; give that which its members were founded with (that of `holdfast up` is in its DIR/cluster.json)"));
    }
    return absl::InvalidArgumentError(cat("this cluster was founded under another --administrator-key than ",
                                          to_hex(key.view()), ", which is that of ", wanted_.key_file,
                                          "; give the file whose key its members were founded with"));
  }

  // Those who stay may not have the new member's name, addresses or key.
  Status check_new(const View& now, const crypto::PublicKey& key) const {
    std::vector<GroupMember> stay;
    for (const GroupMember& m : now.members) {
      if (!wanted_.removed || m.id != NodeId(*wanted_.removed)) stay.push_back(m);
    }
    for (const GroupMember& m : stay) {
      const std::string who = cat("member ", hex_id(m.id.value()), m.name.empty() ? "" : cat(" (", m.name, ")"));
      const auto its_key = runtime::key_in(m.peer_urls);
      if (its_key.ok() && *its_key == key) {
        return absl::InvalidArgumentError(cat("--peer-urls: ", who, " has this key already; make one for the new member ",
                                              "with `holdfast key new FILE`, on its machine"));
      }
      for (const std::string& url : wanted_.added_peer_urls) {
        for (const std::string& taken : m.peer_urls) {
          if (address_in(url) != address_in(taken)) continue;
          return absl::InvalidArgumentError(cat("--peer-urls: ", who, " is at ", address_in(url),
                                                " already; give the address that the new member will listen on"));
        }
      }
    }
    return check_name_is_free(wanted_.added_name, stay);
  }

  StatusOr<pbft::Change> change(const View& now) {
    pbft::Change out{.epoch = now.epoch};
    service::GroupChange context;
    if (!wanted_.added_peer_urls.empty()) {
      const auto key = runtime::key_in(wanted_.added_peer_urls);
      if (!key.ok()) return key.status();
      if (!*key) return absl::InvalidArgumentError("the peer URL of the new member has no key");
      added_ = server::member_id_of(wanted_.added_peer_urls, wanted_.token);
      out.added.push_back({added_, **key});
      if (Status s = check_new(now, **key); !s.ok()) return s;
      store::Member fresh;
      fresh.id = added_;
      fresh.peer_urls = wanted_.added_peer_urls;
      context.added.push_back(std::move(fresh));
    }
    if (wanted_.removed) {
      const NodeId leaves(*wanted_.removed);
      if (std::none_of(now.members.begin(), now.members.end(), [&](const auto& m) { return m.id == leaves; })) {
        return absl::NotFoundError("etcdserver: member not found");
      }
      out.removed.push_back(leaves);
    }
    out.context = codec::encode_flat(context);
    return out;
  }

  // The very same may be handed to several members: it counts for one configuration, and so at most once.
  Status submit(const View& now, const crypto::Identity& identity) {
    const StatusOr<pbft::Change> wanted = change(now);
    if (!wanted.ok()) return wanted.status();
    const Slice bytes =
        codec::encode_flat(pbft::SignedChange{*wanted, identity.sign(pbft::text_of(now.cluster, *wanted))});
    Status said;
    for (const auto& stub : stubs_) {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + wanted_.timeout);
      said = hand_over(*stub, context, bytes.str());
      const bool elsewhere =
          said.code() == absl::StatusCode::kUnavailable || said.code() == absl::StatusCode::kDeadlineExceeded;
      if (!elsewhere) break;
    }
    return said;
  }

  Status hand_over(Stub& stub, grpc::ClientContext& context, const std::string& bytes) const {
    const auto sign = [&](auto& request) {
      request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(kOwnField, bytes);
    };
    if (wanted_.added_peer_urls.empty()) {
      pb::MemberRemoveRequest request;
      request.set_id(wanted_.removed.value_or(0));
      sign(request);
      pb::MemberRemoveResponse response;
      return from(stub.MemberRemove(&context, request, &response));
    }
    pb::MemberAddRequest request;
    for (const std::string& url : wanted_.added_peer_urls) request.add_peerurls(url);
    sign(request);
    pb::MemberAddResponse response;
    return from(stub.MemberAdd(&context, request, &response));
  }

  StatusOr<View> wait_for(uint64_t epoch) {
    const auto deadline =
        std::chrono::steady_clock::now() + std::max<std::chrono::milliseconds>(kInForce, wanted_.timeout);
    while (std::chrono::steady_clock::now() < deadline) {
      for (const auto& stub : stubs_) {
        StatusOr<View> said = look(*stub, wanted_.timeout);
        if (said.ok() && said->epoch >= epoch) return said;
      }
      pause_for(kPoll);
    }
    return absl::DeadlineExceededError(
        "the change is ordered, and will be in force when the members have reached the end of their epoch: more than "
        "two thirds of them must run; `holdfast member list` shows it then");
  }

  Status check(const View& after) const {
    const auto belongs = [&](NodeId id) {
      return std::any_of(after.members.begin(), after.members.end(), [&](const GroupMember& m) { return m.id == id; });
    };
    const bool added = added_ == NodeId{} || belongs(added_);
    const bool removed = !wanted_.removed || !belongs(NodeId(*wanted_.removed));
    if (added && removed) return absl::OkStatus();
    return absl::FailedPreconditionError("another change came first; look at `holdfast member list`, and sign anew");
  }

  const GroupChange& wanted_;
  std::vector<std::unique_ptr<Stub>> stubs_;
  NodeId added_;
};

}  // namespace

Status check_name_is_free(const std::string& name, const std::vector<GroupMember>& members) {
  for (const GroupMember& m : members) {
    if (m.name != name) continue;
    return absl::InvalidArgumentError(cat("member ", hex_id(m.id.value()), " is called \"", name,
                                          "\" already, and members are told apart by their names; give the new one ",
                                          "another name, or remove that one first"));
  }
  return absl::OkStatus();
}

StatusOr<GroupChanged> change_group(const GroupChange& wanted) { return Administrator(wanted).run(); }

}  // namespace holdfast::cli
