// `holdfast serve` on bad days, as a real process: what it says, with which exit code it ends, and that nothing is
// lost.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "holdfast/cli/json.h"
#include "tests/serve_testing.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

using ServeFlags = ServeTest;

TEST_F(ServeFlags, WrongOnesEndItWithCodeTwoBeforeAnythingIsTouched) {
  const std::pair<Words, const char*> table[] = {
      {{"--nmae=x"}, "unknown flag --nmae; did you mean --name?"},
      {{"--cert-file=a.pem"}, "--cert-file=a.pem is not supported: TLS"},
      {{"--config-file=a.yml"}, "--config-file=a.yml is not supported"},
      {{"--force-new-cluster"}, "--force-new-cluster=true is not supported"},
      {{"--heartbeat-interval=soon"}, "--heartbeat-interval=soon must be a whole number from 1 to 50000"},
      {{"--max-txn-ops=99999999999999999999"}, "--max-txn-ops=99999999999999999999 must be a whole number"},
      {{"--election-timeout=200"}, "must be at least 5 times --heartbeat-interval=100"},
      {{"--initial-cluster=other=http://127.0.0.1:1"}, "does not contain this member's name \"default\""},
      {{"--initial-cluster-state=joining"}, "must be new or existing"},
      {{cat("--listen-peer-urls=http://127.0.0.1:", port(0))}, "is named by both"},
      {{"--listen-client-urls=https://127.0.0.1:1"}, "asks for TLS"},
      {{"--listen-client-urls=http://127.0.0.1:70000"}, "out of range"},
      {{"--quota-backend-bytes=-1"}, "asks for no quota at all"},
      {{"--name"}, "--name needs a value"},
      {{"stray"}, "unexpected argument \"stray\""},
  };
  for (const auto& [words, text] : table) {
    Words all = flags("data");
    all.insert(all.end(), words.begin(), words.end());
    const Ended result = ended(all);
    EXPECT_EQ(result.how, "exited with code 2") << words[0];
    EXPECT_THAT(result.output, AllOf(StartsWith("holdfast serve: "), HasSubstr(text)));
    EXPECT_FALSE(fs::exists(path("data")));
  }
}

TEST_F(ServeFlags, AllMistakesAreNamedAtOnce) {
  const Ended result = ended({"--nmae=x", "--election-timeout=1", "--data-dir="}, {"env", "ETCD_CERT_FILE=a.pem"});
  EXPECT_EQ(result.how, "exited with code 2");
  for (const char* text : {"unknown flag --nmae", "--election-timeout=1", "--data-dir", "ETCD_CERT_FILE=a.pem"}) {
    EXPECT_THAT(result.output, HasSubstr(cat("holdfast serve: ", text)));
  }
}

TEST_F(ServeFlags, WrongVariablesAreRefusedByTheirNames) {
  for (const auto& [variable, text] : std::vector<std::pair<std::string, std::string>>{
           {"ETCD_HEARTBEAT_INTERVAL=soon", "ETCD_HEARTBEAT_INTERVAL=soon must be a whole number"},
           {"ETCD_CLIENT_CERT_AUTH=true", "ETCD_CLIENT_CERT_AUTH=true is not supported"},
           {"HOLDFAST_NAME=a=b", "HOLDFAST_NAME=a=b must not be empty nor contain"},
           {"ETCD_LISTEN_CLIENT_URLS=127.0.0.1:1", "ETCD_LISTEN_CLIENT_URLS: \"127.0.0.1:1\""}}) {
    const Ended result = ended({"--data-dir=" + path("data")}, {"env", variable});
    EXPECT_EQ(result.how, "exited with code 2") << variable;
    EXPECT_THAT(result.output, HasSubstr(text));
  }
  EXPECT_FALSE(fs::exists(path("data")));
}

TEST_F(ServeFlags, VariablesWithoutAMeaningAreWarnedAbout) {
  LocalMember one = member(flags("data"), {"env", "ETCD_NMAE=x"});
  ASSERT_TRUE(one.start().ok());
  EXPECT_TRUE(comes_true([&] { return answers(); }));
  EXPECT_THAT(one.last_output(100), HasSubstr("ETCD_NMAE has no meaning to `holdfast serve`; did you mean ETCD_NAME?"));
  stop(one);
}

