#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "backend/backend_bench.hpp"
#include "backend/cgroup_mounts.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::BackendBench;
using Cause = backend::InstanceExit::Cause;

namespace {

/// Control groups of this process's backends.
std::size_t groups() {
    const auto places = backend::find_cgroup_places();
    const auto memory = places.v1.find("memory");
    const auto base = memory != places.v1.end() ? memory->second : places.v2;
    std::size_t count = 0;
    std::error_code ec;
    for (const auto& entry : std::filesystem::directory_iterator(base, ec)) {
        if (entry.path().filename().string().rfind("hearth-" + std::to_string(getpid()) + "-", 0) !=
            0)
            continue;
        count += test::folders_in(entry.path());
    }
    return count;
}

bool limits_memory(BackendBench& bench) {
    for (const auto& probe : bench.backend->probes()) {
        if (probe.name == "memory limit") return probe.state == backend::Probe::State::ok;
    }
    return false;
}

/// A daemon in a process of its own, about to be killed.
class Victim {
 public:
    explicit Victim(const std::string& run_folder) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
        const std::string helper = test::helper_program();
        pid_ = fork();
        if (pid_ == 0) {
            dup2(ends[1], STDOUT_FILENO);
            execl(helper.c_str(), helper.c_str(), "daemon", run_folder.c_str(), nullptr);
            _exit(1);
        }
        close(ends[1]);
        told_ = fdopen(ends[0], "r");
    }
    ~Victim() {
        if (told_ != nullptr) fclose(told_);
    }
    Victim(const Victim&) = delete;
    Victim& operator=(const Victim&) = delete;

    /// The pids of its instances, or nothing when it is still starting after `limit`.
    std::vector<pid_t> instances(std::chrono::milliseconds limit) {
        pollfd wait{fileno(told_), POLLIN, 0};
        long long first = 0, second = 0;
        if (poll(&wait, 1, static_cast<int>(limit.count())) != 1) return {};
        if (fscanf(told_, "%lld %lld", &first, &second) != 2) return {};
        return {static_cast<pid_t>(first), static_cast<pid_t>(second)};
    }
    pid_t kill_it() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        return pid_;
    }

 private:
    pid_t pid_ = 0;
    FILE* told_ = nullptr;
};

/// Every process that names the folder in its command line.
std::vector<pid_t> processes_naming(const std::string& folder) {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const long pid = std::strtol(entry.path().filename().c_str(), nullptr, 10);
        if (pid <= 0 || pid == getpid()) continue;
        if (backend::read_small_file(entry.path() / "cmdline").find(folder) != std::string::npos) {
            found.push_back(static_cast<pid_t>(pid));
        }
    }
    return found;
}

}  // namespace

TEST_CASE("an exit code is reported with the last words") {
    BackendBench bench;
    const auto instance = bench.function(
        "import os, sys\ndef main(body):\n    print('goodbye', file=sys.stderr, flush=True)\n    "
        "os._exit(7)\n");
    CHECK_FALSE(bench.call(instance).has_value());
    const auto exit = bench.exit_of(instance.id);
    REQUIRE(exit);
    CHECK(exit->cause == Cause::exited);
    CHECK(exit->code == 7);
    CHECK(exit->last_output == "goodbye\n");
}

TEST_CASE("a signal is reported as one") {
    BackendBench bench;
    const auto instance = bench.function("def main(body):\n    return ''\n");
    REQUIRE(kill(static_cast<pid_t>(instance.pid), SIGKILL) == 0);
    const auto exit = bench.exit_of(instance.id);
    REQUIRE(exit);
    CHECK(exit->cause == Cause::signalled);
    CHECK(exit->code == SIGKILL);
}

