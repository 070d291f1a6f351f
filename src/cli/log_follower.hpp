#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>

#include <functional>
#include <string>
#include <thread>

#include "cli/settings.hpp"
#include "hearth/aio/task.hpp"

namespace hearth::cli {

/// Follows the log of one function on a thread of its own, from now on and across restarts of the
/// daemon. Ends with the object.
class LogFollower {
 public:
    using OnLine = std::function<void(const boost::json::object&)>;

    /// `on_line` is called on the follower's thread.
    LogFollower(Connection connection, std::string ns, std::string function, OnLine on_line);
    ~LogFollower();
    LogFollower(const LogFollower&) = delete;
    LogFollower& operator=(const LogFollower&) = delete;

 private:
    Task<void> follow();
    void take(std::string_view bytes);

    Connection connection_;
    std::string target_;
    OnLine on_line_;
    std::string since_, pending_;
    aio::net::io_context loop_{1};
    std::thread thread_;
};

}  // namespace hearth::cli