class ServeDirectory : public ServeTest {
 protected:
  // Words that take the superuser's right to ignore permissions from the program.
  static Words unprivileged() {
    if (geteuid() != 0) return {};
    return {"setpriv", "--bounding-set=-dac_override,-dac_read_search"};
  }
  static size_t entries(const std::string& directory) {
    return static_cast<size_t>(std::distance(fs::directory_iterator(directory), {}));
  }
};

TEST_F(ServeDirectory, OneThatCannotBeReadIsRefusedAndKept) {
  make_data("data");
  fs::permissions(path("data"), fs::perms::none);
  const Ended result = ended(flags("data"), unprivileged());
  fs::permissions(path("data"), fs::perms::owner_all);
  EXPECT_EQ(result.how, "exited with code 1");
  EXPECT_THAT(result.output,
              AllOf(HasSubstr(path("data") + " cannot be read: Permission denied"), HasSubstr("--data-dir")));
  expect_data("data");
}

TEST_F(ServeDirectory, OneThatCannotBeWrittenIsRefusedAndKept) {
  fs::create_directory(path("empty"));
  fs::permissions(path("empty"), fs::perms::owner_read | fs::perms::owner_exec);
  const Ended empty = ended(flags("empty"), unprivileged());
  EXPECT_EQ(empty.how, "exited with code 1");
  EXPECT_THAT(empty.output, AllOf(HasSubstr(path("empty")), HasSubstr("Permission denied")));
  EXPECT_EQ(entries(path("empty")), 0u);

  make_data("data");
  const auto set_all = [this](fs::perms files, fs::perms directories) {
    for (const auto& entry : fs::recursive_directory_iterator(path("data"))) {
      fs::permissions(entry, entry.is_directory() ? directories : files);
    }
    fs::permissions(path("data"), directories);
  };
  set_all(fs::perms::owner_read, fs::perms::owner_read | fs::perms::owner_exec);
  const Ended result = ended(flags("data"), unprivileged());
  set_all(fs::perms::owner_read | fs::perms::owner_write, fs::perms::owner_all);
  EXPECT_EQ(result.how, "exited with code 1");
  EXPECT_THAT(result.output, AllOf(HasSubstr(path("data")), HasSubstr("Permission denied")));
  expect_data("data");
}

TEST_F(ServeDirectory, TheDataOfEtcdIsLeftAlone) {
  for (const char* inner : {"member/snap", "member/wal", "member"}) {
    const std::string name = cat("etcd", std::string_view(inner).size());
    fs::create_directories(path(name) + "/" + inner);
    std::ofstream(path(name) + "/" + inner + "/db") << "bolt";
    const Ended result = ended(flags(name));
    EXPECT_EQ(result.how, "exited with code 1");
    EXPECT_THAT(result.output, AllOf(HasSubstr("etcd"), HasSubstr("--data-dir"), HasSubstr("make-mirror")));
    EXPECT_EQ(entries(path(name)), 1u);
  }
}

TEST_F(ServeDirectory, TheFilesOfOthersAreLeftAlone) {
  fs::create_directory(path("photos"));
  std::ofstream(path("photos/summer.jpg")) << "x";
  const Ended result = ended(flags("photos"));
  EXPECT_EQ(result.how, "exited with code 1");
  EXPECT_THAT(result.output, AllOf(HasSubstr("holds \"summer.jpg\""), HasSubstr("nothing was touched")));
  EXPECT_EQ(entries(path("photos")), 1u);
}

TEST_F(ServeDirectory, AFileIsNoDirectory) {
  std::ofstream(path("data")) << "x";
  for (const char* name : {"data", "data/below"}) {
    const Ended result = ended(flags(name));
    EXPECT_EQ(result.how, "exited with code 1");
    EXPECT_THAT(result.output, AllOf(HasSubstr(path("data") + " is not a directory"), HasSubstr("--data-dir")));
  }
  EXPECT_EQ(fs::file_size(path("data")), 1u);
}

