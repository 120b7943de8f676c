// For tests: links of a random run that are cut. Members are numbered from 1 to n.
#pragma once

#include <cstdint>
#include <set>
#include <utility>

#include "holdfast/model/types.h"

namespace holdfast::consensus {

using Links = std::set<std::pair<NodeId, NodeId>>;  // (from, to)

inline void add_both(Links& links, NodeId a, NodeId b) { links.insert({a, b}), links.insert({b, a}); }

// Between those who are `inside(id)` and those who are not; one way: only from inside to outside.
template <class Inside>
Links between(uint64_t n, Inside&& inside, bool one_way = false) {
  Links links;
  for (uint64_t a = 1; a <= n; ++a) {
    for (uint64_t b = 1; b <= n; ++b) {
      if (inside(NodeId(a)) && !inside(NodeId(b))) {
        links.insert({NodeId(a), NodeId(b)});
        if (!one_way) links.insert({NodeId(b), NodeId(a)});
      }
    }
  }
  return links;
}

// Of four or five members: nobody hears everybody, everybody hears a majority.
inline Links frayed(uint64_t n, uint64_t first) {
  Links links;
  const auto id = [&](uint64_t i) { return NodeId(1 + (first + i) % n); };
  add_both(links, id(0), id(1));
  add_both(links, id(2), id(3));
  if (n == 5) add_both(links, id(4), id(0));
  return links;
}

}  // namespace holdfast::consensus
