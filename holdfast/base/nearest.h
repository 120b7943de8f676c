// "Did you mean ...?": the name in a list that is nearest to what was typed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// The number of single-character insertions, deletions and replacements that turn `a` into `b`.
int edit_distance(std::string_view a, std::string_view b);

// The candidate with the smallest edit distance, the first of equals; empty when none is near enough to be meant: the
// distance must be at most 2, or a third of the length of what was typed.
std::string nearest(std::string_view typed, const std::vector<std::string_view>& candidates);

}  // namespace holdfast
