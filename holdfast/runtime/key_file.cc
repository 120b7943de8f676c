#include "holdfast/runtime/key_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "holdfast/base/fixed_bytes.h"
#include "holdfast/runtime/url.h"

namespace holdfast::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHeader =
    "holdfast member key 1 (Ed25519, private): whoever has this file can speak as the member; keep it secret\n";
constexpr std::string_view kPublic = "public  ", kPrivate = "private ";
constexpr size_t kDigits = 64;
// Of the file's mode: what others than the owner and the group may do, and what the group may change.
constexpr mode_t kTooOpen = 037;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

Status cannot(std::string_view what, const std::string& path, int error) {
  const std::string text = fmt::format("cannot {} {}: {}", what, path, std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == EACCES || error == EPERM || error == EROFS) return absl::PermissionDeniedError(text);
  return absl::InternalError(text);
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// The entry of the file in its directory.
Status sync_directory(const fs::path& file) {
  const std::string directory = file.has_parent_path() ? file.parent_path().string() : ".";
  const Descriptor at(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (at.get() < 0 || fsync(at.get()) != 0) return cannot("sync", directory, errno);
  return absl::OkStatus();
}

// 64 digits behind `label`, to the end of the line; the line is taken off `text`.
std::optional<std::string> line(std::string_view& text, std::string_view label) {
  if (text.size() < label.size() + kDigits + 1 || !text.starts_with(label)) return std::nullopt;
  const std::string_view digits = text.substr(label.size(), kDigits);
  if (text[label.size() + kDigits] != '\n') return std::nullopt;
  text.remove_prefix(label.size() + kDigits + 1);
  return from_hex(digits);
}

}  // namespace

std::string key_file_text(const crypto::Seed& seed) {
  return fmt::format("{}{}{}\n{}{}\n", kHeader, kPublic, to_hex(crypto::Identity(seed).public_key().view()), kPrivate,
                     to_hex(seed.view()));
}

StatusOr<crypto::Seed> parse_key_file(std::string_view text) {
  if (!text.starts_with(kHeader)) return absl::DataLossError("it does not begin with \"holdfast member key 1\"");
  text.remove_prefix(kHeader.size());
  const auto known = line(text, kPublic);
  const auto secret = line(text, kPrivate);
  if (!known || !secret || !text.empty()) return absl::DataLossError("a line is missing, malformed or too much");
  const crypto::Seed seed = *crypto::Seed::from(*secret);
  if (crypto::Identity(seed).public_key().view() != *known) {
    return absl::DataLossError("its private key does not belong to its public one");
  }
  return seed;
}

StatusOr<crypto::PublicKey> make_key_file(const std::string& path) {
  std::error_code error;
  const fs::path file(path);
  if (file.has_parent_path()) fs::create_directories(file.parent_path(), error);
  if (error) return cannot("make", file.parent_path().string(), error.value());
  crypto::Seed seed;
  if (getrandom(seed.data(), crypto::Seed::kSize, 0) != static_cast<ssize_t>(crypto::Seed::kSize)) {
    return absl::UnavailableError("the system has no randomness to make a key of");
  }
  const Descriptor out(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (out.get() < 0 && errno == EEXIST) {
    return absl::AlreadyExistsError(fmt::format(
        "{} is there already, and is left alone: a key that is lost cannot be made again. Choose another name", path));
  }
  if (out.get() < 0) return cannot("make", path, errno);
  if (!write_all(out.get(), key_file_text(seed)) || fsync(out.get()) != 0) {
    const int why = errno;
    unlink(path.c_str());
    return cannot("write", path, why);
  }
  if (Status s = sync_directory(file); !s.ok()) return s;
  return crypto::Identity(seed).public_key();
}

StatusOr<crypto::Seed> read_key_file(const std::string& path) {
  const Descriptor in(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.get() < 0 && errno == ENOENT) {
    return absl::NotFoundError(
        fmt::format("there is no key file {}; give the path of the one that there is, restore it from a backup, or "
                    "replace the member by one with a new key (holdfast key new)",
                    path));
  }
  if (in.get() < 0) return cannot("read", path, errno);
  struct stat info {};
  if (fstat(in.get(), &info) != 0) return cannot("read", path, errno);
  if (!S_ISREG(info.st_mode)) return absl::DataLossError(fmt::format("{} is no file", path));
  std::string text(1024, '\0');
  const ssize_t n = read(in.get(), text.data(), text.size());
  if (n < 0) return cannot("read", path, errno);
  text.resize(static_cast<size_t>(n));
  StatusOr<crypto::Seed> seed = parse_key_file(text);
  if (!seed.ok()) {
    return Status(seed.status().code(),
                  fmt::format("{} holds no member key: {}; restore it from a backup, or replace the "
                              "member by one with a new key (holdfast key new)",
                              path, std::string(seed.status().message())));
  }
  if ((info.st_mode & kTooOpen) != 0) {
    return absl::PermissionDeniedError(
        fmt::format("others than its owner may read or change {}, which holds a private key; protect it (chmod 600 "
                    "{}), and if others "
                    "may have read it, replace the member by one with a new key",
                    path, path));
  }
  return seed;
}

StatusOr<std::optional<crypto::PublicKey>> key_in(const std::vector<std::string>& peer_urls) {
  std::optional<crypto::PublicKey> found;
  for (size_t i = 0; i < peer_urls.size(); ++i) {
    const StatusOr<Url> url = parse_peer_url(peer_urls[i]);
    if (!url.ok()) return url.status();
    std::optional<crypto::PublicKey> key;
    if (!url->key.empty()) key = crypto::PublicKey::from(*from_hex(url->key));
    if (i > 0 && key != found) {
      return absl::InvalidArgumentError(fmt::format(
          "{} and {} have different keys; all peer URLs of a member carry the same one", peer_urls[0], peer_urls[i]));
    }
    found = key;
  }
  return found;
}

}  // namespace holdfast::runtime
