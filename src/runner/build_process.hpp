#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>

#include <sys/types.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/fault.hpp"
#include "runner/net.hpp"

namespace hearth::runner {

/// A build command, its output and everything it starts. Thread: the loop's.
class BuildProcess : public std::enable_shared_from_this<BuildProcess> {
 public:
    struct Order {
        std::vector<std::string> words;
        std::map<std::string, std::string> env;
        std::string folder;  ///< to run in
    };
    /// `build` alone is looked for in PATH, then as /build, and the other way round: Fission's
    /// images have it in either place. Errors: 422 `not_started` with the reason.
    static Result<std::shared_ptr<BuildProcess>> start(Executor executor, const Order& order);
    ~BuildProcess();
    BuildProcess(const BuildProcess&) = delete;
    BuildProcess& operator=(const BuildProcess&) = delete;

    /// The next bytes of both its streams. Empty at `until`, or when there is nothing more to come.
    Task<std::string_view> read(Clock::time_point until);
    /// It has ended, what it left running is killed and its output is read.
    bool over() const { return ended_ && closed_; }
    /// Wait status; once over.
    int status() const { return status_; }
    /// Ends it and what it started.
    void kill_all();

 private:
    using Pipe = net::posix::basic_stream_descriptor<Executor>;
    using Signals = net::basic_signal_set<Executor>;

    BuildProcess(Executor executor, int output);
    void await_end();
    void reap();

    Pipe output_;
    Signals ends_;  ///< SIGCHLD
    Timer limit_;
    std::array<char, 32 * 1024> room_;
    pid_t pid_ = 0;
    int status_ = 0;
    bool ended_ = false;
    bool closed_ = false;
};

/// Processes of this container that were ended for memory, as its control group counts them; -1:
/// that cannot be read.
int oom_kills();

}  // namespace hearth::runner
