#include "holdfast/store/watch_index.h"

#include "holdfast/base/assert.h"
#include "holdfast/base/checksum.h"

namespace holdfast::store {

void WatchIndex::add_to(Group& group, Watched* w) {
  w->slot = group.size();
  group.push_back(w);
}

void WatchIndex::remove_from(Group& group, Watched* w) {
  ensure(w->slot < group.size() && group[w->slot] == w, "a watcher that is removed is in the index");
  group[w->slot] = group.back();
  group[w->slot]->slot = w->slot;
  group.pop_back();
}

void WatchIndex::update(Node& n) {
  n.max_end = n.end;
  for (const Node* child : {n.left.get(), n.right.get()}) {
    if (child != nullptr && less_end(n.max_end, child->max_end)) n.max_end = child->max_end;
  }
}

WatchIndex::Tree WatchIndex::merge(Tree a, Tree b) {
  if (a == nullptr) return b;
  if (b == nullptr) return a;
  if (a->priority > b->priority) {
    a->right = merge(std::move(a->right), std::move(b));
    update(*a);
    return a;
  }
  b->left = merge(std::move(a), std::move(b->left));
  update(*b);
  return b;
}

// The nodes before (begin, end), and the rest.
std::pair<WatchIndex::Tree, WatchIndex::Tree> WatchIndex::split(Tree t, const Slice& begin, const Slice& end) {
  if (t == nullptr) return {};
  std::pair<Tree, Tree> halves;
  if (less(*t, begin, end)) {
    halves = split(std::move(t->right), begin, end);
    t->right = std::move(halves.first);
    halves.first = std::move(t);
    update(*halves.first);
  } else {
    halves = split(std::move(t->left), begin, end);
    t->left = std::move(halves.second);
    halves.second = std::move(t);
    update(*halves.second);
  }
  return halves;
}

WatchIndex::Tree WatchIndex::erase(Tree t, const Slice& begin, const Slice& end) {
  ensure(t != nullptr, "a range that is removed is in the index");
  if (t->begin == begin && t->end == end) return merge(std::move(t->left), std::move(t->right));
  Tree& side = less(*t, begin, end) ? t->right : t->left;
  side = erase(std::move(side), begin, end);
  update(*t);
  return t;
}

WatchIndex::Node* WatchIndex::find(const Slice& begin, const Slice& end) const {
  Node* n = root_.get();
  while (n != nullptr && !(n->begin == begin && n->end == end)) {
    n = less(*n, begin, end) ? n->right.get() : n->left.get();
  }
  return n;
}

void WatchIndex::add(Watched* w) {
  if (w->range_end.empty()) return add_to(keys_[w->key], w);
  Node* node = find(w->key, w->range_end);
  if (node == nullptr) {
    auto fresh = std::make_unique<Node>();
    node = fresh.get();
    node->begin = w->key;
    node->end = node->max_end = w->range_end;
    node->priority = hash64(w->key.view(), hash64(w->range_end.view(), seed_));
    auto [before, behind] = split(std::move(root_), w->key, w->range_end);
    root_ = merge(merge(std::move(before), std::move(fresh)), std::move(behind));
  }
  add_to(node->group, w);
}

void WatchIndex::remove(Watched* w) {
  if (w->range_end.empty()) {
    const auto it = keys_.find(w->key.view());
    ensure(it != keys_.end(), "a watcher that is removed is in the index");
    remove_from(it->second, w);
    if (it->second.empty()) keys_.erase(it);
    return;
  }
  Node* node = find(w->key, w->range_end);
  ensure(node != nullptr, "a watcher that is removed is in the index");
  remove_from(node->group, w);
  if (node->group.empty()) root_ = erase(std::move(root_), w->key, w->range_end);
}

}  // namespace holdfast::store
