#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/base/unique_fd.hpp"

namespace hearth::backend {

/// Numbers under which a started process finds what it is given beside its three standard streams.
inline constexpr int kInfoFd = 3;     ///< bubblewrap writes its child's pid here
inline constexpr int kZygoteFd = 4;   ///< the zygote's end of its socket pair
inline constexpr int kSelfExeFd = 5;  ///< this program, for the stage inside the sandbox
inline constexpr int kVariablesFd =
    6;  ///< memory file with NAME=value strings, each ended by a zero byte

/// Read end of a pipe whose other end only the daemon holds.
inline constexpr int kLifelineFd = 7;

struct Pipe {
    base::UniqueFd read;
    base::UniqueFd write;
};
/// Both ends close on exec; the read end does not block.
Result<Pipe> make_pipe();

/// A memory file with `variables` as the last stage of a start reads them. They never stand in an
/// argument list (world-readable) nor in the environment of a process that still has privileges
/// (LD_PRELOAD).
Result<base::UniqueFd> make_variables_file(const std::map<std::string, std::string>& variables);

struct SpawnRequest {
    std::string executable;
    std::vector<std::string> arguments;  ///< with the program's own name first
    std::vector<std::pair<int, int>>
        descriptors;  ///< descriptor here, number there; all others are closed
};

struct Spawned {
    pid_t pid = 0;
    base::UniqueFd pidfd;
};

/// posix_spawn into a session of its own, default signals, a minimal environment, standard input
/// from /dev/null. Blocks for about a millisecond. Errors: unavailable (no such program, no
/// memory), exhausted (no more processes).
Result<Spawned> spawn(const SpawnRequest& request);

struct Finished {
    int exit_code = -1;  ///< 128 + signal when killed; -1 when it did not end in time
    std::string output;  ///< both streams, at most 4 KiB
};
/// Runs a short command to its end. Blocks up to `limit`, then kills it.
Result<Finished> run_to_end(SpawnRequest request, std::chrono::milliseconds limit);

}  // namespace hearth::backend
