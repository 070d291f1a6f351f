#pragma once

#include <memory>

#include "hearth/base/result.hpp"
#include "hearth/config/daemon_config.hpp"

namespace hearth::app {

/// The whole daemon: builds every module, passes references, starts them upwards and stops them
/// downwards. Thread: construct, stop and destroy on the main thread, which is no shard.
class Daemon {
 public:
    /// Errors: what kept a module from starting, as one sentence with the remedy.
    static Result<std::unique_ptr<Daemon>> start(const config::DaemonConfig& config);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    /// Readiness fails at once; requests in flight end; everything is stopped. `hurry` gives them
    /// no time.
    enum class Pace { drain, hurry };
    void stop(Pace pace);

 private:
    struct Parts;
    explicit Daemon(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

/// `hearth serve`: runs a daemon until a signal ends it. Returns the exit code.
int serve(int argc, char** argv);

}  // namespace hearth::app
