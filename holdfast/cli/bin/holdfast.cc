#include "holdfast/cli/command.h"

int main(int argc, char** argv) { return holdfast::cli::run_command(argc, argv); }