TEST_F(ServeDirectory, ASecondProcessOnItIsRefusedAndTheFirstGoesOn) {
  LocalMember first = started(flags("data"));
  put_keys();
  const Ended second = ended(flags("data", 2, 3));
  EXPECT_EQ(second.how, "exited with code 1");
  EXPECT_THAT(second.output,
              HasSubstr(cat(path("data"), " is in use by process ", first.pid(), "; stop that process")));
  expect_keys();
  stop(first);
  expect_data("data");
}

TEST_F(ServeDirectory, WithoutItsIdentityTheLogIsNotTaken) {
  make_data("data");
  fs::rename(path("data/IDENTITY"), path("saved"));
  std::ofstream(path("data/IDENTITY")) << "{";
  const Ended broken = ended(flags("data"));
  EXPECT_EQ(broken.how, "exited with code 1");
  EXPECT_THAT(broken.output, AllOf(HasSubstr("IDENTITY cannot be used"), HasSubstr("restore it from a backup")));
  fs::rename(path("saved"), path("data/IDENTITY"));
  expect_data("data");
}

using ServePorts = ServeTest;

TEST_F(ServePorts, ABusyOneIsNamedAndNothingIsLost) {
  make_data("data");
  LocalMember other = started(flags("other", 0, 1));
  struct Case {
    Words flags;
    const char* flag;
    int port;
  };
  for (const Case& c : {Case{flags("data", 0, 3), "--listen-client-urls", port(0)},
                        Case{flags("data", 2, 1), "--listen-peer-urls", port(1)}}) {
    const Ended result = ended(c.flags);
    EXPECT_EQ(result.how, "exited with code 1");
    EXPECT_THAT(result.output,
                HasSubstr(cat(c.flag, ": cannot listen on 127.0.0.1:", c.port,
                              ": the address is in use; stop the other process or choose another port")));
  }
  EXPECT_EQ(ended(flags("fresh", 0, 3)).how, "exited with code 1");
  stop(other);
  expect_data("data");
  make_data("fresh");
}

