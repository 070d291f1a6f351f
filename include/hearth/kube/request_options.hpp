#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hearth::kube {

// Options have constructors, so that g++ 12.2 handles them in coroutines: make a named one and set
// what differs.

struct ListOptions {
    std::string label_selector, field_selector;
    std::size_t page = 500;        ///< objects a page; 0: all at once
    std::string resource_version;  ///< empty: what is true now, never a cache's past
    std::string resource_version_match;
    ListOptions() = default;
};

struct ObjectList {
    std::vector<boost::json::object>
        items;  ///< apiVersion and kind are filled in, which lists leave out
    std::string resource_version;
    ObjectList() = default;
};

struct WriteOptions {
    std::string subresource;    ///< "status", "scale"…
    std::string field_manager;  ///< empty: the client's
    bool dry_run = false;
    WriteOptions() = default;
};

struct PatchOptions {
    enum class Type {
        merge,      ///< RFC 7396
        strategic,  ///< merges lists by their keys; built-in kinds only
        json,       ///< RFC 6902: an array of operations
        apply,      ///< server-side apply of a whole object; kind and name are filled in
    } type = Type::merge;
    bool force = false;  ///< apply: takes fields over from other managers
    std::string subresource;
    std::string field_manager;  ///< empty: the client's
    bool dry_run = false;
    PatchOptions() = default;
};

struct DeleteOptions {
    std::string uid;                            ///< precondition
    std::string resource_version;               ///< precondition
    std::optional<std::int64_t> grace_seconds;  ///< absent: the object's own
    std::string propagation;  ///< "Background", "Foreground", "Orphan"; empty: the kind's own
    DeleteOptions() = default;
};

struct LogOptions {
    std::string container;
    bool follow = false, timestamps = false, previous = false;
    std::optional<std::int64_t> tail_lines;
    std::optional<std::int64_t> since_seconds;
    std::string since_time;         ///< RFC 3339; at most one of the two
    std::uint64_t limit_bytes = 0;  ///< 0: none
    LogOptions() = default;
};

struct WatchOptions {
    std::string label_selector, field_selector;
    std::string resource_version;
    std::chrono::seconds timeout{300};  ///< the server ends the watch after it
    std::chrono::milliseconds silence_probe{
        20'000};  ///< this long without a byte: ask the server for a sign of life
    std::chrono::milliseconds probe_timeout{10'000};  ///< without one the path counts as dead
    std::chrono::milliseconds max_silence{
        150'000};                    ///< not even a bookmark: ends as if the path were dead
    std::function<void()> on_open;   ///< the server has accepted
    std::function<void()> on_alive;  ///< bytes came
    WatchOptions() = default;
};

struct WatchEvent {
    enum class Type { added, modified, deleted, bookmark, error } type = Type::added;
    boost::json::object object;
    WatchEvent() = default;
};

enum class WatchEnd {
    closed,   ///< by its timeout, or the connection was lost: go on from the last resourceVersion
    expired,  ///< 410 in either form, or a version the server does not know: list again
    refused,  ///< the server is busy or away: go on from the last resourceVersion, later
    stopped,  ///< on_event wished so
};

}  // namespace hearth::kube
