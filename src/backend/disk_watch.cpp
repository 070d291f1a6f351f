#include "backend/disk_watch.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

namespace hearth::backend {
namespace fs = std::filesystem;

namespace {

constexpr auto kLeastPause = std::chrono::seconds(1);
constexpr int kShareOfTime = 20;
constexpr std::uint64_t kStatBlock = 512;  // stat(2): st_blocks counts these

std::uint64_t own_use(const fs::path& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) return 0;
    return static_cast<std::uint64_t>(info.st_blocks) * kStatBlock;
}

}  // namespace

std::uint64_t disk_use(const fs::path& tree, std::uint64_t enough) {
    std::uint64_t bytes = own_use(tree);
    std::error_code ec;
    fs::recursive_directory_iterator entries(tree, fs::directory_options::skip_permission_denied,
                                             ec);
    for (; !ec && entries != fs::recursive_directory_iterator() && bytes <= enough;
         entries.increment(ec))
        bytes += own_use(entries->path());
    return bytes;
}

Result<void> DiskWatch::look() {
    const auto begun = Clock::now();
    if (begun < next_) return {};
    Result<void> outcome;
    for (const DiskBound& bound : bounds_) {
        if (bound.folder.empty() || disk_use(bound.folder, bound.bytes) <= bound.bytes) continue;
        outcome = Error(Errc::too_large,
                        fmt::format("{} has grown past {} MiB; {}", bound.what, bound.bytes >> 20,
                                    bound.remedy),
                        "", "build");
        break;
    }
    const auto now = Clock::now();
    next_ = now + std::max<Clock::duration>(kLeastPause, (now - begun) * kShareOfTime);
    return outcome;
}

std::chrono::milliseconds DiskWatch::pause() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_ - Clock::now());
    return std::max(left, std::chrono::milliseconds(0));
}

}  // namespace hearth::backend
