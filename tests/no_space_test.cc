// A real member that runs out of space: of the quota (the NOSPACE alarm, as in etcd), of the disk under its log, of the
// disk under its snapshots; and one whose writes fail. What was acknowledged is there afterwards, whatever happened.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>

#include "tests/one_member.h"

namespace holdfast {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr char kNoSpace[] = "8 etcdserver: mvcc: database space exceeded";
constexpr size_t kMegabyte = 1 << 20;

// Mounts are seen by this process and its children only. False when the machine does not allow it.
bool own_mounts() {
  static const bool possible = [] {
    const uid_t user = getuid();
    if (user != 0) {
      if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
      std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
    } else if (unshare(CLONE_NEWNS) != 0) {
      return false;
    }
    return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }();
  return possible;
}

// A directory on a disk of its own that holds so many megabytes. Where mounting is not allowed, a directory in which
// processes under `limit` cannot make a file so large: the system's answer is another error at the same place.
class SmallDisk {
 public:
  SmallDisk(std::string path, size_t megabytes) : path_(std::move(path)), megabytes_(megabytes) {
    std::filesystem::create_directories(path_);
    mounted_ = own_mounts() && mount("none", path_.c_str(), "tmpfs", 0, size(megabytes).c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  const std::string& path() const { return path_; }
  bool mounted() const { return mounted_; }
  void enlarge(size_t megabytes) {
    megabytes_ = megabytes;
    if (!mounted_) return;
    EXPECT_EQ(mount("none", path_.c_str(), "tmpfs", MS_REMOUNT, size(megabytes).c_str()), 0);
  }
  // Puts a process that was just started under the limit, if that stands for the small disk.
  void limit(pid_t process) const {
    const rlimit most{megabytes_ * kMegabyte * 2 / 3, RLIM_INFINITY};
    if (mounted_) return;
    EXPECT_EQ(prlimit(process, RLIMIT_FSIZE, &most, nullptr), 0);
  }

 private:
  static std::string size(size_t megabytes) { return cli::cat("size=", megabytes, "m"); }
  const std::string path_;
  size_t megabytes_;
  bool mounted_ = false;
};

class NoSpace : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { own_mounts(); }  // before there are other threads
  NoSpace() : directory_(cli::temporary_directory()) {}
  ~NoSpace() override { std::filesystem::remove_all(directory_); }

  // Puts until the member refuses or is gone, at most so often. What was acknowledged goes to `acknowledged_`.
  std::string put_until_refused(OneMember& member, size_t value_bytes, int most) {
    for (int i = 0; i < most; ++i) {
      const std::string key = cli::cat("key", keys_++);
      std::string value = key + std::string(value_bytes, static_cast<char>('a' + i % 26));
      const auto answer = member.put(key, value);
      if (!answer.ok()) return answer.status();
      acknowledged_[key] = std::move(value);
    }
    return "never refused";
  }
  void expect_all(OneMember& member) {
    for (const auto& [key, value] : acknowledged_) {
      const auto got = member.get(key);
      ASSERT_EQ(got.status(), "OK");
      ASSERT_EQ(got.body.kvs_size(), 1) << key << " was acknowledged and is lost";
      ASSERT_EQ(got.body.kvs(0).value(), value);
    }
  }
  static void stop(OneMember& member) {
    member.process().signal(SIGTERM);
    EXPECT_EQ(member.process().wait(cli::kLong), "exited with code 0") << member.process().last_output(5);
  }

  const std::string directory_;
  std::map<std::string, std::string> acknowledged_;
  int keys_ = 0;
};

TEST_F(NoSpace, TheQuotaRaisesAnAlarmThatIsDisarmedOnceThereIsRoom) {
  OneMember member(directory_, {"--quota-backend-bytes=2000000"});
  ASSERT_TRUE(member.start()) << member.process().last_output(10);
  EXPECT_EQ(put_until_refused(member, 20'000, 200), kNoSpace);
  EXPECT_GT(acknowledged_.size(), 50u);

  pb::AlarmRequest alarm;
  const auto alarms = [&] {
    return OneMember::call(member.maintenance, &pb::Maintenance::StubInterface::Alarm, alarm).body;
  };
  ASSERT_TRUE(cli::comes_true([&] { return alarms().alarms_size() == 1; }));
  EXPECT_EQ(alarms().alarms(0).alarm(), pb::NOSPACE);
  const auto status =
      OneMember::call(member.maintenance, &pb::Maintenance::StubInterface::Status, pb::StatusRequest()).body;
  EXPECT_THAT(status.errors(), ::testing::ElementsAre(HasSubstr("alarm:NOSPACE")));

  // Whatever adds is refused, however small; reading, deleting, compacting are not.
  EXPECT_EQ(member.put("small", "").status(), kNoSpace);
  pb::TxnRequest txn;
  txn.add_failure()->mutable_request_put()->set_key("small");
  EXPECT_EQ(member.txn(txn).status(), kNoSpace);
  pb::LeaseGrantRequest grant;
  grant.set_ttl(10);
  EXPECT_EQ(OneMember::call(member.lease, &pb::Lease::StubInterface::LeaseGrant, grant).status(), kNoSpace);
  expect_all(member);
  pb::DeleteRangeRequest remove;
  remove.set_key("key");
  remove.set_range_end("key5");  // key0 .. key4..., about half of them
  const auto removed = OneMember::call(member.kv, &pb::KV::StubInterface::DeleteRange, remove);
  EXPECT_EQ(removed.status(), "OK");
  EXPECT_GT(removed.body.deleted(), 10);
  std::erase_if(acknowledged_, [](const auto& entry) { return entry.first < "key5"; });
  pb::CompactionRequest compact;
  compact.set_revision(removed.body.header().revision());
  EXPECT_EQ(OneMember::call(member.kv, &pb::KV::StubInterface::Compact, compact).status(), "OK");
  EXPECT_EQ(member.put("small", "").status(), kNoSpace) << "an alarm stays until it is disarmed";

  // It is remembered over a restart, too.
  stop(member);
  ASSERT_TRUE(member.start()) << member.process().last_output(10);
  EXPECT_EQ(member.put("small", "").status(), kNoSpace);
  alarm.set_action(pb::AlarmRequest::DEACTIVATE);
  alarm.set_alarm(pb::NOSPACE);
  EXPECT_EQ(alarms().alarms_size(), 1);
  alarm.Clear();
  EXPECT_EQ(alarms().alarms_size(), 0);
  EXPECT_EQ(member.put("small", "").status(), "OK");
  expect_all(member);
  stop(member);
}

TEST_F(NoSpace, AFullDiskUnderTheLogStopsTheMemberWhichSaysSo) {
  SmallDisk disk(directory_ + "/disk", 80);  // one segment of the log fits, two do not
  OneMember member(directory_, {}, disk.path() + "/data");
  ASSERT_TRUE(member.start()) << member.process().last_output(10);
  disk.limit(member.process().pid());
  put_until_refused(member, kMegabyte, 100);
  EXPECT_EQ(member.process().wait(cli::kLong), "exited with code 1");
  EXPECT_THAT(member.process().last_output(3),
              AllOf(AnyOf(HasSubstr("No space left on device"), HasSubstr("File too large")), HasSubstr(disk.path())));
  EXPECT_GT(acknowledged_.size(), 20u);

  disk.enlarge(400);
  ASSERT_TRUE(member.start()) << member.process().last_output(10);
  expect_all(member);
  EXPECT_EQ(put_until_refused(member, kMegabyte, 3), "never refused");
  stop(member);
}

TEST_F(NoSpace, AFullDiskUnderTheSnapshotsIsReportedAndServiceGoesOn) {
  SmallDisk disk(directory_ + "/disk", 6);
  OneMember member(directory_, {"--snapshot-count=5", "--wal-dir=" + directory_ + "/wal"}, disk.path() + "/data");
  ASSERT_TRUE(member.start()) << member.process().last_output(10);
  // What does not shrink: a snapshot of it does not fit.
  std::string noise(700'000, '\0');
  uint64_t state = 1;
  for (char& c : noise) c = static_cast<char>((state = state * 6364136223846793005u + 1442695040888963407u) >> 56);
  for (int i = 0; i < 40; ++i) {
    const std::string key = cli::cat("key", i);
    ASSERT_EQ(member.put(key, key + noise).status(), "OK") << "the log has room";
    acknowledged_[key] = key + noise;
  }
  if (disk.mounted()) {
    EXPECT_THAT(member.process().last_output(1000), AllOf(HasSubstr("blob.failed"), HasSubstr("ENOSPC")));
  }
  expect_all(member);
  stop(member);
  disk.enlarge(400);
  ASSERT_TRUE(member.start()) << member.process().last_output(10);
  expect_all(member);
  EXPECT_EQ(put_until_refused(member, 1000, 20), "never refused");
  stop(member);
}

// From some offset on, the device refuses what is written to it, in the middle of a record.
TEST_F(NoSpace, AWriteThatFailsStopsTheMemberAndLosesNothing) {
  OneMember member(directory_, {});
  ASSERT_TRUE(member.start()) << member.process().last_output(10);
  EXPECT_EQ(put_until_refused(member, 1000, 50), "never refused");
  const rlimit most{300'000, RLIM_INFINITY};  // far more than the member prints
  ASSERT_EQ(prlimit(member.process().pid(), RLIMIT_FSIZE, &most, nullptr), 0);
  EXPECT_NE(put_until_refused(member, 7001, 100), "never refused");
  EXPECT_EQ(member.process().wait(cli::kLong), "exited with code 1");
  EXPECT_THAT(member.process().last_output(3), HasSubstr("File too large"));
  EXPECT_GT(acknowledged_.size(), 50u);
  ASSERT_TRUE(member.start()) << member.process().last_output(10);
  expect_all(member);
  stop(member);
}

}  // namespace
}  // namespace holdfast
