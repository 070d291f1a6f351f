#include <signal.h>
#include <unistd.h>
#include <boost/json/serialize.hpp>

#include <iostream>
#include <thread>

#include "app/daemon.hpp"
#include "app/serve_options.hpp"

namespace hearth::app {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitBadConfig = 2;

sigset_t ending_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

int wait_for_signal(const sigset_t& set) {
    int signal = 0;
    while (sigwait(&set, &signal) != 0) {
    }
    return signal;
}

}  // namespace

int serve(int argc, char** argv) {
    const ServeOptions options = parse_serve_options(argc, argv);
    if (options.exit_code >= 0) return options.exit_code;
    const config::Loaded loaded = effective_config(options);
    for (const auto& error : loaded.errors) std::cerr << config::to_string(error) << "\n";
    if (!loaded.errors.empty()) return kExitBadConfig;
    if (options.check) {
        std::cout << boost::json::serialize(config::to_json(loaded.config)) << "\n";
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    // Blocked before any thread exists, so that only this thread takes them, by sigwait.
    const sigset_t set = ending_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    auto started = Daemon::start(loaded.config);
    if (started.has_error()) {
        std::cerr << "hearth: " << started.error().message << "\n";
        if (!started.error().detail.empty()) std::cerr << started.error().detail << "\n";
        return kExitFailed;
    }
    wait_for_signal(set);
    // The second signal ends the process at once; its children die with it (parent-death signal).
    std::thread([set] {
        wait_for_signal(set);
        _exit(kExitFailed);
    }).detach();
    (*started)->stop(Daemon::Pace::drain);
    started->reset();
    return 0;
}

}  // namespace hearth::app
