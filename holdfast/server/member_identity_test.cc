#include "holdfast/server/member_identity.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/sim/sim_disk.h"

namespace holdfast::server {
namespace {

using testing::HasSubstr;

TEST(MemberIdentity, IdentitiesFollowFromUrlsAndTokenAlone) {
  const NodeId id = member_id_of({"http://a:1", "http://b:1"}, "token");
  EXPECT_EQ(id, member_id_of({"http://b:1", "http://a:1"}, "token"));
  EXPECT_NE(id, member_id_of({"http://a:1", "http://b:1"}, "other"));
  EXPECT_NE(id, member_id_of({"http://a:1"}, "token"));
  EXPECT_NE(id, member_id_of({"http://a:1http://b:1"}, "token"));
  const uint64_t cluster = cluster_id_of({NodeId(1), NodeId(2)}, "token");
  EXPECT_EQ(cluster, cluster_id_of({NodeId(2), NodeId(1)}, "token"));
  EXPECT_NE(cluster, cluster_id_of({NodeId(1), NodeId(2)}, "other"));
  EXPECT_NE(cluster, cluster_id_of({NodeId(1)}, "token"));
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = member_id_of({std::to_string(i)}, "token").value();
    EXPECT_NE(value, 0u);
    EXPECT_LT(value, uint64_t{1} << 63);
  }
}

// Existing data directories depend on these: they may never change.
TEST(MemberIdentity, IdentitiesAreWhatTheyAlwaysWere) {
  EXPECT_EQ(member_id_of({"http://localhost:2380"}, "etcd-cluster"), NodeId(0x03176d8f3378c54b));
  EXPECT_EQ(cluster_id_of({NodeId(1), NodeId(2), NodeId(3)}, "etcd-cluster"), 6119275210388588747u);
}

MemberIdentity example() {
  MemberIdentity i{0xc1, NodeId(0xa1), "na\"me", "/var/wal", {}, {}};
  i.bootstrap = bootstrap_members({{"x", {"http://x:1"}}, {"y", {"http://y:1", "http://y:2"}}}, "t");
  i.members = {{NodeId(9), "", {"http://z:1"}, {"http://z:2"}, true}};
  return i;
}

TEST(MemberIdentity, SurvivesTheFile) {
  sim::SimDisk disk(1, "dir");
  EXPECT_EQ(*load_identity(disk), std::nullopt);
  ASSERT_TRUE(save_identity(disk, example()).ok());
  MemberIdentity changed = example();
  changed.name = "changed";
  ASSERT_TRUE(save_identity(disk, changed).ok());
  Random random(1);
  disk.crash();
  disk.restart(random);
  const auto back = load_identity(disk);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, changed);
}

TEST(MemberIdentity, AFileWithoutAnEngineIsRafts) {
  MemberIdentity paxos = example();
  paxos.engine = replica::EngineKind::kPaxos;
  std::string text = to_json(paxos);
  EXPECT_EQ(*parse_identity(text), paxos);
  const std::string entry = "\"consensus\": \"paxos\"";
  const size_t at = text.find(entry);
  ASSERT_NE(at, std::string::npos) << text;
  const auto with = [&](const std::string& other) { return std::string(text).replace(at, entry.size(), other); };
  EXPECT_EQ(parse_identity(with("\"older\": 1"))->engine, replica::EngineKind::kRaft);
  EXPECT_EQ(parse_identity(with("\"consensus\": \"zab\"")).status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(parse_identity(with("\"consensus\": 7")).status().code(), StatusCode::kDataLoss);
}

// A crash at any step of saving leaves the old file or the new one.
TEST(MemberIdentity, SavingIsAllOrNothing) {
  MemberIdentity changed = example();
  changed.name = "changed";
  int olds = 0, news = 0;
  for (uint64_t step = 1; step <= 12; ++step) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      sim::SimDisk disk(seed, "dir");
      ASSERT_TRUE(save_identity(disk, example()).ok());
      disk.crash_at(disk.operations() + step);
      (void)save_identity(disk, changed);
      Random random(seed);
      disk.crash();
      disk.restart(random);
      const auto back = load_identity(disk);
      ASSERT_TRUE(back.ok()) << back.status();
      ASSERT_TRUE(back->has_value());
      (**back == changed ? news : olds) += 1;
      EXPECT_TRUE(**back == changed || **back == example());
      EXPECT_TRUE(save_identity(disk, changed).ok());
    }
  }
  EXPECT_GT(olds, 0);
  EXPECT_GT(news, 0);
}

