#include "artifact/disk.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <vector>

#include "hearth/base/ids.hpp"

namespace hearth::artifact {

Error disk_error(int error_number, std::string_view what) {
    Error error = base::from_errno(error_number, what);
    if (error_number == EFBIG) error.code = Errc::no_space;
    if (error.code == Errc::no_space) error.message += "; free some space and repeat";
    error.component = "artifact";
    return error;
}

Result<void> write_all(int fd, std::string_view bytes, std::string_view what) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return disk_error(errno, what);
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

Result<void> sync_fd(int fd, std::string_view what) {
    if (::fsync(fd) != 0) return disk_error(errno, what);
    return {};
}

Result<void> sync_folder(const std::filesystem::path& folder) {
    const base::UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return disk_error(errno, "open " + folder.string());
    return sync_fd(fd.get(), "sync " + folder.string());
}

std::filesystem::path fresh_name(const std::filesystem::path& folder) {
    return folder / base::random_hex(16);
}

Result<std::pair<base::UniqueFd, std::filesystem::path>> fresh_file(
    const std::filesystem::path& folder) {
    std::filesystem::path path = fresh_name(folder);
    base::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) {
        Error error = disk_error(errno, "create " + path.string());
        if (error.code == Errc::not_found) error.code = Errc::io;
        return error;
    }
    return std::pair<base::UniqueFd, std::filesystem::path>(std::move(fd), std::move(path));
}

namespace {

void remove_below(int parent, const char* name) {
    if (::unlinkat(parent, name, 0) == 0) return;
    // A folder without write permission would keep its entries from anybody but root.
    ::fchmodat(parent, name, 0700, 0);
    const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return;
    if (DIR* folder = ::fdopendir(fd)) {
        std::vector<std::string> names;
        while (const dirent* entry = ::readdir(folder)) {
            const std::string_view each = entry->d_name;
            if (each != "." && each != "..") names.emplace_back(each);
        }
        for (const std::string& each : names) remove_below(::dirfd(folder), each.c_str());
        ::closedir(folder);
    } else {
        ::close(fd);
    }
    ::unlinkat(parent, name, AT_REMOVEDIR);
}

}  // namespace

void remove_tree(const std::filesystem::path& path) {
    remove_below(AT_FDCWD, path.c_str());
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    auto* context = static_cast<EVP_MD_CTX*>(context_);
    if (context == nullptr || EVP_DigestInit_ex(context, EVP_sha256(), nullptr) != 1) {
        throw std::bad_alloc();
    }
}

Sha256::~Sha256() {
    EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

void Sha256::add(std::string_view bytes) {
    EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size());
}

std::string Sha256::finish() {
    std::array<unsigned char, 32> digest{};
    EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest.data(), nullptr);
    return base::to_hex(digest);
}

Result<std::string> sha256_of_file(const std::filesystem::path& file) {
    const base::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return disk_error(errno, "open " + file.string());
    Sha256 hash;
    std::vector<char> buffer(256 * 1024);
    for (;;) {
        const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return disk_error(errno, "read " + file.string());
        if (count == 0) return hash.finish();
        hash.add(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
    }
}

bool is_digest(std::string_view text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

}  // namespace hearth::artifact
