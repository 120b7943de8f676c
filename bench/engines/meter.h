// Where the processor's time goes: counts and times the calls of libsodium and of the system that members make, by
// standing between (the linker's --wrap). Off, a call costs one branch more; on, two
// readings of the thread's clock (of hashing, which is short and frequent, every 32nd call is timed).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace holdfast::bench {

enum class Kind { kSign, kVerify, kHash, kNetwork, kDisk };
inline constexpr size_t kKinds = 5;

struct Spent {
  uint64_t calls = 0;
  double cpu_seconds = 0;  // of the calling threads, in user mode and in the kernel
  uint64_t bytes = 0;      // hashed
};

void metering(bool on);
// Since the meter was switched on last.
std::array<Spent, kKinds> metered();

}  // namespace holdfast::bench