TEST_CASE("stop leaves neither process, folder nor control group") {
    BackendBench bench;
    const auto instance = bench.function(
        "import subprocess\nchild = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "def main(body):\n    return ''\n");
    const bool grouped = groups() > 0;
    bench.stop(instance.id);
    const auto exit = bench.exit_of(instance.id);
    REQUIRE(exit);
    CHECK(exit->cause == Cause::stopped);
    CHECK(test::folders_in(bench.instances()) == 0);
    CHECK(kill(static_cast<pid_t>(instance.pid), 0) != 0);
    if (grouped) CHECK(groups() == 0);
    CHECK_FALSE(bench.backend->usage(instance.id));
    bench.stop(instance.id);  // unknown by now: ignored
}

TEST_CASE("a runtime that ignores SIGTERM is killed after the grace") {
    BackendBench bench;
    const auto instance = bench.must_start();
    auto request = bench.load_request("def main(body):\n    return ''\n");
    REQUIRE_FALSE(bench.load(instance.id, request).has_error());
    kill(static_cast<pid_t>(instance.pid), SIGSTOP);
    bench.stop(instance.id, std::chrono::milliseconds(50));
    CHECK(kill(static_cast<pid_t>(instance.pid), 0) != 0);
    CHECK(bench.exit_of(instance.id)->cause == Cause::stopped);
}

TEST_CASE("a function that takes too much memory ends alone, and the cause is told") {
    BackendBench bench;
    if (!limits_memory(bench)) {
        WARN("no memory control group on this machine");
        return;
    }
    const auto neighbour = bench.function("def main(body):\n    return 'still here'\n");
    const auto hog = bench.must_start();
    auto request = bench.load_request("def main(body):\n    return len(bytearray(512 << 20))\n");
    request.limits.memory_bytes = 64u << 20;
    REQUIRE_FALSE(bench.load(hog.id, request).has_error());
    CHECK_FALSE(bench.call(hog).has_value());
    const auto exit = bench.exit_of(hog.id);
    REQUIRE(exit);
    CHECK(exit->cause == Cause::out_of_memory);
    CHECK(bench.answer(neighbour) == "still here");
    telemetry::LogQuery query;
    query.ns = "default";
    query.function = "hello";
    const auto lines = bench.function_log.read(query);
    REQUIRE(lines.has_value());
    REQUIRE_FALSE(lines->empty());
    CHECK(lines->back().message.find("out of memory (limit 64 MiB)") != std::string::npos);
}

TEST_CASE("a fork bomb is held by the limit of processes") {
    BackendBench bench;
    const auto neighbour = bench.function("def main(body):\n    return 'still here'\n");
    const auto bomb = bench.function(
        "import os, signal\n"
        "def main(body):\n"
        "    count = 0\n"
        "    try:\n"
        "        while count < 500:\n"
        "            if os.fork() == 0:\n"
        "                signal.pause()\n"
        "            count += 1\n"
        "    except OSError as error:\n"
        "        return f'{count < 40} {error.strerror}'\n"
        "    return 'not held'\n");
    CHECK(bench.answer(bomb) == "True Resource temporarily unavailable");
    CHECK(bench.answer(neighbour) == "still here");
    bench.stop(bomb.id);
    CHECK(bench.exit_of(bomb.id)->cause == Cause::stopped);
}

TEST_CASE("kill -9 of the daemon leaves no orphan, and the next daemon cleans up") {
    test::TempDir data;
    std::filesystem::permissions(data.path(), std::filesystem::perms(0711));
    const auto run = data.path() / "run";
    Victim victim(run.string());
    const auto pids = victim.instances(std::chrono::seconds(20));
    REQUIRE(pids.size() == 2);
    for (const pid_t pid : pids) REQUIRE(kill(pid, 0) == 0);
    const pid_t daemon = victim.kill_it();
    for (const pid_t pid : pids) CHECK(test::ends(pid));
    {
        BackendBench bench(
            [&](backend::ProcessBackendOptions& options) { options.run_folder = run; });
        CHECK(test::folders_in(run / "instances") == 0);
    }
    for (const auto& [controller, base] : backend::find_cgroup_places().v1) {
        std::error_code ec;
        for (const auto& entry : std::filesystem::directory_iterator(base, ec)) {
            CHECK(entry.path().filename().string().rfind("hearth-" + std::to_string(daemon) + "-",
                                                         0) != 0);
        }
    }
}

TEST_CASE("nothing is left when the daemon dies while instances start") {
    // bubblewrap has a moment in which its child outlives it; these are spread over the whole
    // start.
    for (int moment = 0; moment < 60; ++moment) {
        test::TempDir data;
        std::filesystem::permissions(data.path(), std::filesystem::perms(0711));
        Victim victim((data.path() / "run").string());
        victim.instances(std::chrono::milliseconds(20 + moment * 4));
        victim.kill_it();
        for (const pid_t pid : processes_naming(data.path().string())) {
            INFO("after " << moment << ": "
                          << backend::read_small_file("/proc/" + std::to_string(pid) + "/cmdline"));
            CHECK(test::ends(pid));
        }
    }
}
