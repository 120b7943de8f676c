// What clients send, as any bytes: requests of every method, gRPC bodies, HTTP/1.1 heads. No crash, nothing is read
// beyond the input, and what a decoder accepts it makes out again of its own encoding.
//
// The first byte chooses the decoder, the second how the rest is cut.
#include <cstddef>
#include <cstdint>
#include <string>

#include "holdfast/base/assert.h"
#include "holdfast/server/grpc.h"
#include "holdfast/server/http1.h"
#include "holdfast/server/methods.h"
#include "holdfast/server/wire_messages.h"

namespace {

using namespace holdfast;          // NOLINT: a program of one page
using namespace holdfast::server;  // NOLINT

template <class T>
std::string encode(const T& value) {
  wire::Writer w;
  if constexpr (wire::Message<T>) {
    wire::write_fields(w, value);
  } else {
    write_message(w, value);
  }
  return w.finish().flatten().str();
}

void request(const Method& method, const Slice& bytes) {
  store::Request value;
  if (method.parse(bytes, value) != wire::Problem::kNone) return;
  const std::string again = std::visit([](const auto& v) { return encode(v); }, value);
  store::Request back;
  ensure(method.parse(Slice::copy_of(again), back) == wire::Problem::kNone, "our own encoding is accepted");
  ensure(std::visit([](const auto& v) { return encode(v); }, back) == again, "and means the same");
}

void watch(const Slice& bytes) {
  std::optional<store::WatchRequest> value;
  if (wire::parse(bytes, value) != wire::Problem::kNone || !value) return;
  std::optional<store::WatchRequest> back;
  ensure(wire::parse(Slice::copy_of(encode(*value)), back) == wire::Problem::kNone && back,
         "a watch request comes back");
  ensure(encode(*back) == encode(*value), "and means the same");
}

void body(std::string_view bytes, size_t step) {
  MessageReader whole(1000), cut(1000);
  std::string a, b;
  for (std::string_view rest = bytes; auto message = whole.next(rest);) a += message->str() + '|';
  for (size_t at = 0; at < bytes.size(); at += step) {
    std::string_view part = bytes.substr(at, step);
    while (auto message = cut.next(part)) b += message->str() + '|';
  }
  ensure(a == b && whole.problem() == cut.problem(), "messages do not depend on how the body was cut");
}

void http(std::string_view bytes, size_t step) {
  HttpReader reader;
  HttpRequest parsed;
  HttpAnswer refusal;
  for (size_t at = 0; at < bytes.size(); at += step) {
    reader.add(bytes.substr(at, step));
    HttpReader::Result result;
    while ((result = reader.next(parsed, refusal)) == HttpReader::Result::kRequest)
      query_value(parsed.query, "exclude");
    if (result == HttpReader::Result::kBad) return;
  }
  ensure(reader.buffered() <= HttpReader::kMaxHeadBytes, "what waits for its end is bounded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t step = size_t{data[1]} + 1, choice = data[0] % (methods().size() + 3);
  if (choice < methods().size()) {
    if (methods()[choice].parse != nullptr) request(methods()[choice], Slice::copy_of(rest));
  } else if (choice == methods().size()) {
    watch(Slice::copy_of(rest));
  } else if (choice == methods().size() + 1) {
    body(rest, step);
  } else {
    http(rest, step);
  }
  return 0;
}
