#include "holdfast/detect/phi.h"

#include <algorithm>
#include <array>
#include <bit>

#include "holdfast/base/assert.h"

namespace holdfast::detect {
namespace {

constexpr int64_t kUnit = 65'536;         // of y
constexpr int64_t kStep = kUnit / 4;      // between two entries
constexpr int64_t kFirst = -4 * kUnit;    // y of the first entry
constexpr int64_t kHour = 3'600'000'000;  // microseconds

// -log10(Q(y)) in millionths for y = -4, -3.75, ..., 12, where Q is the upper tail of the standard normal distribution.
constexpr std::array<int64_t, 65> kTail = {
    14,         38,         101,        251,        587,        1'296,      2'705,      5'342,      9'994,
    17'756,     30'029,     48'492,     75'026,     111'611,    160'231,    222'786,    301'030,    396'538,
    510'692,    644'688,    799'546,    976'131,    1'175'177,  1'397'298,  1'643'016,  1'912'770,  2'206'932,
    2'525'818,  2'869'699,  3'238'805,  3'633'336,  4'053'463,  4'499'335,  4'971'082,  5'468'818,  5'992'644,
    6'542'646,  7'118'903,  7'721'485,  8'350'454,  9'005'864,  9'687'767,  10'396'206, 11'131'223, 11'892'854,
    12'681'132, 13'496'088, 14'337'750, 15'206'143, 16'101'290, 17'023'213, 17'971'932, 18'947'464, 19'949'828,
    20'979'038, 22'035'108, 23'118'053, 24'227'885, 25'364'616, 26'528'256, 27'718'817, 28'936'306, 30'180'734,
    31'452'109, 32'750'439};

// Bounds that keep every product below 64 bits.
constexpr int64_t kMaxDistance = int64_t{1} << 40;

}  // namespace

uint64_t integer_sqrt(uint64_t x) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 31; bit != 0; bit >>= 1) {
    const uint64_t next = root + bit;
    if (next <= 0xffff'ffff && next * next <= x) root = next;
  }
  return root;
}

MicroPhi phi_at(int64_t y) {
  if (y <= kFirst) return 0;
  y = std::min(y, kMaxDistance);
  const size_t i = std::min<size_t>(static_cast<size_t>((y - kFirst) / kStep), kTail.size() - 2);
  const int64_t into = y - kFirst - static_cast<int64_t>(i) * kStep;
  return kTail[i] + (kTail[i + 1] - kTail[i]) * into / kStep;
}

int64_t distance_of(MicroPhi level) {
  int64_t low = kFirst, high = kMaxDistance;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (phi_at(middle) >= level) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

ArrivalWindow::ArrivalWindow(size_t capacity, Duration expected, Duration min_deviation)
    : capacity_(capacity),
      expected_(expected.nanos() / 1000),
      min_deviation_(std::max<int64_t>(1, min_deviation.nanos() / 1000)) {
  ensure(capacity > 0, "a window of arrivals holds at least one");
}

void ArrivalWindow::add(Duration interval) {
  const int64_t value = std::clamp<int64_t>(interval.nanos() / 1000, 0, kHour);
  if (micros_.size() < capacity_) {
    micros_.push_back(value);
  } else {
    const int64_t old = micros_[next_];
    sum_ -= old;
    squares_ -= static_cast<unsigned __int128>(old) * static_cast<unsigned __int128>(old);
    micros_[next_] = value;
    next_ = (next_ + 1) % capacity_;
  }
  sum_ += value;
  squares_ += static_cast<unsigned __int128>(value) * static_cast<unsigned __int128>(value);
}

Duration ArrivalWindow::mean() const {
  return Duration::micros(micros_.empty() ? expected_ : sum_ / static_cast<int64_t>(micros_.size()));
}

Duration ArrivalWindow::deviation() const {
  if (micros_.size() < 2) return Duration::micros(std::max(min_deviation_, expected_ / 4));
  // n * sum of squares - square of sum, over n squared: exact in 128 bits.
  const unsigned __int128 n = micros_.size();
  const auto sum = static_cast<unsigned __int128>(sum_);
  const auto variance = static_cast<uint64_t>((n * squares_ - sum * sum) / (n * n));
  return Duration::micros(std::max(min_deviation_, static_cast<int64_t>(integer_sqrt(variance))));
}

MicroPhi ArrivalWindow::phi(Duration silence) const {
  const __int128 distance = static_cast<__int128>((silence - mean()).nanos()) * kUnit / deviation().nanos();
  return phi_at(static_cast<int64_t>(std::clamp<__int128>(distance, kFirst, kMaxDistance)));
}

Duration ArrivalWindow::silence_at(MicroPhi level) const {
  const __int128 beyond = static_cast<__int128>(distance_of(level)) * deviation().nanos();
  // Rounded up: at that silence phi has been reached.
  const __int128 nanos = mean().nanos() + (beyond >= 0 ? (beyond + kUnit - 1) / kUnit : beyond / kUnit);
  return Duration::nanos(static_cast<int64_t>(std::clamp<__int128>(nanos, 0, int64_t{1} << 62)));
}

}  // namespace holdfast::detect
