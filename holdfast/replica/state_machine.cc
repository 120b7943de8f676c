// What a state machine of the user's need not say itself.
#include "holdfast/replica/state_machine.h"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

class SavedImage : public ImageReader {
 public:
  explicit SavedImage(std::string bytes) : bytes_(std::move(bytes)) {}
  bool read(size_t max_bytes, std::string& out) override {
    const size_t n = std::min(max_bytes, bytes_.size() - at_);
    out.append(bytes_, at_, n);
    at_ += n;
    return at_ < bytes_.size();
  }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

}  // namespace

crypto::Digest StateMachine::digest() const { return crypto::digest(save()); }

std::unique_ptr<ImageReader> StateMachine::image() const { return std::make_unique<SavedImage>(save()); }

}  // namespace holdfast
