#include "backend/cgroup.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "backend/cgroup_mounts.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace hearth;
using namespace hearth::backend;
namespace fs = std::filesystem;

namespace {

/// A child that joins a group by its file, as exec-instance does, and then only waits.
pid_t start_in(const fs::path& procs) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    if (!write_small_file(procs, "0")) _exit(1);
    for (;;) pause();
}

bool holds(const CgroupTree& tree, const std::string& name, pid_t pid) {
    const auto all = tree.processes(name);
    return std::find(all.begin(), all.end(), pid) != all.end();
}

/// What version 2 does here with the controllers that no version 1 hierarchy has taken.
void live_in(const fs::path& base) {
    CgroupPlaces places;
    places.v2 = base;
    const fs::path stale = base / "hearth-999999999-1-abcdef";
    REQUIRE(mkdir(stale.c_str(), 0755) == 0);
    const auto tree = CgroupTree::probe(places);
    INFO(tree.obstacle());
    REQUIRE(tree.any());
    CHECK(tree.describe().rfind("cgroup v2", 0) == 0);
    CHECK_FALSE(fs::exists(stale));
    REQUIRE(tree.parents().size() == 1);
    REQUIRE_FALSE(tree.create("one", {}).has_error());
    const auto procs = tree.procs_files("one");
    REQUIRE(procs.size() == 1);
    const pid_t child = start_in(procs.front());
    for (int tries = 0; tries < 10'000 && !holds(tree, "one", child); ++tries) sched_yield();
    CHECK(holds(tree, "one", child));
    CHECK_FALSE(tree.remove("one"));
    tree.kill_all("one");
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(tree.remove("one"));
    const auto parent = tree.parents().front();
    tree.remove_everything();
    CHECK_FALSE(fs::exists(parent));
}

std::string text_of(const fs::path& file) {
    return read_small_file(file);
}

}  // namespace

TEST_CASE("control groups of version 2 hold, end and lose their processes") {
    test::TempDir folder;
    bool mounted = false;
    // Its mount is seen by this thread alone and goes with it.
    std::thread([&] {
        if (unshare(CLONE_NEWNS) != 0 ||
            mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            mount("none", folder.path().c_str(), "cgroup2", 0, nullptr) != 0)
            return;
        mounted = true;
        const fs::path base = folder.path() / ("hearth-test-" + std::to_string(getpid()));
        CHECK(mkdir(base.c_str(), 0755) == 0);
        try {
            live_in(base);
        } catch (const Catch::TestFailureException&) {
            // Recorded already; a thread must not be left by it.
        }
        CHECK(rmdir(base.c_str()) == 0);
        umount2(folder.path().c_str(), MNT_DETACH);
    }).join();
    if (!mounted) WARN("no cgroup2 file system can be mounted here");
}

TEST_CASE("limits of version 2 are written as the kernel reads them, and its counters read") {
    test::TempDir folder;
    const fs::path parent = folder.path();
    const fs::path group = parent / "one";
    fs::create_directories(group);
    for (const char* name : {"memory.max", "memory.swap.max", "memory.oom.group", "pids.max",
                             "cpu.max", "cgroup.procs"})
        std::ofstream(group / name).flush();
    const auto tree = CgroupTree::over(2, {{"memory", parent}, {"pids", parent}, {"cpu", parent}});
    CHECK(tree.describe() == "cgroup v2 (memory, pids, cpu)");
    CgroupLimits limits;
    limits.memory_bytes = 256u << 20;
    limits.cpu_millicores = 500;
    limits.processes = 32;
    REQUIRE_FALSE(tree.create("one", limits).has_error());
    CHECK(text_of(group / "memory.max") == "268435456");
    CHECK(text_of(group / "memory.swap.max") == "0");
    CHECK(text_of(group / "memory.oom.group") == "1");
    CHECK(text_of(group / "pids.max") == "32");
    CHECK(text_of(group / "cpu.max") == "50000 100000");
    CgroupLimits more;
    more.memory_bytes = 512u << 20;
    REQUIRE_FALSE(tree.adjust("one", more).has_error());
    CHECK(text_of(group / "memory.max") == "536870912");
    CHECK(text_of(group / "pids.max") == "32");
    std::ofstream(group / "memory.events") << "low 0\nhigh 0\nmax 4\noom 1\noom_kill 3\n";
    std::ofstream(group / "memory.stat") << "anon 4096\nfile 8192\n";
    std::ofstream(group / "cpu.stat") << "usage_usec 12345\nuser_usec 1\n";
    CHECK(tree.oom_kills("one") == 3);
    CHECK(tree.memory_in_use("one") == 4096);
    CHECK(tree.cpu_ms("one") == 12);
    CHECK(tree.procs_files("one") == std::vector<fs::path>{group / "cgroup.procs"});
}
