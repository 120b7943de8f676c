// The simulator alone, without the rest of the `holdfast` command.
#include <iostream>
#include <string>
#include <vector>

#include "holdfast/sim/sim_main.h"

int main(int argc, char** argv) {
  return holdfast::sim::sim_main(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
}
