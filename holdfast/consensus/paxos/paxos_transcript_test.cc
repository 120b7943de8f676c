// Transcripts (consensus/script_testing.h) of multi-Paxos.
#include "holdfast/consensus/paxos/test_member.h"
#include "holdfast/consensus/script_testing.h"

namespace holdfast::paxos {
namespace {

class PaxosTranscript : public testing::TestWithParam<const char*> {};

TEST_P(PaxosTranscript, IsAsWrittenDown) {
  consensus::check_transcript<TestMember>(std::string(HOLDFAST_SOURCE_DIR "/holdfast/consensus/paxos/testdata/") +
                                          GetParam() + ".txt");
}

INSTANTIATE_TEST_SUITE_P(Files, PaxosTranscript,
                         testing::Values("election", "duel", "takeover", "leader_crash", "membership", "snapshot",
                                         "reads", "handover", "lease"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace holdfast::paxos
