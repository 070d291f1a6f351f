#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::backend {

/// Bytes that a tree takes on disk, links not followed; counting ends past `enough`. Blocks.
std::uint64_t disk_use(const std::filesystem::path& tree, std::uint64_t enough);

/// What a folder may grow to, and what is said of one that has grown past it.
struct DiskBound {
    std::filesystem::path folder;
    std::uint64_t bytes = 0;
    std::string what, remedy;
};

/// Looks from time to time whether folders stay within their bounds, where the file system itself
/// has no quota for them. Thread: one.
class DiskWatch {
 public:
    using Clock = std::chrono::steady_clock;
    explicit DiskWatch(std::vector<DiskBound> bounds) : bounds_(std::move(bounds)) {}

    /// The first folder past its bound. Measures at most once a second, and in at most a twentieth
    /// of the time: large trees are looked at less often. Errors: too_large.
    Result<void> look();
    /// Until look() measures again.
    std::chrono::milliseconds pause() const;

 private:
    const std::vector<DiskBound> bounds_;
    Clock::time_point next_ = Clock::now() + std::chrono::seconds(1);
};

}  // namespace hearth::backend
