#pragma once

#include <boost/json/object.hpp>

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli/compose.hpp"
#include "cli/program.hpp"
#include "cli/source_watch.hpp"

namespace hearth::cli {

/// What `hearth dev` was told.
struct DevArguments {
    DeployArguments deploy;
    std::optional<std::string> call;  ///< path that is called after each reload
    bool remove = false;
    int quiet_ms = 8;  ///< pause after a change before it is taken
};

/// A function that follows its source: deployed the way `hearth deploy` does, again at each change.
/// Thread: one, but for print().
class DevSession {
 public:
    DevSession(Context& context, Client& client, DevArguments arguments)
        : context_(context), client_(client), arguments_(std::move(arguments)) {}

    /// Deploys, and says what came of it. `changed_at`: when the source was saved; nothing the
    /// first time.
    void deploy(std::optional<SourceWatch::Clock::time_point> changed_at,
                const std::string& changed_name);
    /// Deletes what this session made, in reverse.
    void remove_made();
    /// One whole line, from any thread.
    void print(const std::string& line);
    bool deployed() const { return deployed_; }

 private:
    /// `built_anew` tells whether the code was another one than before and has been built.
    Result<boost::json::object> send(bool& built_anew);
    Result<void> try_load();
    void remember(const boost::json::object& answer);
    void report_failure(const Error& error, const std::string& name);
    void call_function();

    Context& context_;
    Client& client_;
    DevArguments arguments_;
    bool deployed_ = false;
    bool broken_is_live_ = false;
    std::vector<std::pair<std::string, std::string>> made_;  ///< kind and name, in order
    std::mutex printing_;
};

}  // namespace hearth::cli
