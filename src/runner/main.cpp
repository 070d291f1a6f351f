#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <boost/asio/signal_set.hpp>

#include "runner/configuration.hpp"
#include "runner/log.hpp"
#include "runner/server.hpp"
#include "runner/version.hpp"

namespace {

using namespace hearth::runner;

constexpr const char* kUsage =
    "usage: hearth-runner [--version]\n"
    "Serves one pod: unpacks a function's code, loads it into the environment beside it.\n"
    "Variables: HEARTH_RUNNER_LISTEN, HEARTH_RUNNER_TOKEN_FILE, HEARTH_ENVIRONMENT,\n"
    "HEARTH_RUNNER_ROOT, HEARTH_READY_WHEN, HEARTH_POD_UID, HEARTH_POD_NAME.\n";

int serve() {
    // What a large order took goes back to the system: the heap keeps little, big blocks are
    // mapped.
    ::mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    ::mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    ::signal(SIGPIPE, SIG_IGN);
    // A file-size limit is an error of write(2).
    ::signal(SIGXFSZ, SIG_IGN);
    // Modes are set one by one, for users other than this one.
    ::umask(0);
    auto configuration = read_configuration([](const char* name) { return ::getenv(name); });
    if (!configuration) {
        log_line(configuration.error().detail);
        return 2;
    }
    net::io_context loop(1);
    Server server(loop, std::move(*configuration));
    if (auto started = server.start(); started.has_error()) {
        log_line(started.error().detail);
        return 1;
    }
    net::signal_set signals(loop, SIGTERM, SIGINT);
    // The pod is going away, and what is loaded or loading with it.
    signals.async_wait([&](boost::system::error_code, int) { loop.stop(); });
    log_line("listens on port " + std::to_string(server.endpoint().port()));
    loop.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && ::strcmp(argv[1], "--version") == 0) {
        ::printf("hearth-runner %s\n", version());
        return 0;
    }
    if (argc > 1) {
        ::fputs(kUsage, stderr);
        return ::strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    return serve();
}
