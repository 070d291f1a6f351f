#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "backend/backend_bench.hpp"

namespace {

/// A small daemon that is about to be killed: starts two instances and tells their pids.
int be_daemon(const char* run_folder) {
    hearth::test::BackendBench bench([&](hearth::backend::ProcessBackendOptions& options) {
        options.self_exe = "/proc/self/exe";
        options.run_folder = run_folder;
    });
    const auto first = bench.function("def main(body):\n    return body\n");
    const auto second = bench.function(
        "import subprocess\nsubprocess.Popen(['sleep', '1000'])\ndef main(body):\n    return "
        "body\n");
    std::printf("%lld %lld\n", static_cast<long long>(first.pid),
                static_cast<long long>(second.pid));
    std::fflush(stdout);
    for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "exec-instance") == 0)
        return hearth::backend::exec_instance(argc, argv);
    std::signal(SIGPIPE, SIG_IGN);
    if (argc > 2 && std::strcmp(argv[1], "daemon") == 0) return be_daemon(argv[2]);
    std::fprintf(stderr, "backend_test_helper: exec-instance or daemon RUN_FOLDER\n");
    return 2;
}
