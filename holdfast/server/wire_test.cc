// Our codec against protobuf's own, over random, extreme and hostile messages of every kind. The generated code is the
// reference; nothing of it is linked into the server.
#include <google/protobuf/message.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "health.pb.h"
#include "holdfast/base/random.h"
#include "holdfast/server/wire_messages.h"
#include "rpc.pb.h"

namespace holdfast::server::wire {
namespace {

namespace pb = google::protobuf;

int64_t random_number(Random& random) {
  switch (random.below(8)) {
    case 0:
      return 0;
    case 1:
      return 1;
    case 2:
      return -1;
    case 3:
      return std::numeric_limits<int64_t>::max();
    case 4:
      return std::numeric_limits<int64_t>::min();
    case 5:
      return static_cast<int64_t>(random.below(1000));
    default:
      return static_cast<int64_t>(random.next() >> random.below(64));
  }
}

std::string random_bytes(Random& random, bool text) {
  static const size_t kSizes[] = {0,    1, 3, 17, 127, 128, 300, Writer::kReferenceBytes - 1, Writer::kReferenceBytes,
                                  20000};
  std::string s(kSizes[random.below(random.chance(1, 20) ? std::size(kSizes) : 7)], '\0');
  for (char& c : s) c = static_cast<char>(text ? 32 + random.below(95) : random.below(256));
  return s;
}

// Fills every field of `m` at random, but only with what our structs can hold.
void fill(Random& random, pb::Message& m, int depth);

void fill_field(Random& random, pb::Message& m, const pb::FieldDescriptor* f, int depth) {
  const pb::Reflection* r = m.GetReflection();
  using F = pb::FieldDescriptor;
  const int times = f->is_repeated() ? static_cast<int>(random.below(4)) : 1;
  for (int i = 0; i < times; ++i) {
    switch (f->cpp_type()) {
      case F::CPPTYPE_INT64:
        r->SetInt64(&m, f, random_number(random));
        break;
      case F::CPPTYPE_UINT64:
        r->SetUInt64(&m, f, static_cast<uint64_t>(random_number(random)));
        break;
      case F::CPPTYPE_UINT32:
        r->SetUInt32(&m, f, static_cast<uint32_t>(random_number(random)));
        break;
      case F::CPPTYPE_BOOL:
        r->SetBool(&m, f, random.chance(1, 2));
        break;
      case F::CPPTYPE_ENUM:
        if (!f->is_repeated()) r->SetEnumValue(&m, f, static_cast<int>(random.below(f->enum_type()->value_count())));
        break;
      case F::CPPTYPE_STRING: {
        std::string s = random_bytes(random, f->type() == F::TYPE_STRING);
        f->is_repeated() ? r->AddString(&m, f, s) : r->SetString(&m, f, s);
        break;
      }
      case F::CPPTYPE_MESSAGE:
        fill(random, f->is_repeated() ? *r->AddMessage(&m, f) : *r->MutableMessage(&m, f), depth + 1);
        break;
      default:
        FAIL() << f->full_name();
    }
  }
}

// The arms of unions and the headers follow rules that our structs have by construction.
void settle(Random& random, pb::Message& m, int depth) {
  if (auto* compare = dynamic_cast<etcdserverpb::Compare*>(&m)) {
    const auto* d = compare->GetDescriptor();
    fill_field(random, m, d->FindFieldByNumber(4 + compare->target()), depth);
  } else if (auto* create = dynamic_cast<etcdserverpb::WatchCreateRequest*>(&m)) {
    if (random.chance(1, 2)) create->add_filters(etcdserverpb::WatchCreateRequest::NOPUT);
    if (random.chance(1, 2)) create->add_filters(etcdserverpb::WatchCreateRequest::NODELETE);
  } else if (auto* header = dynamic_cast<etcdserverpb::ResponseHeader*>(&m); header != nullptr && depth > 1) {
    const int64_t revision = header->revision();
    header->Clear();
    header->set_revision(revision);
  } else if (auto* status = dynamic_cast<etcdserverpb::StatusResponse*>(&m)) {
    status->clear_downgradeinfo();
  } else if (auto* grant = dynamic_cast<etcdserverpb::LeaseGrantResponse*>(&m)) {
    grant->clear_error();
  } else if (m.GetDescriptor()->name() == "ResponseOp" && m.ByteSizeLong() == 0) {
    static_cast<etcdserverpb::ResponseOp&>(m).mutable_response_range()->mutable_header();
  }
}

void fill(Random& random, pb::Message& m, int depth) {
  const pb::Descriptor* d = m.GetDescriptor();
  for (int i = 0; i < d->field_count(); ++i) {
    const pb::FieldDescriptor* f = d->field(i);
    const bool message = f->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
    const bool must = f->name() == "header" || f->name() == "kv";
    if (message && !must && depth > 4) continue;
    if (d->name() == "Compare" && f->containing_oneof() != nullptr) continue;
    if (must || random.chance(3, 4)) fill_field(random, m, f, depth);
  }
  if (m.GetDescriptor()->name() == "MemberAddResponse") {
    static_cast<etcdserverpb::MemberAddResponse&>(m).mutable_member();
  }
  settle(random, m, depth);
}

Slice to_slice(const pb::Message& m) { return Slice::take(m.SerializeAsString()); }

template <class T>
std::string written(const T& v, const Header& header) {
  Writer w;
  if constexpr (Message<T>) {
    if constexpr (MessageOf<T>::kHasHeader) {
      write_response(w, header, v);
    } else {
      write_fields(w, v);
    }
  } else {
    write_message(w, v);
  }
  return w.finish().flatten().str();
}

template <class Pb, class T>
void expect_same_encoding(uint64_t seed) {
  Random random(seed);
  for (int i = 0; i < 200; ++i) {
    Pb message;
    fill(random, message, 0);
    Header header;
    if constexpr (requires { message.header(); }) {
      header = {message.header().cluster_id(), message.header().member_id(), store::Revision(),
                message.header().raft_term()};
    }
    const Slice bytes = to_slice(message);
    T value{};
    ASSERT_EQ(parse(bytes, value), Problem::kNone) << message.DebugString();
    const std::string ours = written(value, header);
    Pb back;
    ASSERT_TRUE(back.ParseFromString(ours)) << message.DebugString();
    ASSERT_TRUE(pb::util::MessageDifferencer::Equals(message, back)) << message.ShortDebugString() << "\n---\n"
                                                                     << back.ShortDebugString();
    ASSERT_EQ(ours, bytes.view()) << message.ShortDebugString();
  }
}

TEST(Wire, RequestsAreReadAndWrittenAsByProtobuf) {
  expect_same_encoding<etcdserverpb::RangeRequest, store::RangeRequest>(1);
  expect_same_encoding<etcdserverpb::PutRequest, store::PutRequest>(2);
  expect_same_encoding<etcdserverpb::DeleteRangeRequest, store::DeleteRangeRequest>(3);
  expect_same_encoding<etcdserverpb::TxnRequest, store::TxnRequest>(4);
  expect_same_encoding<etcdserverpb::CompactionRequest, store::CompactRequest>(5);
  expect_same_encoding<etcdserverpb::LeaseGrantRequest, store::LeaseGrantRequest>(6);
  expect_same_encoding<etcdserverpb::LeaseRevokeRequest, store::LeaseRevokeRequest>(7);
  expect_same_encoding<etcdserverpb::LeaseKeepAliveRequest, store::LeaseKeepAliveRequest>(8);
  expect_same_encoding<etcdserverpb::LeaseTimeToLiveRequest, store::LeaseTimeToLiveRequest>(9);
  expect_same_encoding<etcdserverpb::MemberAddRequest, store::MemberAddRequest>(10);
  expect_same_encoding<etcdserverpb::MemberRemoveRequest, store::MemberRemoveRequest>(11);
  expect_same_encoding<etcdserverpb::MemberUpdateRequest, store::MemberUpdateRequest>(12);
  expect_same_encoding<etcdserverpb::MemberPromoteRequest, store::MemberPromoteRequest>(13);
  expect_same_encoding<etcdserverpb::MemberListRequest, store::MemberListRequest>(14);
  expect_same_encoding<etcdserverpb::HashKVRequest, store::HashKvRequest>(15);
  expect_same_encoding<etcdserverpb::MoveLeaderRequest, store::MoveLeaderRequest>(16);
  expect_same_encoding<etcdserverpb::AlarmRequest, store::AlarmRequest>(17);
  expect_same_encoding<etcdserverpb::WatchCreateRequest, store::WatchCreateRequest>(18);
  expect_same_encoding<etcdserverpb::WatchCancelRequest, store::WatchCancelRequest>(19);
  expect_same_encoding<grpc::health::v1::HealthCheckRequest, HealthCheckRequest>(20);
}

TEST(Wire, ResponsesAreReadAndWrittenAsByProtobuf) {
  expect_same_encoding<etcdserverpb::RangeResponse, store::RangeResponse>(31);
  expect_same_encoding<etcdserverpb::PutResponse, store::PutResponse>(32);
  expect_same_encoding<etcdserverpb::DeleteRangeResponse, store::DeleteRangeResponse>(33);
  expect_same_encoding<etcdserverpb::TxnResponse, store::TxnResponse>(34);
  expect_same_encoding<etcdserverpb::CompactionResponse, store::CompactResponse>(35);
  expect_same_encoding<etcdserverpb::LeaseGrantResponse, store::LeaseGrantResponse>(36);
  expect_same_encoding<etcdserverpb::LeaseRevokeResponse, store::LeaseRevokeResponse>(37);
  expect_same_encoding<etcdserverpb::LeaseKeepAliveResponse, store::LeaseKeepAliveResponse>(38);
  expect_same_encoding<etcdserverpb::LeaseTimeToLiveResponse, store::LeaseTimeToLiveResponse>(39);
  expect_same_encoding<etcdserverpb::LeaseLeasesResponse, store::LeaseLeasesResponse>(40);
  expect_same_encoding<etcdserverpb::MemberAddResponse, MemberAddResponse>(41);
  expect_same_encoding<etcdserverpb::MemberListResponse, store::MembersResponse>(42);
  expect_same_encoding<etcdserverpb::StatusResponse, StatusResponse>(43);
  expect_same_encoding<etcdserverpb::HashKVResponse, store::HashKvResponse>(44);
  expect_same_encoding<etcdserverpb::MoveLeaderResponse, store::MoveLeaderResponse>(45);
  expect_same_encoding<etcdserverpb::AlarmResponse, store::AlarmResponse>(46);
  expect_same_encoding<etcdserverpb::WatchResponse, store::WatchResponse>(47);
  expect_same_encoding<etcdserverpb::AuthStatusResponse, AuthStatusResponse>(48);
  expect_same_encoding<grpc::health::v1::HealthCheckResponse, HealthCheckResponse>(49);
}

TEST(Wire, WatchRequestsAreUnions) {
  Random random(50);
  for (int i = 0; i < 300; ++i) {
    etcdserverpb::WatchRequest message;
    fill(random, message, 0);
    const Slice bytes = to_slice(message);
    std::optional<store::WatchRequest> value;
    ASSERT_EQ(parse(bytes, value), Problem::kNone);
    ASSERT_EQ(value.has_value(), message.request_union_case() != 0);
    if (value) {
      EXPECT_EQ(written(*value, {}), bytes.view());
    }
  }
  std::optional<store::WatchRequest> unknown;
  EXPECT_EQ(parse(Slice::unowned("\x22\x02\x08\x01"), unknown), Problem::kNone);  // an arm of a newer version
  EXPECT_FALSE(unknown.has_value());
}

// Cuts, flips and inserts bytes: both parsers accept the same inputs, and see the same values in them.
template <class Pb, class T>
void expect_same_verdict(uint64_t seed) {
  Random random(seed);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 4000; ++i) {
    Pb message;
    fill(random, message, 2);
    std::string bytes = message.SerializeAsString();
    for (uint64_t n = random.below(4); n > 0 && !bytes.empty(); --n) {
      const size_t at = random.below(std::min<size_t>(bytes.size(), 200));
      switch (random.below(4)) {
        case 0:
          bytes.resize(at);
          break;
        case 1:
          bytes[at] = static_cast<char>(random.next());
          break;
        case 2:
          bytes.insert(at, 1, static_cast<char>(random.next()));
          break;
        default:
          bytes += bytes.substr(0, at);
          break;
      }
    }
    pb::LogSilencer silence;
    Pb theirs;
    const bool accepts = theirs.ParseFromString(bytes);
    T value{};
    const Problem problem = parse(Slice::copy_of(bytes), value);
    if (problem == Problem::kUnknownOption) continue;  // we refuse what proto3 passes on
    ASSERT_EQ(problem == Problem::kNone, accepts) << "seed " << seed << " round " << i;
    accepts ? ++accepted : ++refused;
    if (!accepts) continue;
    theirs.DiscardUnknownFields();
    if constexpr (requires { theirs.mutable_kv(); }) theirs.mutable_kv();  // always there in our struct
    EXPECT_EQ(written(value, {}), theirs.SerializeAsString()) << "seed " << seed << " round " << i;
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(refused, 100);
}

TEST(Wire, HostileBytesGetTheVerdictOfProtobuf) {
  expect_same_verdict<etcdserverpb::RangeRequest, store::RangeRequest>(61);
  expect_same_verdict<etcdserverpb::PutRequest, store::PutRequest>(62);
  expect_same_verdict<etcdserverpb::AlarmRequest, store::AlarmRequest>(63);
  expect_same_verdict<etcdserverpb::MemberUpdateRequest, store::MemberUpdateRequest>(64);
  expect_same_verdict<mvccpb::Event, store::Event>(65);
}

TEST(Wire, EveryTruncationOfATransactionIsRefusedOrAPrefixOfWholeFields) {
  Random random(70);
  etcdserverpb::TxnRequest message;
  fill(random, message, 2);
  const std::string bytes = message.SerializeAsString();
  ASSERT_GT(bytes.size(), 100u);
  for (size_t n = 0; n < bytes.size(); ++n) {
    store::TxnRequest value;
    etcdserverpb::TxnRequest theirs;
    pb::LogSilencer silence;
    EXPECT_EQ(parse(Slice::copy_of({bytes.data(), n}), value) == Problem::kNone,
              theirs.ParseFromArray(bytes.data(), static_cast<int>(n)))
        << n;
  }
}

TEST(Wire, ACompareCountsOnlyTheArmOfItsTarget) {
  etcdserverpb::Compare message;
  message.set_target(etcdserverpb::Compare::VERSION);
  message.set_mod_revision(7);
  store::Compare value;
  ASSERT_EQ(parse(to_slice(message), value), Problem::kNone);
  EXPECT_EQ(value.number, 0);
  message.set_target(etcdserverpb::Compare::MOD);
  value = {};
  ASSERT_EQ(parse(to_slice(message), value), Problem::kNone);
  EXPECT_EQ(value.number, 7);
}

TEST(Wire, UnknownOptionsAreRefusedExceptThoseTheStoreJudges) {
  etcdserverpb::Compare compare;
  compare.set_target(static_cast<etcdserverpb::Compare::CompareTarget>(5));
  store::Compare c;
  EXPECT_EQ(parse(to_slice(compare), c), Problem::kUnknownOption);
  compare.set_target(static_cast<etcdserverpb::Compare::CompareTarget>(-1));
  c = {};
  EXPECT_EQ(parse(to_slice(compare), c), Problem::kUnknownOption);
  etcdserverpb::RangeRequest range;
  range.set_sort_order(static_cast<etcdserverpb::RangeRequest::SortOrder>(3));
  store::RangeRequest r;
  EXPECT_EQ(parse(to_slice(range), r), Problem::kNone);
  EXPECT_EQ(static_cast<int>(r.sort_order), 3);
}

TEST(Wire, DepthAndCountsAreBounded) {
  std::string deep;
  for (int i = 0; i < 301; ++i) {
    Writer w;
    w.bytes(i % 2 == 0 ? 2 : 4, deep);  // success { request_txn { success { ...
    deep = w.finish().flatten().str();
  }
  store::TxnRequest txn;
  EXPECT_EQ(parse(Slice::copy_of(deep), txn), Problem::kTooDeep);
  std::string many;
  for (uint32_t i = 0; i <= kMaxElements; ++i) many += std::string("\x12\x00", 2);
  txn = {};
  EXPECT_EQ(parse(Slice::copy_of(many), txn), Problem::kTooMany);
  const std::string groups(2000, '\x0b');
  txn = {};
  EXPECT_EQ(parse(Slice::copy_of(groups), txn), Problem::kTooDeep);
}

TEST(Wire, LongValuesAreReferencedNotCopied) {
  const Slice value = Slice::copy_of(std::string(Writer::kReferenceBytes, 'v'));
  Writer w;
  write_response(w, {}, store::RangeResponse{.kvs = {{.key = Slice::unowned("a"), .value = value}}});
  const Chain chain = w.finish_grpc();
  bool found = false;
  for (const Slice& part : chain.parts()) found = found || part.data() == value.data();
  EXPECT_TRUE(found);
  EXPECT_EQ(w.size(), 0u);
  const Slice flat = chain.flatten();
  EXPECT_EQ(flat.size() - 5, static_cast<uint8_t>(flat.data()[3]) * 256u + static_cast<uint8_t>(flat.data()[4]));
}

TEST(Wire, TextIsCheckedToBeUtf8) {
  for (const char* good : {"", "abc", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "a\xe2\x82"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace holdfast::server::wire
