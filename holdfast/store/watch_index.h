// Which watchers want a key: a map for those of one key, and an interval tree for those of ranges.
//
// Finding the w watchers of a key among n costs O(log n + w) map steps, and O(r log n) for r distinct ranges that
// contain it; so a hundred thousand watchers of other keys do not slow a put down.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "holdfast/base/slice.h"
#include "holdfast/store/interval.h"

namespace holdfast::store {

// What the index knows of a watcher. Key and range end are constant while it is in an index.
struct Watched {
  Slice key;
  Slice range_end;  // as in requests
  size_t slot = 0;  // the index's own
  Interval interval() const { return Interval::of(key, range_end); }
};

class WatchIndex {
 public:
  explicit WatchIndex(uint64_t seed) : seed_(seed) {}

  // Adding and removing leave the order among watchers of one range undefined, but determined by the calls.
  void add(Watched* w);
  void remove(Watched* w);
  // Calls f(Watched*) for each watcher whose interval contains `key`.
  template <class F>
  void match(std::string_view key, F&& f) const {
    if (const auto it = keys_.find(key); it != keys_.end()) {
      for (Watched* w : it->second) f(w);
    }
    match(root_.get(), key, f);
  }

 private:
  using Group = std::vector<Watched*>;
  // A treap over (begin, end), each node with the greatest end below it.
  struct Node {
    Slice begin;
    Slice end;  // "\0": unbounded
    Slice max_end;
    uint64_t priority = 0;
    Group group;
    std::unique_ptr<Node> left, right;
  };
  using Tree = std::unique_ptr<Node>;
  struct ByBytes {
    using is_transparent = void;
    static std::string_view view(const Slice& s) { return s.view(); }
    static std::string_view view(std::string_view s) { return s; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return view(a) < view(b);
    }
  };

  static bool is_unbounded(const Slice& end) { return end.size() == 1 && end.data()[0] == '\0'; }
  static bool ends_behind(const Slice& end, std::string_view key) { return is_unbounded(end) || end.view() > key; }
  static bool less_end(const Slice& a, const Slice& b) {
    return !is_unbounded(a) && (is_unbounded(b) || a.view() < b.view());
  }
  static bool less(const Node& a, const Slice& begin, const Slice& end) {
    return a.begin == begin ? less_end(a.end, end) : a.begin < begin;
  }
  static void update(Node& n);
  static Tree merge(Tree a, Tree b);
  static std::pair<Tree, Tree> split(Tree t, const Slice& begin, const Slice& end);
  static Tree erase(Tree t, const Slice& begin, const Slice& end);
  Node* find(const Slice& begin, const Slice& end) const;
  static void add_to(Group& group, Watched* w);
  static void remove_from(Group& group, Watched* w);

  template <class F>
  static void match(const Node* n, std::string_view key, F& f) {
    if (n == nullptr || !ends_behind(n->max_end, key)) return;
    match(n->left.get(), key, f);
    if (n->begin.view() > key) return;
    if (ends_behind(n->end, key)) {
      for (Watched* w : n->group) f(w);
    }
    match(n->right.get(), key, f);
  }

  uint64_t seed_;
  absl::btree_map<Slice, Group, ByBytes> keys_;
  Tree root_;
};

}  // namespace holdfast::store
