// Triple modular redundancy: a square root by three methods, voted on, so that one of them may fail.
//
//   vote 2                  prints 1.41421
//   vote 2 newton           the same, and that newton was outvoted: it gives a wrong number
//   vote 2 newton halving   no majority; exit code 1
#include <holdfast/model/modular.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

using Number = std::optional<double>;

Number newton(double x) {
  double root = x > 1 ? x : 1;
  for (int i = 0; i < 200; ++i) root = (root + x / root) / 2;
  return root;
}

Number halving(double x) {
  double low = 0, high = x > 1 ? x : 1;
  for (int i = 0; i < 2000; ++i) {
    const double middle = (low + high) / 2;
    (middle * middle < x ? low : high) = middle;
  }
  return (low + high) / 2;
}

Number logarithm(double x) { return x == 0 ? 0 : std::exp(std::log(x) / 2); }

int main(int argc, char** argv) {
  const char* names[] = {"newton", "halving", "logarithm"};
  std::vector<holdfast::Modular<double>::Module> modules = {newton, halving, logarithm};
  for (int i = 2; i < argc; ++i) {
    const auto broken = std::find(std::begin(names), std::end(names), std::string(argv[i])) - std::begin(names);
    // One fails by a wrong value, another one by an exception, which counts as no value.
    if (broken == 0) modules[0] = [](double x) { return Number(x); };
    if (broken == 1) modules[1] = [](double) -> Number { throw std::runtime_error("broken"); };
    if (broken == 2) modules[2] = [](double) { return Number(); };
  }

  holdfast::Modular<double> root;
  // By their nature the methods differ in the last digits.
  const holdfast::Status added = root.add_stage(holdfast::tolerant_stage(modules, 1e-6));
  const double x = argc > 1 ? std::atof(argv[1]) : -1;
  if (!added.ok() || !(x >= 0)) return std::puts("give a number, not negative"), 2;
  const auto result = root.run(x);
  if (!result.output.ok()) return std::printf("%s\n", std::string(result.output.status().message()).c_str()), 1;
  std::printf("%.6g\n", *result.output);
  for (const holdfast::Disagreement& d : result.outvoted) {
    std::printf("%s was outvoted\n", d.voter ? "a voter" : names[d.position]);
  }
}
