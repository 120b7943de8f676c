#include "bench/engines/meter.h"

#include <sodium.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace holdfast::bench {
namespace {

struct Tally {
  std::atomic<uint64_t> calls{0}, nanos{0}, bytes{0};
};
std::array<Tally, kKinds> tallies;
std::atomic<bool> on{false};

uint64_t thread_nanos() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

// What reading the clock itself adds to a measured call.
uint64_t overhead() {
  static const uint64_t each = [] {
    constexpr uint64_t kTimes = 10'000;
    const uint64_t begin = thread_nanos();
    for (uint64_t i = 0; i < kTimes; ++i) thread_nanos();
    return (thread_nanos() - begin) / kTimes;
  }();
  return each;
}

}  // namespace

template <class Call>
auto measured(Kind kind, uint64_t bytes, Call&& call) {
  if (!on.load(std::memory_order_relaxed)) return call();
  Tally& t = tallies[static_cast<size_t>(kind)];
  // Calls that take less than reading the clock does are timed by samples.
  const uint64_t sampled = kind == Kind::kHash ? 32 : 1;
  const bool timed = t.calls.fetch_add(1, std::memory_order_relaxed) % sampled == 0;
  t.bytes.fetch_add(bytes, std::memory_order_relaxed);
  if (!timed) return call();
  const uint64_t begin = thread_nanos();
  const auto result = call();
  const uint64_t took = thread_nanos() - begin;
  t.nanos.fetch_add(took > overhead() ? (took - overhead()) * sampled : 0, std::memory_order_relaxed);
  return result;
}

void metering(bool now) {
  overhead();
  if (now) {
    for (Tally& t : tallies) t.calls = t.nanos = t.bytes = uint64_t{0};
  }
  on = now;
}

std::array<Spent, kKinds> metered() {
  std::array<Spent, kKinds> out;
  for (size_t i = 0; i < kKinds; ++i) {
    out[i] = {tallies[i].calls, static_cast<double>(tallies[i].nanos) / 1e9, tallies[i].bytes};
  }
  return out;
}

}  // namespace holdfast::bench

using holdfast::bench::Kind;
using holdfast::bench::measured;

// The names are the linker's.
extern "C" {
// NOLINTBEGIN
int __real_crypto_sign_detached(unsigned char*, unsigned long long*, const unsigned char*, unsigned long long,
                                const unsigned char*);
int __wrap_crypto_sign_detached(unsigned char* s, unsigned long long* n, const unsigned char* m, unsigned long long l,
                                const unsigned char* k) {
  return measured(Kind::kSign, l, [&] { return __real_crypto_sign_detached(s, n, m, l, k); });
}
int __real_crypto_sign_verify_detached(const unsigned char*, const unsigned char*, unsigned long long,
                                       const unsigned char*);
int __wrap_crypto_sign_verify_detached(const unsigned char* s, const unsigned char* m, unsigned long long l,
                                       const unsigned char* k) {
  return measured(Kind::kVerify, l, [&] { return __real_crypto_sign_verify_detached(s, m, l, k); });
}
int __real_crypto_generichash(unsigned char*, size_t, const unsigned char*, unsigned long long, const unsigned char*,
                              size_t);
int __wrap_crypto_generichash(unsigned char* o, size_t n, const unsigned char* m, unsigned long long l,
                              const unsigned char* k, size_t kl) {
  return measured(Kind::kHash, l, [&] { return __real_crypto_generichash(o, n, m, l, k, kl); });
}
int __real_crypto_generichash_update(crypto_generichash_state*, const unsigned char*, unsigned long long);
int __wrap_crypto_generichash_update(crypto_generichash_state* s, const unsigned char* m, unsigned long long l) {
  return measured(Kind::kHash, l, [&] { return __real_crypto_generichash_update(s, m, l); });
}
int __real_crypto_generichash_final(crypto_generichash_state*, unsigned char*, size_t);
int __wrap_crypto_generichash_final(crypto_generichash_state* s, unsigned char* o, size_t n) {
  return measured(Kind::kHash, 0, [&] { return __real_crypto_generichash_final(s, o, n); });
}
int __real_crypto_stream_chacha20(unsigned char*, unsigned long long, const unsigned char*, const unsigned char*);
int __wrap_crypto_stream_chacha20(unsigned char* o, unsigned long long l, const unsigned char* n,
                                  const unsigned char* k) {
  return measured(Kind::kHash, l, [&] { return __real_crypto_stream_chacha20(o, l, n, k); });
}

ssize_t __real_sendmsg(int, const msghdr*, int);
ssize_t __wrap_sendmsg(int f, const msghdr* m, int flags) {
  return measured(Kind::kNetwork, 0, [&] { return __real_sendmsg(f, m, flags); });
}
ssize_t __real_send(int, const void*, size_t, int);
ssize_t __wrap_send(int f, const void* b, size_t n, int flags) {
  return measured(Kind::kNetwork, 0, [&] { return __real_send(f, b, n, flags); });
}
ssize_t __real_recv(int, void*, size_t, int);
ssize_t __wrap_recv(int f, void* b, size_t n, int flags) {
  return measured(Kind::kNetwork, 0, [&] { return __real_recv(f, b, n, flags); });
}
ssize_t __real_pwritev(int, const iovec*, int, off_t);
ssize_t __wrap_pwritev(int f, const iovec* v, int n, off_t o) {
  return measured(Kind::kDisk, 0, [&] { return __real_pwritev(f, v, n, o); });
}
ssize_t __real_pwrite(int, const void*, size_t, off_t);
ssize_t __wrap_pwrite(int f, const void* b, size_t n, off_t o) {
  return measured(Kind::kDisk, 0, [&] { return __real_pwrite(f, b, n, o); });
}
int __real_fdatasync(int);
int __wrap_fdatasync(int f) {
  return measured(Kind::kDisk, 0, [&] { return __real_fdatasync(f); });
}
// NOLINTEND
}