class ServeLog : public ServeTest {
 protected:
  // The only segment of the log.
  std::string segment() const {
    for (const auto& entry : fs::directory_iterator(path("data/wal"))) {
      if (entry.path().filename().string().starts_with("wal-")) return entry.path();
    }
    return "";
  }
  Json verify(int code) const {
    const Outcome outcome = run_in_process({"wal", "verify", path("data"), "--json"}, {});
    EXPECT_EQ(outcome.code, code) << outcome.err;
    return Json::parse(outcome.out, nullptr, false);
  }
  // Where the record starts, and how long it is.
  std::pair<uint64_t, uint64_t> record(uint64_t seq) const {
    std::istringstream lines(run_in_process({"wal", "dump", path("data"), "--json"}, {}).out);
    for (std::string line; std::getline(lines, line);) {
      const Json item = Json::parse(line);
      if (item["kind"] == "Record" && item["seq"] == seq) return {item["offset"], item["length"]};
    }
    ADD_FAILURE() << "no record " << seq;
    return {};
  }
  static std::string read_at(const std::string& file, uint64_t offset, size_t length) {
    std::ifstream in(file, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(offset));
    std::string bytes(length, '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(length));
    return bytes;
  }
  static void write_at(const std::string& file, uint64_t offset, std::string_view bytes) {
    std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(offset));
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
};

TEST_F(ServeLog, DamageInTheMiddleIsRefusedAndCanBeMended) {
  make_data("data");
  const auto [offset, length] = record(6);
  const std::string file = segment();
  const uint64_t at = offset + length;  // within the record, behind its header
  const std::string good = read_at(file, at, 1);
  write_at(file, at, std::string(1, static_cast<char>(good[0] ^ 0x20)));

  const Json report = verify(kExitFailed);
  EXPECT_EQ(report["ok"], false);
  const uint64_t frame = report["damage"]["offset"];  // a frame may hold several records
  EXPECT_LE(frame, offset);
  EXPECT_LE(report["damage"]["first_lost"], 6);
  EXPECT_GT(report["damage"]["first_lost"], 1);

  const Ended result = ended(flags("data"));
  EXPECT_EQ(result.how, "exited with code 1");
  EXPECT_THAT(result.output, AllOf(HasSubstr("the log in " + path("data/wal") + " is damaged: " +
                                             fs::path(file).filename().string() + cat(" at byte ", frame, ": ")),
                                   HasSubstr("nothing was changed. Restore the directory from an intact copy, or")));

  write_at(file, at, good);
  EXPECT_EQ(verify(kExitOk)["ok"], true);
  expect_data("data");
}

TEST_F(ServeLog, ATornTailIsCutAndWhatWasAcknowledgedStays) {
  make_data("data");
  const Json sound = verify(kExitOk);
  const std::string file = segment();
  const uint64_t last = sound["last"], end = sound["segments"][0]["used_bytes"];
  const auto [offset, length] = record(last);
  // As if the next record's write had been cut off in the middle.
  write_at(file, end, read_at(file, offset, length / 2 + 16));
  expect_data("data");
  expect_data("data");
  EXPECT_EQ(verify(kExitOk)["ok"], true);
}

TEST_F(ServeLog, AMissingLogIsNoEmptyLog) {
  make_data("data");
  fs::rename(path("data/wal"), path("saved"));
  const Ended result = ended(flags("data"));
  EXPECT_EQ(result.how, "exited with code 1");
  EXPECT_THAT(result.output, AllOf(HasSubstr("the log of this member is missing from " + path("data/wal")),
                                   HasSubstr("it has forgotten its votes")));
  fs::remove_all(path("data/wal"));
  fs::rename(path("saved"), path("data/wal"));
  expect_data("data");
}

using ServeSystemd = ServeTest;

TEST_F(ServeSystemd, IsToldWhenItIsReadyAndWhenItStops) {
  const std::string socket_path = path("notify");
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const auto received = [&] {
    pollfd waiting{fd, POLLIN, 0};
    char text[64];
    if (poll(&waiting, 1, 60'000) != 1) return std::string("nothing");
    return std::string(text, static_cast<size_t>(recv(fd, text, sizeof text, 0)));
  };
  LocalMember one = member(flags("data"), {"env", "NOTIFY_SOCKET=" + socket_path});
  ASSERT_TRUE(one.start().ok());
  EXPECT_EQ(received(), "READY=1");
  EXPECT_TRUE(comes_true([&] { return answers(); }));
  one.signal(SIGTERM);
  EXPECT_EQ(received(), "STOPPING=1");
  EXPECT_EQ(one.wait(kLong), "exited with code 0");
  close(fd);
}

TEST_F(ServeFlags, NohupIsHeeded) {
  LocalMember one = member(flags("data"), {"nohup"});
  ASSERT_TRUE(one.start().ok());
  ASSERT_TRUE(comes_true([&] { return answers(); }));
  one.signal(SIGHUP);
  put_keys();
  expect_keys();
  stop(one);
  EXPECT_THAT(one.last_output(100), Not(HasSubstr("Hangup")));
}

// It waits for a member that never answers, and is not asked to wait for that one.
TEST_F(ServeFlags, ASignalEndsItWhileItIsStartingToo) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port(3)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  Words words = flags("data");
  words.push_back(cat("--initial-cluster=default=http://127.0.0.1:", port(1), ",b=http://127.0.0.1:", port(3)));
  words.push_back("--initial-cluster-state=existing");
  LocalMember one = member(words);
  ASSERT_TRUE(one.start().ok());
  pollfd waiting{listener, POLLIN, 0};
  ASSERT_EQ(poll(&waiting, 1, 60'000), 1) << one.last_output(5);
  one.signal(SIGTERM);
  EXPECT_EQ(one.wait(kLong), "exited with code 0");
  EXPECT_THAT(one.last_output(5), HasSubstr("stopped while starting"));
  close(listener);
}

}  // namespace
}  // namespace holdfast::cli
