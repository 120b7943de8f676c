// Text in columns.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace holdfast::cli {

// Rows in columns that are as wide as their widest cell; the first row is the heading. No blanks at the ends of lines.
void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows);

}  // namespace holdfast::cli
