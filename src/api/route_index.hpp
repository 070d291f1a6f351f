#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hearth/catalog/catalog.hpp"

namespace hearth::api {

/// Narrows down which routes may conflict with one, so that the exact check does not have to read
/// ten thousand of them. Thread: one owner.
class RouteIndex {
 public:
    explicit RouteIndex(const std::vector<catalog::RecordPtr>& triggers);
    /// All routes whose path could stand for the same request as that of `trigger`, itself left
    /// out.
    std::vector<catalog::RecordPtr> candidates(const model::Resource& trigger) const;

 private:
    struct Entry {
        std::string path;
        catalog::RecordPtr record;
    };
    std::unordered_map<std::string, std::vector<catalog::RecordPtr>>
        literal_;                                          ///< paths without parameters
    std::map<std::size_t, std::vector<Entry>> by_length_;  ///< all, by number of segments
    std::map<std::size_t, std::vector<Entry>> patterns_;   ///< those with parameters
};

}  // namespace hearth::api
