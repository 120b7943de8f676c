// Reading TOML files strictly: every key must be known, and be of the right type. Errors name the line.
#pragma once

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "holdfast/base/status.h"
#include "holdfast/model/types.h"

namespace holdfast::sim {

// Errors name `name` and the line.
StatusOr<toml::table> parse_toml(std::string_view text, const std::string& name);

// Reads one table: every key it holds must be asked for, and be of the right type.
class TomlTable {
 public:
  TomlTable(const toml::table& table, std::string name, Status& status)
      : table_(table), name_(std::move(name)), status_(status) {}
  ~TomlTable() {
    for (const auto& [key, node] : table_) {
      if (!asked_.contains(std::string(key.str()))) fail(node, "unknown key \"" + std::string(key.str()) + "\"");
    }
  }

  const toml::node* get(const std::string& key) {
    asked_[key] = true;
    return table_.get(key);
  }
  template <class T>
  void number(const std::string& key, T& out, int64_t least = 0, int64_t most = 1'000'000'000) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<int64_t>();
    if (!value) return fail(*node, key + " must be an integer");
    if (*value < least || *value > most) {
      return fail(*node, key + " must lie between " + std::to_string(least) + " and " + std::to_string(most));
    }
    out = static_cast<T>(*value);
  }
  void millis(const std::string& key, Duration& out) {
    int64_t value = out.millis();
    number(key, value);
    if (table_.contains(key)) out = Duration::millis(value);
  }
  void flag(const std::string& key, bool& out) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<bool>();
    if (!value) return fail(*node, key + " must be true or false");
    out = *value;
  }
  std::string text(const std::string& key) {
    const toml::node* node = get(key);
    if (node == nullptr) return {};
    const auto value = node->value_exact<std::string>();
    if (!value) fail(*node, key + " must be a string");
    return value.value_or("");
  }
  void fail(const toml::node& node, const std::string& what) {
    if (status_.ok()) {
      status_ =
          absl::InvalidArgumentError("line " + std::to_string(node.source().begin.line) + ", " + name_ + ": " + what);
    }
  }
  const toml::table& raw() const { return table_; }

 private:
  const toml::table& table_;
  std::string name_;
  Status& status_;
  std::map<std::string, bool> asked_;
};

}  // namespace holdfast::sim
