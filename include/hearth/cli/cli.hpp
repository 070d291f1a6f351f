#pragma once

#include <functional>

namespace hearth::cli {

/// Hooks for what lives in other modules; `serve` and `exec-instance` belong to the daemon.
struct Hooks {
    std::function<int(int argc, char** argv)> serve;   ///< given the arguments after `serve`
};

/// Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused by validation or
/// conflict, 5 daemon not reachable or not authorised.
int run(int argc, char** argv, const Hooks& hooks);

}  // namespace hearth::cli
