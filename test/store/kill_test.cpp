#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <utility>

#include "hearth/base/failpoint.hpp"
#include "store/store_fixture.hpp"

using namespace hearth;
namespace fs = std::filesystem;

namespace {

constexpr int kWrites = 12;
const std::vector<std::string> kPoints = {"store.after_apply", "store.after_commit",
                                          "store.before_begin", "store.before_commit"};

std::vector<catalog::Mutation> triple(int version) {
    const std::string spec = "{\"v\":" + std::to_string(version) + "}";
    return {test::put("a", spec), test::put("b", spec), test::put("c", spec)};
}

int version_of(const catalog::Catalog& store) {
    std::set<std::string> specs;
    const auto all = store.list(catalog::ListQuery{});
    for (const auto& record : all) specs.insert(record->spec_text);
    if (all.empty()) return 0;
    if (all.size() != 3 || specs.size() != 1) return -1;
    return static_cast<int>(all.front()->load()->spec.at("v").as_int64());
}

/// Runs the hidden test below in a process of its own; returns its wait status.
int run_child(const fs::path& file, const fs::path& acks, const std::string& failpoints) {
    const std::vector<std::string> environment = {"HEARTH_TEST_DB=" + file.string(),
                                                  "HEARTH_TEST_ACKS=" + acks.string(),
                                                  "HEARTH_FAILPOINTS=" + failpoints};
    std::vector<char*> envp;
    for (const std::string& each : environment) envp.push_back(const_cast<char*>(each.c_str()));
    envp.push_back(nullptr);
    const std::string name = "store: child of the kill test";
    const char* argv[] = {"test_store", name.c_str(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid = 0;
    const int failed = ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr,
                                     const_cast<char**>(argv), envp.data());
    posix_spawn_file_actions_destroy(&actions);
    REQUIRE(failed == 0);
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    return status;
}

int last_ack(const fs::path& acks) {
    std::ifstream file(acks);
    int last = 0;
    for (int each = 0; file >> each;) last = each;
    return last;
}

/// A file system of one MiB that goes with the object, a failed test included.
struct SmallDisk {
    explicit SmallDisk(fs::path at) : path(std::move(at)) {
        fs::create_directory(path);
        mounted = ::mount("hearth-test", path.c_str(), "tmpfs", 0, "size=1m") == 0;
    }
    ~SmallDisk() {
        if (mounted) ::umount2(path.c_str(), MNT_DETACH);
    }
    fs::path path;
    bool mounted = false;
};

}  // namespace

TEST_CASE("store: child of the kill test", "[.child]") {
    const char* file = ::getenv("HEARTH_TEST_DB");
    REQUIRE(file != nullptr);
    test::StoreFixture fixture;
    fixture.options.file = file;
    const int acks = ::open(::getenv("HEARTH_TEST_ACKS"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    REQUIRE(acks >= 0);
    {
        const auto store = fixture.open();
        for (int i = 1; i <= kWrites; ++i) {
            if (!test::write(*store, triple(i)).has_value()) continue;
            const std::string line = std::to_string(i) + "\n";
            REQUIRE(::write(acks, line.data(), line.size()) > 0);
        }
    }
    // Read by the test that proves every point is reached.
    for (const std::string& point : base::failpoints_hit()) {
        const std::string line = "# " + point + "\n";
        REQUIRE(::write(acks, line.data(), line.size()) > 0);
    }
}

TEST_CASE("store: after a kill anywhere every acknowledged write is whole", "[store][fault]") {
    int kills = 0;
    for (int hit = 1;; ++hit) {
        INFO("kill at hit " << hit);
        REQUIRE(hit < 500);
        test::StoreFixture fixture;
        const fs::path acks = fixture.dir.path() / "acks";
        const int status = run_child(fixture.options.file, acks, "*=kill@" + std::to_string(hit));
        const int acknowledged = last_ack(acks);
        const auto store = fixture.open();
        const int version = version_of(*store);
        CHECK(version >= acknowledged);
        CHECK(version <= acknowledged + 1);
        CHECK(store->revision() == 3 * version);
        CHECK(store->changes_since(0, 0).changes.size() == static_cast<std::size_t>(3 * version));
        REQUIRE(test::write(*store, triple(99)).has_value());
        if (WIFEXITED(status)) {
            CHECK(WEXITSTATUS(status) == 0);
            CHECK(acknowledged == kWrites);
            break;
        }
        CHECK(WTERMSIG(status) == SIGKILL);
        ++kills;
    }
    CHECK(kills == kWrites * static_cast<int>(kPoints.size()));
}

TEST_CASE("store: an error at a failpoint is that write's answer and leaves nothing",
          "[store][fault]") {
    for (const std::string& point : kPoints) {
        INFO(point);
        test::StoreFixture fixture;
        const fs::path acks = fixture.dir.path() / "acks";
        const int status = run_child(fixture.options.file, acks, point + "=nospace@5");
        CHECK(status == 0);
        std::ifstream file(acks);
        std::set<int> acknowledged;
        std::set<std::string> hit;
        for (std::string line; std::getline(file, line);) {
            if (line.starts_with("# ")) {
                hit.insert(line.substr(2));
            } else {
                acknowledged.insert(std::stoi(line));
            }
        }
        // What is committed stays acknowledged whatever happens after it.
        CHECK(acknowledged.contains(5) == (point == "store.after_commit"));
        CHECK(acknowledged.contains(6));
        CHECK(hit == std::set<std::string>(kPoints.begin(), kPoints.end()));
        CHECK(version_of(*fixture.open()) == kWrites);
    }
}

TEST_CASE("store: a disk that fills up and is freed again", "[store][fault]") {
    test::StoreFixture fixture;
    const SmallDisk small(fixture.dir.path() / "disk");
    const fs::path& disk = small.path;
    if (!small.mounted) {
        WARN("no tmpfs can be mounted here; the fault-injecting file layer covers a full disk");
        return;
    }
    fixture.options.file = disk / "hearth.db";
    {
        const auto store = fixture.open();
        REQUIRE(test::write(*store, triple(1)).has_value());
        {
            std::ofstream filler(disk / "filler", std::ios::binary);
            const std::string page(4096, 'x');
            while (filler.write(page.data(), 4096).flush()) {
            }
        }
        Result<std::vector<catalog::Change>> answer;
        int accepted = 1;
        // Pages that the log holds already can still be rewritten, so the first few may go through.
        for (int version = 2; version < 400; ++version) {
            answer = test::write(*store, triple(version));
            if (!answer) break;
            accepted = version;
        }
        REQUIRE(answer.has_error());
        CHECK(answer.error().code == Errc::no_space);
        CHECK(version_of(*store) == accepted);
        fs::remove(disk / "filler");
        REQUIRE(test::write(*store, triple(1000)).has_value());
        CHECK(version_of(*store) == 1000);
    }
    CHECK(version_of(*fixture.open()) == 1000);
    CHECK(test::ask_sqlite(fixture.options.file, "PRAGMA integrity_check") == "ok");
}
