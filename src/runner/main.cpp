#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <boost/asio/signal_set.hpp>

#include <string_view>

#include "runner/configuration.hpp"
#include "runner/install.hpp"
#include "runner/log.hpp"
#include "runner/server.hpp"
#include "runner/version.hpp"

namespace {

using namespace hearth::runner;

constexpr const char* kUsage =
    "usage: hearth-runner [--version | build-agent | install PATH]\n"
    "Serves one pod: unpacks a function's code, loads it into the environment beside it.\n"
    "build-agent   runs one build in the container of a builder image instead\n"
    "install PATH  copies the program, for a container whose image does not have it\n"
    "Variables: HEARTH_RUNNER_LISTEN, HEARTH_RUNNER_TOKEN_FILE, HEARTH_ENVIRONMENT,\n"
    "HEARTH_RUNNER_ROOT, HEARTH_READY_WHEN, HEARTH_POD_UID, HEARTH_POD_NAME;\n"
    "of build-agent also HEARTH_BUILD_FOLDER and HEARTH_BUILD_CACHE.\n";

void prepare_process(Configuration::Mode mode) {
    // What a large order took goes back to the system: the heap keeps little, big blocks are
    // mapped.
    ::mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    ::mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    ::signal(SIGPIPE, SIG_IGN);
    // A file-size limit is an error of write(2).
    ::signal(SIGXFSZ, SIG_IGN);
    // Modes are set one by one, for users other than this one; a build command has its own idea.
    ::umask(mode == Configuration::Mode::build_agent ? 022 : 0);
}

int serve(Configuration::Mode mode) {
    prepare_process(mode);
    auto configuration = read_configuration([](const char* name) { return ::getenv(name); });
    if (!configuration) {
        log_line(configuration.error().detail);
        return 2;
    }
    configuration->mode = mode;
    net::io_context loop(1);
    Server server(loop, std::move(*configuration), [&loop] { loop.stop(); });
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

int install(const char* path) {
    const auto done = install_program(path);
    if (!done.has_error()) return 0;
    log_line(done.error().detail);
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view word = argc > 1 ? argv[1] : "";
    if (argc == 1) return serve(Configuration::Mode::pod);
    if (argc == 2 && word == "build-agent") return serve(Configuration::Mode::build_agent);
    if (argc == 3 && word == "install") return install(argv[2]);
    if (argc == 2 && word == "--version") {
        ::printf("hearth-runner %s\n", version());
        return 0;
    }
    ::fputs(kUsage, stderr);
    return word == "--help" ? 0 : 2;
}
