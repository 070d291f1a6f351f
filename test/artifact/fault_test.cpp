#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "artifact/archive_bytes.hpp"
#include "artifact/store_fixture.hpp"
#include "hearth/base/failpoint.hpp"
#include "hearth/base/ids.hpp"

using namespace hearth;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kPoints = {"artifact.after_rename", "artifact.after_tmp_write",
                                          "artifact.before_rename",
                                          "artifact.before_unpack_rename"};

std::string package(int number) {
    return test::tar({{"d/n", std::to_string(number)}, {"pad", std::string(20'000, 'p')}});
}

/// Runs the hidden test below in a process of its own on `data`; returns its wait status.
int run_child(const fs::path& data, const std::string& failpoints) {
    const std::string folder = "HEARTH_TEST_ARCHIVES=" + data.string();
    const std::string points = "HEARTH_FAILPOINTS=" + failpoints;
    char* envp[] = {const_cast<char*>(folder.c_str()), const_cast<char*>(points.c_str()), nullptr};
    const std::string name = "artifact: child of the fault tests";
    const char* argv[] = {"test_artifact", name.c_str(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid = 0;
    const int failed =
        ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, const_cast<char**>(argv), envp);
    posix_spawn_file_actions_destroy(&actions);
    REQUIRE(failed == 0);
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    return status;
}

std::set<std::string> lines_of(const fs::path& path) {
    std::set<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.insert(line);
    return lines;
}

void note(const fs::path& path, const std::string& line) {
    std::ofstream(path, std::ios::app) << line << "\n";
}

}  // namespace

TEST_CASE("artifact: child of the fault tests", "[.child]") {
    const char* data = ::getenv("HEARTH_TEST_ARCHIVES");
    REQUIRE(data != nullptr);
    const fs::path root = data;
    test::ArchiveFixture fixture;
    auto opened = artifact::open_archive_store(root / "archives", {}, fixture.pool, fixture.log);
    REQUIRE(opened.has_value());
    for (int i = 0; i < 4; ++i) {
        auto info = test::run_lasting((*opened)->put(package(i)));
        if (!info) {
            note(root / "errors", std::string(base::to_string(info.error().code)));
            continue;
        }
        note(root / "acks", info->digest);
        auto path = test::run_lasting((*opened)->unpacked(info->digest));
        if (!path) note(root / "errors", std::string(base::to_string(path.error().code)));
    }
    for (const std::string& point : base::failpoints_hit()) note(root / "hits", point);
}

TEST_CASE("artifact: after a kill anywhere what was acknowledged is whole", "[artifact][fault]") {
    for (int hit = 1;; ++hit) {
        INFO("kill at hit " << hit);
        REQUIRE(hit < 100);
        test::ArchiveFixture fixture;
        const int status = run_child(fixture.dir.path(), "*=kill@" + std::to_string(hit));
        fixture.open();
        for (const std::string& digest : lines_of(fixture.dir.path() / "acks")) {
            auto path = fixture.unpacked(digest);
            REQUIRE(path.has_value());
            CHECK(test::slurp(*path / "pad") == std::string(20'000, 'p'));
            CHECK(base::sha256_hex(test::slurp(fixture.folder() / digest)) == digest);
        }
        // Whatever has a name is whole, acknowledged or not.
        auto list = test::run_lasting(fixture.store->list());
        REQUIRE(list.has_value());
        for (const auto& each : *list) CHECK(fixture.unpacked(each.digest).has_value());
        fixture.pool.stop();
        CHECK(fs::is_empty(fixture.folder() / "tmp"));
        if (WIFEXITED(status)) {
            CHECK(WEXITSTATUS(status) == 0);
            CHECK(hit == 1 + 4 * static_cast<int>(kPoints.size()));
            break;
        }
        CHECK(WTERMSIG(status) == SIGKILL);
    }
}

TEST_CASE("artifact: an error at a failpoint is answered and leaves nothing half",
          "[artifact][fault]") {
    for (const std::string& point : kPoints) {
        INFO(point);
        test::ArchiveFixture fixture;
        CHECK(run_child(fixture.dir.path(), point + "=nospace@2") == 0);
        CHECK(lines_of(fixture.dir.path() / "errors") == std::set<std::string>{"no_space"});
        CHECK(lines_of(fixture.dir.path() / "hits") ==
              std::set<std::string>(kPoints.begin(), kPoints.end()));
        CHECK(fs::is_empty(fixture.folder() / "tmp"));
        fixture.open();
        for (int i = 0; i < 4; ++i) CHECK(fixture.unpack(package(i)).has_value());
    }
}

TEST_CASE("artifact: a full disk is no_space, leaves nothing and heals", "[artifact][fault]") {
    test::ArchiveFixture fixture;
    auto small = fixture.put(test::compress(package(1), test::Compression::gzip));
    REQUIRE(small.has_value());
    const auto before = fixture.tree();
    const auto old_action = ::signal(SIGXFSZ, SIG_IGN);
    rlimit old{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
    const rlimit tight{10'000, old.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
    auto put = fixture.put(package(2));
    auto unpacked = fixture.unpacked(small->digest);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
    ::signal(SIGXFSZ, old_action);

    REQUIRE(put.has_error());
    CHECK(put.error().code == Errc::no_space);
    CHECK_THAT(put.error().message, Catch::Contains("free some space and repeat"));
    REQUIRE(unpacked.has_error());
    CHECK(unpacked.error().code == Errc::no_space);
    CHECK(fixture.tree() == before);
    CHECK(fixture.put(package(2)).has_value());
    CHECK(fixture.unpacked(small->digest).has_value());
}
