// How wide texts are, and how they are broken and cut to a width.

#include <array>
#include <cstdint>
#include <sstream>

#include "holdfast/diagram/layout.h"

namespace holdfast::diagram {
namespace {

// The advance widths of DejaVu Sans, the widest of the fonts that a picture asks for, from the blank to the tilde, in
// thousandths of the size: in a narrower font a label is shorter than its room.
constexpr std::array<uint16_t, 95> kAdvance = {
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838};
constexpr uint16_t kOther = 680;  // of a letter that is not in the table

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

double width_of(std::string_view text, double size) {
  double thousandths = 0;
  for (const char c : text) {
    if (c >= ' ' && c <= '~') {
      thousandths += kAdvance[static_cast<size_t>(c - ' ')];
    } else if (!continues(c)) {
      thousandths += kOther;
    }
  }
  return thousandths * size / 1000;
}

std::vector<std::string> broken(const std::string& text, double width, double size) {
  std::vector<std::string> lines(1);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!lines.back().empty() && width_of(lines.back() + " " + word, size) > width) lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  return lines;
}

std::string shortened(const std::string& text, double width, double size) {
  if (width_of(text, size) <= width) return text;
  size_t end = text.size();
  do {
    --end;
    while (end > 0 && continues(text[end])) --end;  // not within a character
  } while (end > 0 && width_of(text.substr(0, end), size) + size > width);
  return text.substr(0, end) + "…";
}

}  // namespace holdfast::diagram
