#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <csignal>

// AddressSanitizer keeps 256 MiB of freed memory by default, which would count as growth in the
// tests that bound the resident size. Without the sanitizer nothing calls this.
extern "C" const char* __asan_default_options() {
    return "quarantine_size_mb=16";
}

int main(int argc, char* argv[]) {
    // As the daemon does: a peer that goes away is an error code, not a signal.
    std::signal(SIGPIPE, SIG_IGN);
    return Catch::Session().run(argc, argv);
}
