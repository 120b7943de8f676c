// Values on their way from another thread to the loop: any number of them cost one wake-up.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

namespace holdfast::runtime {

template <class T>
class LoopInbox {
 public:
  using Deliver = std::function<void(std::vector<T>)>;

  // `deliver` is called on the loop with everything that has gathered, in order. The loop must outlive the inbox.
  LoopInbox(asio::io_context& loop, Deliver deliver) : state_(std::make_shared<State>(loop)) {
    state_->deliver = std::move(deliver);
  }
  ~LoopInbox() { close(); }
  LoopInbox(const LoopInbox&) = delete;
  LoopInbox& operator=(const LoopInbox&) = delete;

  // From any thread.
  void put(T value) {
    const std::lock_guard lock(state_->mutex);
    state_->values.push_back(std::move(value));
    if (std::exchange(state_->posted, true)) return;
    asio::post(state_->loop, [state = state_] { drain(*state); });
  }
  // On the loop's thread, or when the loop does not run: nothing is delivered from now on.
  void close() { state_->deliver = nullptr; }

 private:
  struct State {
    explicit State(asio::io_context& l) : loop(l) {}
    asio::io_context& loop;
    std::mutex mutex;
    std::vector<T> values;
    bool posted = false;
    Deliver deliver;  // the loop's
  };

  static void drain(State& state) {
    std::vector<T> values;
    {
      const std::lock_guard lock(state.mutex);
      values.swap(state.values);
      state.posted = false;
    }
    if (state.deliver) state.deliver(std::move(values));
  }

  std::shared_ptr<State> state_;
};

}  // namespace holdfast::runtime