TEST(MemberIdentity, RefusesADamagedFileAndSaysWhatToDo) {
  for (const char* text :
       {"", "{", "[]", "{}", R"({"format": "1"})", R"({"format": 1})",
        R"({"format": 1, "cluster_id": "0", "member_id": "1", "name": "", "wal_dir": "", "members": []})"}) {
    EXPECT_EQ(parse_identity(text).status().code(), StatusCode::kDataLoss) << text;
  }
  EXPECT_EQ(parse_identity(R"({"format": 2})").status().code(), StatusCode::kUnimplemented);
  std::string half = to_json(example());
  half.resize(half.size() / 2);
  sim::SimDisk disk(1, "dir");
  auto file = disk.create(kIdentityFile);
  ASSERT_TRUE((*file)->write(0, Chain(Slice::copy_of(half))).ok());
  const auto loaded = load_identity(disk);
  EXPECT_EQ(loaded.status().code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(loaded.status().message()), HasSubstr("dir/IDENTITY"));
}

TEST(MemberIdentity, RefusesForeignDirectories) {
  namespace fs = std::filesystem;
  const fs::path dir = fs::path(testing::TempDir()) / ("identity_test." + std::to_string(getpid()));
  fs::remove_all(dir);
  EXPECT_TRUE(check_data_dir(dir).ok());
  EXPECT_FALSE(fs::exists(dir));
  fs::create_directories(dir / "wal");
  EXPECT_TRUE(check_data_dir(dir).ok());
  fs::create_directories(dir / "member");
  EXPECT_THAT(std::string(check_data_dir(dir).message()), HasSubstr("written by etcd"));
  fs::remove(dir / "member");
  std::ofstream(dir / "thesis.tex") << "precious";
  EXPECT_EQ(check_data_dir(dir).code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(check_data_dir(dir).message()), HasSubstr("thesis.tex"));
  EXPECT_EQ(check_data_dir((dir / "thesis.tex").string()).code(), StatusCode::kFailedPrecondition);
  fs::remove_all(dir);
  fs::create_directories(dir);
  std::ofstream(dir / "wal-0000000000000001") << "log";
  EXPECT_TRUE(check_wal_dir(dir).ok());
  std::ofstream(dir / "0000000000000000-0000000000000000.wal") << "etcd's";
  EXPECT_THAT(std::string(check_wal_dir(dir).message()), HasSubstr("written by etcd"));
  fs::remove_all(dir);
}

MemberConfig with_directories(const std::string& data, const std::string& wal) {
  MemberConfig config;
  config.data_dir = data;
  config.wal_dir = wal;
  return config;
}

TEST(MemberIdentity, NotesWhereTheLogIs) {
  for (const auto& [wal, noted] : std::vector<std::pair<std::string, std::string>>{{"", "wal"},
                                                                                   {"/d/wal", "wal"},
                                                                                   {"/d/../d/./wal//", "wal"},
                                                                                   {"/d/log/of/mine", "log/of/mine"},
                                                                                   {"/elsewhere/", "/elsewhere"},
                                                                                   {"/d2/wal", "/d2/wal"}}) {
    const MemberConfig config = with_directories("/d/", wal);
    EXPECT_EQ(wal_dir_to_note(config), noted);
    EXPECT_TRUE(is_noted_wal_dir(config, noted)) << wal;
    EXPECT_FALSE(is_noted_wal_dir(config, "other")) << wal;
  }
  EXPECT_TRUE(is_noted_wal_dir(with_directories("/d", ""), "/d/wal"));
  EXPECT_FALSE(is_noted_wal_dir(with_directories("/d", "/e"), "wal"));
  EXPECT_TRUE(is_noted_wal_dir(with_directories("d", ""), "wal"));
}

TEST(MemberIdentity, TheLogHasADirectoryOfItsOwn) {
  for (const char* wal : {"/no/d", "/no/d/", "/no/./d", "/no", "/", "/no/d/snapshots", "/no/d/snapshots/"}) {
    EXPECT_EQ(check_directories(with_directories("/no/d", wal)).code(), StatusCode::kInvalidArgument) << wal;
  }
  for (const char* wal : {"", "/no/d/wal", "/no/d/log/of/mine", "/no/e", "/no/dd"}) {
    EXPECT_TRUE(check_directories(with_directories("/no/d", wal)).ok()) << wal;
  }
}

}  // namespace
}  // namespace holdfast::server
