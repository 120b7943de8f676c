// member: who belongs to the cluster.
#include "holdfast/cli/group_change.h"
#include "holdfast/cli/print_text.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/text.h"
#include "holdfast/cli/url.h"

namespace holdfast::cli {
namespace {

struct MemberFlags {
  std::string name, id;
  std::vector<std::string> peer_urls;
  bool learner = false;
  // Over PBFT:
  std::string administrator_key_file, token = "etcd-cluster", replacing;
};

Json members_json(const pb::ResponseHeader& header, const google::protobuf::RepeatedPtrField<pb::Member>& members) {
  Json out = {{"header", to_json(header)}, {"members", Json::array()}};
  for (const pb::Member& member : members) out["members"].push_back(to_json(member));
  return out;
}

std::optional<uint64_t> member_id(Shell& shell, const std::string& text) {
  const auto id = parse_hex_id(text);
  if (!id) {
    shell.usage_error(cat("\"", text, "\" is not a member id; write it in hexadecimal, as `member list` prints it"));
  }
  return id;
}

bool check_peer_urls(Shell& shell, const std::vector<std::string>& urls) {
  for (const std::string& text : urls) {
    const auto url = parse_peer_url(text);
    if (!url.ok()) {
      shell.usage_error(cat("--peer-urls: ", url.status().message()));
      return false;
    }
    if (url->is_unspecified()) {
      shell.usage_error(cat("--peer-urls: ", text, " means every address of a machine, which nobody can connect to; ",
                            "write the address that the other members reach it by"));
      return false;
    }
  }
  return true;
}

void run_list(Shell& shell, bool linearizable) {
  const auto client = shell.connect();
  if (client == nullptr) return;
  const auto response = client->member_list(linearizable);
  if (!response.ok()) return shell.fail(response.status());
  if (shell.json) return shell.print(members_json(response->header(), response->members()));
  std::vector<std::vector<std::string>> rows = {{"ID", "STATUS", "NAME", "PEER URLS", "CLIENT URLS", "LEARNER"}};
  for (const pb::Member& member : response->members()) {
    rows.push_back({hex_id(member.id()), member.name().empty() ? "unstarted" : "started", member.name(),
                    join(member.peerurls(), ","), join(member.clienturls(), ","), member.islearner() ? "yes" : "no"});
  }
  print_table(shell.out, rows);
}

// Where the new member can listen so that it is reached at `peer_url`: a name cannot be bound to, nor a key.
std::string listen_url(const std::string& peer_url) {
  const StatusOr<Url> url = parse_peer_url(peer_url);
  if (!url.ok()) return peer_url;
  const Url bound{url->host, url->port};
  return check_bindable(bound).ok() ? bound.text() : Url{"0.0.0.0", url->port}.text();
}

// The line with which the new member must be started.
void print_how_to_start(Shell& shell, const MemberFlags& flags, const pb::MemberAddResponse& response) {
  std::vector<std::string> cluster, listen;
  for (const pb::Member& member : response.members()) {
    const bool is_new = member.id() == response.member().id();
    const std::string name = is_new ? flags.name : member.name().empty() ? hex_id(member.id()) : member.name();
    for (const std::string& url : member.peerurls()) cluster.push_back(cat(name, "=", url));
  }
  for (const std::string& url : flags.peer_urls) listen.push_back(listen_url(url));
  shell.out << "member " << hex_id(response.member().id()) << " added to cluster "
            << hex_id(response.header().cluster_id()) << "\n\nStart it with:\n  holdfast serve --name=" << flags.name
            << " \\\n    --initial-cluster=" << join(cluster, ",")
            << " \\\n    --initial-advertise-peer-urls=" << join(flags.peer_urls, ",")
            << " \\\n    --listen-peer-urls=" << join(listen, ",") << " \\\n    --initial-cluster-state=existing\n"
            << "and with --listen-client-urls, for clients that are not on its machine.\n";
}

// --- Over PBFT -------------------------------------------------------------------------------------------------------

std::optional<GroupChange> group_change(Shell& shell, const MemberFlags& flags) {
  const auto timeout = parse_duration(shell.command_timeout);
  if (!timeout || timeout->count() == 0) {
    shell.usage_error(cat("--command-timeout=", shell.command_timeout, " must be a duration such as 5s or 300ms"));
    return std::nullopt;
  }
  return GroupChange{.endpoints = shell.endpoints,
                     .timeout = std::chrono::duration_cast<std::chrono::milliseconds>(*timeout),
                     .key_file = flags.administrator_key_file,
                     .token = flags.token};
}

Json group_json(const GroupChanged& changed) {
  Json out = {{"cluster_id", hex_id(changed.cluster)}, {"members", Json::array()}, {"founders", Json::array()}};
  const auto put = [&](const char* list, const std::vector<GroupMember>& members) {
    for (const GroupMember& m : members) {
      out[list].push_back({{"id", hex_id(m.id.value())}, {"name", m.name}, {"peer_urls", m.peer_urls}});
    }
  };
  put("members", changed.members);
  put("founders", changed.founders);
  if (changed.added != NodeId{}) out["added"] = hex_id(changed.added.value());
  return out;
}

// Founders whose names are not known any more are given one.
std::string founders_text(const GroupChanged& changed) {
  std::vector<std::string> out;
  for (const GroupMember& founder : changed.founders) {
    std::string name = "founder-" + hex_id(founder.id.value());
    for (const GroupMember& m : changed.members) {
      if (m.id == founder.id && !m.name.empty()) name = m.name;
    }
    for (const std::string& url : founder.peer_urls) out.push_back(cat(name, "=", url));
  }
  return join(out, ",");
}

void print_how_to_start(Shell& shell, const MemberFlags& flags, const GroupChanged& changed) {
  std::vector<std::string> listen;
  for (const std::string& url : flags.peer_urls) listen.push_back(listen_url(url));
  shell.out << "member " << hex_id(changed.added.value()) << " added to cluster " << hex_id(changed.cluster)
            << "\n\nStart it with its key, and the flags of the founders:\n  holdfast serve --name=" << flags.name
            << " --consensus=pbft --member-key-file=FILE"
            << " \\\n    --initial-cluster=" << founders_text(changed)
            << " \\\n    --initial-cluster-token=" << flags.token
            << " \\\n    --administrator-key=" << changed.administrator
            << " \\\n    --initial-advertise-peer-urls=" << join(flags.peer_urls, ",")
            << " \\\n    --listen-peer-urls=" << join(listen, ",") << " \\\n    --initial-cluster-state=existing\n"
            << "and with --listen-client-urls, for clients that are not on its machine.\n";
}

void fail_change(Shell& shell, const Status& status) {
  if (absl::IsInvalidArgument(status)) return shell.usage_error(cat(status.message()));
  shell.fail(status);
}

void run_signed_add(Shell& shell, const MemberFlags& flags) {
  std::optional<uint64_t> replaced;
  if (!flags.replacing.empty() && !(replaced = member_id(shell, flags.replacing))) return;
  if (!check_peer_urls(shell, flags.peer_urls)) return;
  if (flags.learner) return shell.usage_error("--learner: a group over PBFT has no learners; leave it out");
  for (const std::string& text : flags.peer_urls) {
    if (!parse_peer_url(text)->key.empty()) continue;
    return shell.usage_error(cat("--peer-urls: ", text,
                                 " has no key; write http://KEY@HOST:PORT, where KEY are the 64 ",
                                 "digits that `holdfast key new FILE` prints at the new member"));
  }
  std::optional<GroupChange> change = group_change(shell, flags);
  if (!change) return;
  change->added_name = flags.name;
  change->added_peer_urls = flags.peer_urls;
  change->removed = replaced;
  const StatusOr<GroupChanged> changed = change_group(*change);
  if (!changed.ok()) return fail_change(shell, changed.status());
  if (shell.json) return shell.print(group_json(*changed));
  print_how_to_start(shell, flags, *changed);
}

void run_signed_remove(Shell& shell, const MemberFlags& flags) {
  const auto id = member_id(shell, flags.id);
  std::optional<GroupChange> change = id ? group_change(shell, flags) : std::nullopt;
  if (!change) return;
  change->removed = *id;
  const StatusOr<GroupChanged> changed = change_group(*change);
  if (!changed.ok()) return fail_change(shell, changed.status());
  if (shell.json) return shell.print(group_json(*changed));
  shell.out << "member " << hex_id(*id) << " removed from cluster " << hex_id(changed->cluster) << "\n";
}

// --- Over any other engine -------------------------------------------------------------------------------------------

void run_add(Shell& shell, const MemberFlags& flags) {
  if (!flags.administrator_key_file.empty()) return run_signed_add(shell, flags);
  if (!flags.replacing.empty()) return shell.usage_error("--replacing needs --administrator-key-file");
  const auto client = check_peer_urls(shell, flags.peer_urls) ? shell.connect() : nullptr;
  if (client == nullptr) return;
  // The request has no name: it is the new member that will say its own, and it would be refused a second one.
  const auto before = client->member_list(/*linearizable=*/true);
  if (!before.ok()) return shell.fail(before.status());
  std::vector<GroupMember> members;
  for (const pb::Member& m : before->members()) members.push_back({NodeId(m.id()), m.name(), {}});
  if (const Status s = check_name_is_free(flags.name, members); !s.ok()) return shell.usage_error(cat(s.message()));
  const auto response = client->member_add(flags.peer_urls, flags.learner);
  if (!response.ok()) return shell.fail(response.status());
  if (!shell.json) return print_how_to_start(shell, flags, *response);
  Json out = members_json(response->header(), response->members());
  out["member"] = to_json(response->member());
  shell.print(out);
}

template <class Call>
void run_change(Shell& shell, const MemberFlags& flags, const char* done, const Call& call) {
  const auto id = member_id(shell, flags.id);
  const auto client = id ? shell.connect() : nullptr;
  if (client == nullptr) return;
  const auto response = call(*client, *id);
  if (!response.ok()) return shell.fail(response.status());
  if (shell.json) return shell.print(members_json(response->header(), response->members()));
  shell.out << "member " << hex_id(*id) << " " << done << " cluster " << hex_id(response->header().cluster_id())
            << "\n";
}

}  // namespace

void add_member(CLI::App& root, Shell& shell) {
  CLI::App* member = root.add_subcommand("member", "List and change the members of the cluster");
  member->require_subcommand(1);
  member->footer(
      "Change one member at a time. A new member is best added as a learner, and promoted when it has caught up.\n"
      "\n"
      "With --consensus=pbft members change only by what the administrator has signed: add and remove take\n"
      "--administrator-key-file, and can be asked of any member. See docs/guide/consensus.md.\n"
      "\n"
      "Examples:\n"
      "  holdfast member list\n"
      "  holdfast member add d --peer-urls=http://10.0.0.4:2380 --learner\n"
      "  holdfast member promote 9bf1b35fc7761a23\n"
      "  holdfast member add e --peer-urls=http://4f0c...9e@10.0.0.5:2380 --administrator-key-file=admin.key");
  auto flags = std::make_shared<MemberFlags>();
  auto stale = std::make_shared<bool>(false);
  const auto add = [&](const char* name, const char* text) {
    CLI::App* app = member->add_subcommand(name, text);
    add_client_options(*app, shell);
    return app;
  };
  CLI::App* list = add("list", "List the members");
  list->add_flag("--serializable", *stale, "Ask one member only; the answer may be stale");
  list->callback([stale, &shell] { run_list(shell, !*stale); });

  CLI::App* added = add("add", "Add a member; prints how to start it");
  added->add_option("name", flags->name, "The new member's name")->type_name("NAME")->required();
  added->add_flag("--learner", flags->learner, "Add it without a vote");
  added->callback([flags, &shell] { run_add(shell, *flags); });

  CLI::App* remove = add("remove", "Remove a member");
  CLI::App* update = add("update", "Change the peer URLs of a member");
  CLI::App* promote = add("promote", "Give a learner a vote");
  for (CLI::App* app : {remove, update, promote}) {
    app->add_option("id", flags->id, "The member, in hexadecimal")->type_name("ID")->required();
  }
  added->add_option("--replacing", flags->replacing, "PBFT: the member, in hexadecimal, that leaves in the same step")
      ->type_name("ID");
  for (CLI::App* app : {added, remove}) {
    app->add_option("--administrator-key-file", flags->administrator_key_file,
                    "PBFT: the private key that signs changes of the members")
        ->type_name("FILE");
    app->add_option("--initial-cluster-token", flags->token, "PBFT: the token that the cluster was founded with")
        ->type_name("TOKEN");
  }
  for (CLI::App* app : {added, update}) {
    list_option(*app, "--peer-urls", flags->peer_urls, "Where the other members reach it, separated by commas")
        ->required();
  }
  remove->callback([flags, &shell] {
    if (!flags->administrator_key_file.empty()) return run_signed_remove(shell, *flags);
    run_change(shell, *flags, "removed from", [](Client& client, uint64_t id) { return client.member_remove(id); });
  });
  update->callback([flags, &shell] {
    if (!check_peer_urls(shell, flags->peer_urls)) return;
    run_change(shell, *flags, "updated in",
               [&](Client& client, uint64_t id) { return client.member_update(id, flags->peer_urls); });
  });
  promote->callback([flags, &shell] {
    run_change(shell, *flags, "promoted in", [](Client& client, uint64_t id) { return client.member_promote(id); });
  });
}

}  // namespace holdfast::cli
