// Transcripts (consensus/script_testing.h) of Raft.
#include "holdfast/consensus/raft/test_member.h"
#include "holdfast/consensus/script_testing.h"

namespace holdfast::raft {
namespace {

class RaftTranscript : public testing::TestWithParam<const char*> {};

TEST_P(RaftTranscript, IsAsWrittenDown) {
  consensus::check_transcript<TestMember>(std::string(HOLDFAST_SOURCE_DIR "/holdfast/consensus/raft/testdata/") +
                                          GetParam() + ".txt");
}

INSTANTIATE_TEST_SUITE_P(Files, RaftTranscript,
                         testing::Values("election", "replication", "backtracking", "figure8", "snapshot", "membership",
                                         "transfer", "read_index", "lease_read", "single"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace holdfast::raft
