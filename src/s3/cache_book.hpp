#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace hearth::s3 {

/// What of the cache's archives takes how much disk, and when each was used last. Pure; not
/// thread-safe.
class CacheBook {
 public:
    using Time = std::chrono::steady_clock::time_point;

    void packed(const std::string& digest, std::uint64_t bytes, Time now);
    void unpacked(const std::string& digest, std::uint64_t bytes, Time now);
    void used(const std::string& digest, Time now);
    void gone(const std::string& digest);

    std::uint64_t bytes() const { return bytes_; }
    /// The longest unused ones, as many as bring the cache below `limit`; never one used at or
    /// after `before`.
    std::vector<std::string> victims(std::uint64_t limit, Time before) const;

 private:
    struct Entry {
        std::uint64_t packed = 0, unpacked = 0;
        Time used{};
    };
    Entry& entry(const std::string& digest, Time now);

    std::unordered_map<std::string, Entry> entries_;
    std::uint64_t bytes_ = 0;
};

}  // namespace hearth::s3
