#include "s3/cache_book.hpp"

#include <algorithm>

namespace hearth::s3 {

CacheBook::Entry& CacheBook::entry(const std::string& digest, Time now) {
    Entry& found = entries_[digest];
    found.used = std::max(found.used, now);
    return found;
}

void CacheBook::packed(const std::string& digest, std::uint64_t bytes, Time now) {
    Entry& found = entry(digest, now);
    bytes_ += bytes - found.packed;
    found.packed = bytes;
}

void CacheBook::unpacked(const std::string& digest, std::uint64_t bytes, Time now) {
    Entry& found = entry(digest, now);
    bytes_ += bytes - found.unpacked;
    found.unpacked = bytes;
}

void CacheBook::used(const std::string& digest, Time now) {
    const auto at = entries_.find(digest);
    if (at != entries_.end()) at->second.used = std::max(at->second.used, now);
}

void CacheBook::gone(const std::string& digest) {
    const auto at = entries_.find(digest);
    if (at == entries_.end()) return;
    bytes_ -= at->second.packed + at->second.unpacked;
    entries_.erase(at);
}

std::vector<std::string> CacheBook::victims(std::uint64_t limit, Time before) const {
    if (bytes_ <= limit) return {};
    std::vector<std::pair<Time, const std::string*>> idle;
    for (const auto& [digest, entry] : entries_)
        if (entry.used < before) idle.emplace_back(entry.used, &digest);
    std::sort(idle.begin(), idle.end(), [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first < b.first : *a.second < *b.second;
    });
    std::vector<std::string> chosen;
    std::uint64_t left = bytes_;
    for (const auto& [used, digest] : idle) {
        if (left <= limit) break;
        const Entry& entry = entries_.at(*digest);
        left -= entry.packed + entry.unpacked;
        chosen.push_back(*digest);
    }
    return chosen;
}

}  // namespace hearth::s3
