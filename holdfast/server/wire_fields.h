// How the store's structs map to etcd's messages: a list of (field number, member) per struct, read and written by one
// template each. The numbers are those of proto/*.proto.
//
// Response structs carry `revision`, which travels inside the header (field 1) and is therefore not listed here.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "holdfast/base/reflect.h"
#include "holdfast/server/wire.h"
#include "holdfast/store/api.h"

namespace holdfast::server::wire {

template <uint32_t Number, auto Member>
struct Field {
  static constexpr uint32_t kNumber = Number;
  static constexpr auto kMember = Member;
};
// In ascending order of numbers.
template <class... F>
struct Fields {};

template <class T>
struct MessageOf;  // derives from Plain<...> or Response<...>
template <class... F>
struct Plain {
  using fields = Fields<F...>;
  static constexpr bool kHasHeader = false;
};
template <class... F>
struct Response {
  using fields = Fields<F...>;
  static constexpr bool kHasHeader = true;
};
template <class T>
concept Message = requires {
  typename MessageOf<T>::fields;
};

struct Header {
  uint64_t cluster_id = 0;
  uint64_t member_id = 0;
  store::Revision revision;
  uint64_t raft_term = 0;
};
template <>
struct MessageOf<Header> : Plain<Field<1, &Header::cluster_id>, Field<2, &Header::member_id>,
                                 Field<3, &Header::revision>, Field<4, &Header::raft_term>> {};

// Enums whose unknown values the store itself refuses with a text of its own.
template <class E>
inline constexpr bool keeps_unknown_values =
    std::is_same_v<E, store::SortOrder> || std::is_same_v<E, store::SortTarget>;

// --- Reading: false ends the walk. What is read replaces (scalars), extends (lists) or is merged (messages).
// ----------

template <class T>
bool read_fields(Reader& r, T& v);

inline bool read(Reader& r, bool& v) { return r.type() != Type::kVarint || ((v = r.number() != 0), true); }
template <class T>
requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) bool read(Reader& r, T& v) {
  return r.type() != Type::kVarint || ((v = static_cast<T>(r.number())), true);
}
template <class E>
requires std::is_enum_v<E>
bool read(Reader& r, E& v) {
  if (r.type() != Type::kVarint) return true;
  const int32_t value = static_cast<int32_t>(r.number());
  if (!keeps_unknown_values<E> && (value < 0 || value > static_cast<int32_t>(last_value(E{})))) {
    return r.fail(Problem::kUnknownOption);
  }
  v = static_cast<E>(value);
  return true;
}
template <class Tag, class Rep>
bool read(Reader& r, Strong<Tag, Rep>& v) {
  return r.type() != Type::kVarint || ((v = Strong<Tag, Rep>(static_cast<Rep>(r.number()))), true);
}
inline bool read(Reader& r, Slice& v) { return r.type() != Type::kBytes || ((v = r.slice()), true); }
inline bool read(Reader& r, std::string& v) {
  if (r.type() != Type::kBytes) return true;
  if (!is_utf8(r.view())) return r.fail(Problem::kBadText);
  v = std::string(r.view());
  return true;
}
template <class M>
requires(Message<M> || requires(Reader & r, M& m) { read_message(r, m); }) bool read(Reader& r, M& v) {
  if (r.type() != Type::kBytes) return true;
  Reader inner = r.nested();
  if constexpr (Message<M>) {
    return read_fields(inner, v);
  } else {
    return read_message(inner, v);
  }
}
template <class M>
bool read(Reader& r, std::optional<M>& v) {
  if (r.type() != Type::kBytes) return true;
  return read(r, v ? *v : v.emplace());
}
template <class T>
bool read(Reader& r, std::vector<T>& v) {
  if (r.type() != Type::kBytes) return true;  // lists of messages, bytes and strings only
  return r.count_element() && read(r, v.emplace_back());
}

namespace internal {
template <class T, class... F>
bool read_field(Reader& r, T& v, Fields<F...>) {
  bool going_on = true;
  (void)((r.field() == F::kNumber && ((going_on = read(r, v.*F::kMember)), true)) || ...);
  return going_on;
}
}  // namespace internal

template <class T>
bool read_fields(Reader& r, T& v) {
  while (r.next()) {
    if constexpr (MessageOf<T>::kHasHeader) {
      if (r.field() == 1) {
        Header header{.revision = v.revision};
        if (!read(r, header)) return false;
        v.revision = header.revision;
        continue;
      }
    }
    if (!internal::read_field(r, v, typename MessageOf<T>::fields{})) return false;
  }
  return r.ok();
}

// --- Writing: zero values of scalars are left out, as proto3 does.
// -----------------------------------------------------

template <class T>
void write_fields(Writer& w, const T& v);

template <class T>
requires(std::is_integral_v<T> || std::is_enum_v<T>) void write(Writer& w, uint32_t number, T v) {
  // Negative numbers of every width travel as 64 bits.
  if (v != T{}) w.number(number, static_cast<uint64_t>(static_cast<int64_t>(v)));
}
template <class Tag, class Rep>
void write(Writer& w, uint32_t number, Strong<Tag, Rep> v) {
  write(w, number, v.value());
}
inline void write(Writer& w, uint32_t number, const Slice& v) {
  if (!v.empty()) w.slice(number, v);
}
inline void write(Writer& w, uint32_t number, const std::string& v) {
  if (!v.empty()) w.bytes(number, v);
}
template <class M>
requires(Message<M> || requires(Writer & w, const M& m) { write_message(w, m); }) void write(Writer& w, uint32_t number,
                                                                                             const M& v) {
  const size_t before = w.size();
  if constexpr (Message<M>) {
    write_fields(w, v);
  } else {
    write_message(w, v);
  }
  w.close(number, before);
}
template <class M>
void write(Writer& w, uint32_t number, const std::optional<M>& v) {
  if (v) write(w, number, *v);
}
template <class T>
void write(Writer& w, uint32_t number, const std::vector<T>& v) {
  for (auto e = v.rbegin(); e != v.rend(); ++e) {
    if constexpr (std::is_same_v<T, Slice>) {
      w.slice(number, *e);
    } else if constexpr (std::is_same_v<T, std::string>) {
      w.bytes(number, *e);
    } else {
      write(w, number, *e);
    }
  }
}

namespace internal {
template <class T>
void write_backwards(Writer&, const T&, Fields<>) {}
template <class T, class First, class... Rest>
void write_backwards(Writer& w, const T& v, Fields<First, Rest...>) {
  write_backwards(w, v, Fields<Rest...>{});
  write(w, First::kNumber, v.*First::kMember);
}
}  // namespace internal

// Responses inside a transaction's response have a header with nothing but the revision.
template <class T>
void write_fields(Writer& w, const T& v) {
  internal::write_backwards(w, v, typename MessageOf<T>::fields{});
  if constexpr (MessageOf<T>::kHasHeader) write(w, 1, Header{.revision = v.revision});
}

template <class T>
void write_response(Writer& w, Header header, const T& v) {
  internal::write_backwards(w, v, typename MessageOf<T>::fields{});
  header.revision = v.revision;
  write(w, 1, header);
}

}  // namespace holdfast::server::wire
