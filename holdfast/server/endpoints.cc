#include "holdfast/server/endpoints.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "holdfast/server/metrics_text.h"

namespace holdfast::server {
namespace {

using Done = std::function<void(HttpAnswer)>;

// One condition of health; `why` is empty when it holds.
struct Check {
  std::string name;
  std::string why;
};

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(c) >= ' ') out.push_back(c);
  }
  return out + '"';
}

// Calls `f` with each part of `text`.
template <class F>
void each_part(std::string_view text, char separator, const F& f) {
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    f(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

// The values of exclude=A&exclude=B and exclude=A,B.
bool excluded(std::string_view query, std::string_view name) {
  bool found = false;
  each_part(query, '&', [&](std::string_view pair) {
    each_part(query_value(pair, "exclude"), ',', [&](std::string_view value) { found = found || value == name; });
  });
  return found;
}

std::string alarm_name(store::AlarmType alarm) {
  switch (alarm) {
    case store::AlarmType::kNone:
      return "NONE";
    case store::AlarmType::kNoSpace:
      return "NOSPACE";
    case store::AlarmType::kCorrupt:
      return "CORRUPT";
  }
  return "";
}

// Runs the checks that were asked for, one read after the other, and then answers.
class Probe : public PendingAnswer, public CallOwner {
 public:
  Probe(Shared& shared, std::vector<Check> checks, std::function<HttpAnswer(const std::vector<Check>&)> render,
        Done done)
      : shared_(shared), checks_(std::move(checks)), render_(std::move(render)), done_(std::move(done)) {}
  ~Probe() override {
    if (call_) shared_.dispatcher.cancel(*call_);
  }

  // True when it has answered; `this` may then be gone.
  bool go_on() {
    for (; next_ < checks_.size(); ++next_) {
      Check& check = checks_[next_];
      if (check.name == "serializable_read" || check.name == "linearizable_read") {
        store::RangeRequest read{.key = Slice::unowned("health"), .limit = 1, .keys_only = true};
        read.serializable = check.name == "serializable_read";
        call_ = shared_.dispatcher.call(this, store::Request(std::move(read)), /*has_leader=*/!read.serializable);
        return false;
      }
      if (check.name == "non_learner" && shared_.port.facts().is_learner) check.why = "the local node is a learner";
      if (check.name == "data_corruption") {
        for (const store::AlarmMember& a : shared_.port.facts().alarms) {
          if (a.alarm == store::AlarmType::kCorrupt) check.why = "alarm activated: CORRUPT";
        }
      }
    }
    const Done done = std::move(done_);
    done(render_(checks_));
    return true;
  }

  void on_answer(service::CallId, store::Response response) override {
    call_.reset();
    if (const auto* refused = std::get_if<store::Refused>(&response))
      checks_[next_].why = outcome_of(refused->error).text;
    ++next_;
    go_on();
  }

 private:
  Shared& shared_;
  std::vector<Check> checks_;
  std::function<HttpAnswer(const std::vector<Check>&)> render_;
  Done done_;
  size_t next_ = 0;
  std::optional<service::CallId> call_;
};

std::unique_ptr<PendingAnswer> start(std::unique_ptr<Probe> probe) {
  return probe->go_on() ? nullptr : std::move(probe);
}

HttpAnswer health_answer(std::string_view reason) {
  const bool healthy = reason.empty();
  return {.status = healthy ? 200 : 503,
          .content_type = "application/json",
          .body = std::string("{\"health\":") + (healthy ? "\"true\"" : "\"false\"") +
                  ",\"reason\":" + json_string(reason) + "}\n"};
}

std::unique_ptr<PendingAnswer> health(Shared& shared, const HttpRequest& request, Done done) {
  for (const store::AlarmMember& a : shared.port.facts().alarms) {
    if (excluded(request.query, alarm_name(a.alarm))) continue;
    done(health_answer("ALARM " + alarm_name(a.alarm)));
    return nullptr;
  }
  const bool serializable = query_value(request.query, "serializable") == "true";
  if (!serializable && !shared.has_leader) {
    done(health_answer("RAFT NO LEADER"));
    return nullptr;
  }
  auto render = [](const std::vector<Check>& checks) {
    return health_answer(checks[0].why.empty() ? "" : "RANGE ERROR:" + checks[0].why);
  };
  return start(std::make_unique<Probe>(
      shared, std::vector<Check>{{serializable ? "serializable_read" : "linearizable_read", ""}}, render,
      std::move(done)));
}

// "/readyz" runs all checks that are not excluded; "/readyz/NAME" runs one.
std::unique_ptr<PendingAnswer> checks(Shared& shared, const HttpRequest& request, const std::string& root,
                                      const std::vector<std::string>& names, Done done) {
  const std::string one = request.path.size() > root.size() ? request.path.substr(root.size() + 1) : "";
  std::vector<Check> wanted;
  for (const std::string& name : names) {
    if (one.empty() ? !excluded(request.query, name) : name == one) wanted.push_back({name, ""});
  }
  if (!one.empty() && wanted.empty()) {
    done(not_found(request.path));
    return nullptr;
  }
  bool verbose = false;
  query_value(request.query, "verbose", &verbose);
  auto render = [verbose, what = root.substr(1)](const std::vector<Check>& results) {
    std::string text;
    bool ok = true;
    for (const Check& c : results) {
      text += c.why.empty() ? "[+]" + c.name + " ok\n" : "[-]" + c.name + " failed: " + c.why + '\n';
      ok = ok && c.why.empty();
    }
    if (!ok) return HttpAnswer{.status = 503, .body = text + what + " check failed\n"};
    return HttpAnswer{.body = verbose ? text + what + " check passed\n" : "ok\n"};
  };
  return start(std::make_unique<Probe>(shared, std::move(wanted), render, std::move(done)));
}

bool is_at(const std::string& path, const std::string& root) { return path == root || path.starts_with(root + '/'); }

}  // namespace

std::unique_ptr<PendingAnswer> answer_get(Shared& shared, const HttpRequest& request, Done done) {
  const bool readable = request.method == "GET" || request.method == "HEAD";
  const auto known = [&] {
    return request.path == "/health" || request.path == "/version" || request.path == "/metrics" ||
           is_at(request.path, "/livez") || is_at(request.path, "/readyz");
  };
  if (!known()) {
    done(not_found(request.path));
  } else if (!readable) {
    done({.status = 405, .body = "method not allowed; use GET\n"});
  } else if (request.path == "/health") {
    return health(shared, request, std::move(done));
  } else if (is_at(request.path, "/livez")) {
    return checks(shared, request, "/livez", {"serializable_read"}, std::move(done));
  } else if (is_at(request.path, "/readyz")) {
    return checks(shared, request, "/readyz",
                  {"data_corruption", "serializable_read", "linearizable_read", "non_learner"}, std::move(done));
  } else if (request.path == "/version") {
    const std::string api(kApiVersion);
    done({.content_type = "application/json",
          .body = "{\"etcdserver\":\"" + api + "\",\"etcdcluster\":\"" + api + "\",\"storage\":\"" + api +
                  "\",\"holdfast\":" + json_string(shared.config.version) +
                  ",\"consensus\":" + json_string(shared.config.consensus) + "}\n"});
  } else {
    done({.content_type = std::string(kMetricsContentType), .body = render(shared.metrics)});
  }
  return nullptr;
}

}  // namespace holdfast::server
