#include <algorithm>
#include <atomic>
#include <thread>

#include "backend/backend_bench.hpp"
#include "backend/line_cutter.hpp"
#include "hearth/backend/builder.hpp"
#include "support/catch.hpp"
#include "support/lasting_loop.hpp"

using namespace hearth;

namespace {

namespace fs = std::filesystem;

/// A process backend whose environment is built by a shell script of the test.
class BuildBench {
 public:
    explicit BuildBench(const std::string& script,
                        std::function<void(backend::ProcessBackendOptions&)> change = {})
        : bench([&](backend::ProcessBackendOptions& options) {
              const auto folder = tools.path() / "lang";
              fs::create_directories(folder);
              std::ofstream(folder / "build") << "#!/bin/sh\n" << script;
              fs::permissions(folder / "build", fs::perms(0755));
              fs::permissions(tools.path(), fs::perms(0755));
              auto& environment = options.environments.front();
              environment.folder = folder;
              environment.builder.emplace();
              environment.builder->image = "test/foreign-builder";
              environment.builder->command = {"${ENV_DIR}/build"};
              environment.builder->env["FROM_LANGUAGE"] = "1";
              environment.check.clear();
              options.builds.cache_folder = options.run_folder.parent_path() / "build-cache";
              options.builds.env["FROM_CONFIG"] = "2";
              if (change) change(options);
          }) {}

    backend::BuildOrder order(const std::string& environment = "env-1") {
        const auto source = bench.data.path() / "source";
        fs::create_directories(source / "deep");
        std::ofstream(source / "deep" / "main.txt") << "code\n";
        fs::permissions(source / "deep" / "main.txt", fs::perms(0444));
        backend::BuildOrder made;
        made.name = "default/p";
        made.environment.uid = environment;
        made.spec.image = "test/foreign-env";
        made.source = source;
        return made;
    }
    Result<backend::BuildOutput> run(backend::BuildOrder made,
                                     std::chrono::milliseconds limit = std::chrono::seconds(20)) {
        backend::LineSink sink = [this](std::string_view line) {
            std::lock_guard lock(mutex);
            lines.emplace_back(line);
            changed.notify_all();
        };
        return test::run_lasting(
            bench.backend->builder()->build(std::move(made), sink, Deadline::after(limit)));
    }
    bool printed(const std::string& line) {
        std::lock_guard lock(mutex);
        return std::find(lines.begin(), lines.end(), line) != lines.end();
    }
    void wait_for_line(const std::string& line) {
        std::unique_lock lock(mutex);
        changed.wait_for(lock, std::chrono::seconds(20), [&] {
            return std::find(lines.begin(), lines.end(), line) != lines.end();
        });
    }
    std::size_t scratch_folders() { return test::folders_in(bench.data.path() / "run" / "builds"); }

    test::TempDir tools;
    test::BackendBench bench;
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> lines;
};

std::string text_of(const fs::path& file) {
    std::ifstream stream(file);
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

/// Whether a process has this word among its arguments.
bool runs(const std::string& word) {
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator("/proc", ec)) {
        const auto arguments = text_of(entry.path() / "cmdline");
        if (arguments.find(std::string(1, '\0') + word + std::string(1, '\0')) != std::string::npos)
            return true;
    }
    return false;
}

}  // namespace

TEST_CASE("process builds: a command turns a private copy of the source into a package",
          "[backend][integration]") {
    BuildBench bench(
        "set -e\n"
        "test \"$(pwd)\" = \"$SRC_PKG\"\n"
        "echo out 1; echo err 1 >&2; echo out 2\n"
        "echo \"$FROM_LANGUAGE$FROM_CONFIG$FROM_ENVIRONMENT\"\n"
        "echo changed >> deep/main.txt\n"
        "touch \"$HOME/x\" \"$TMPDIR/x\" /tmp/x\n"
        "mkdir \"$DEPLOY_PKG\"; cp deep/main.txt \"$DEPLOY_PKG/\"\n"
        "echo runs >> \"$HEARTH_BUILD_CACHE/count\"\n");
    auto order = bench.order();
    order.spec.builder.env["FROM_ENVIRONMENT"] = "3";
    const auto source = order.source;
    {
        auto built = bench.run(std::move(order));
        REQUIRE(built);
        CHECK(text_of(built->path / "main.txt") == "code\nchanged\n");
        CHECK(bench.lines == std::vector<std::string>{"out 1", "err 1", "out 2", "123"});
        CHECK(bench.scratch_folders() == 1);
    }
    CHECK(bench.scratch_folders() == 0);
    CHECK(text_of(source / "deep" / "main.txt") == "code\n");
    REQUIRE(bench.run(bench.order()));
    const auto cache = bench.bench.data.path() / "build-cache" / "env-1";
    CHECK(text_of(cache / "count") == "runs\nruns\n");
    REQUIRE(bench.run(bench.order("env-2")));
    CHECK(text_of(cache.parent_path() / "env-2" / "count") == "runs\n");
    bench.bench.backend->builder()->forget("env-1");
    CHECK_FALSE(fs::exists(cache));
}

TEST_CASE("process builds: failures say what happened", "[backend][integration]") {
    SECTION("exit code") {
        BuildBench bench("echo 'main.c:3: error' >&2; exit 3\n");
        const auto failed = bench.run(bench.order());
        REQUIRE_FALSE(failed);
        CHECK(failed.error().code == Errc::function_failed);
        CHECK(failed.error().message.find("ended with exit code 3") != std::string::npos);
        CHECK(bench.printed("main.c:3: error"));
        CHECK(bench.scratch_folders() == 0);
    }
    SECTION("nothing made") {
        BuildBench bench("true\n");
        const auto failed = bench.run(bench.order());
        REQUIRE_FALSE(failed);
        CHECK(failed.error().message.find("$DEPLOY_PKG") != std::string::npos);
    }
    SECTION("a command that is not there") {
        BuildBench bench("true\n");
        auto order = bench.order();
        order.command = "no-such-program-here x";
        const auto failed = bench.run(std::move(order));
        REQUIRE_FALSE(failed);
        CHECK(failed.error().code == Errc::unsupported);
    }
    SECTION("no builder for the image") {
        BuildBench bench("true\n");
        auto order = bench.order();
        order.spec.image = "somebody/else";
        const auto failed = bench.run(std::move(order));
        REQUIRE_FALSE(failed);
        CHECK(failed.error().code == Errc::unsupported);
        CHECK(failed.error().message.find("test/foreign-builder") != std::string::npos);
    }
}

TEST_CASE("process builds: a command of the source itself", "[backend][integration]") {
    BuildBench bench("exit 1\n");
    auto order = bench.order();
    std::ofstream(order.source / "own.sh") << "#!/bin/sh\ncp -r deep \"$DEPLOY_PKG\"; echo $1\n";
    fs::permissions(order.source / "own.sh", fs::perms(0555));
    order.command = "./own.sh word";
    REQUIRE(bench.run(std::move(order)));
    CHECK(bench.printed("word"));
}

TEST_CASE("process builds: time-out and cancel end the whole group", "[backend][integration]") {
    SECTION("time-out") {
        BuildBench bench("sleep 4711.25 & sleep 4711.25\n");
        const auto late = bench.run(bench.order(), std::chrono::milliseconds(400));
        REQUIRE_FALSE(late);
        CHECK(late.error().code == Errc::deadline_exceeded);
        CHECK_FALSE(runs("4711.25"));
        CHECK(bench.scratch_folders() == 0);
    }
    SECTION("cancel") {
        BuildBench bench("sleep 4712.25 & echo ready; sleep 4712.25\n");
        std::stop_source stop;
        auto order = bench.order();
        order.stop = stop.get_token();
        std::thread canceller([&] {
            bench.wait_for_line("ready");
            stop.request_stop();
        });
        const auto ended = bench.run(std::move(order));
        canceller.join();
        REQUIRE_FALSE(ended);
        CHECK(ended.error().code == Errc::cancelled);
        CHECK_FALSE(runs("4712.25"));
    }
    SECTION("what it leaves in the background") {
        BuildBench bench("sleep 4713.25 >/dev/null 2>&1 & mkdir \"$DEPLOY_PKG\"\n");
        REQUIRE(bench.run(bench.order()));
        CHECK_FALSE(runs("4713.25"));
    }
    SECTION("the backend's end") {
        BuildBench bench("echo ready; sleep 4714.25\n");
        std::thread stopper([&] {
            bench.wait_for_line("ready");
            bench.bench.backend->shutdown(Deadline::after(std::chrono::seconds(5)));
        });
        CHECK_FALSE(bench.run(bench.order()));
        stopper.join();
        CHECK_FALSE(runs("4714.25"));
    }
}

TEST_CASE("process builds: a build that fills the disk is ended", "[backend][integration]") {
    BuildBench bench(
        "head -c 40000000 /dev/zero > big; echo filled; sleep 4829.7\n",
        [](backend::ProcessBackendOptions& options) { options.builds.scratch_bytes = 32u << 20; });
    const auto failed = bench.run(bench.order());
    REQUIRE_FALSE(failed);
    CHECK(bench.printed("filled"));
    CHECK(failed.error().code == Errc::too_large);
    CHECK(failed.error().message.find("build.scratchSize") != std::string::npos);
    CHECK_FALSE(runs("4829.7"));
    CHECK(bench.scratch_folders() == 0);
}

TEST_CASE("process builds: a cache that has grown too large is emptied", "[backend][integration]") {
    const auto small = [](backend::ProcessBackendOptions& options) {
        options.builds.cache_bytes = 16u << 20;
    };
    BuildBench bench(
        "echo x > \"$DEPLOY_PKG\"\n"
        "head -c 5000000 /dev/zero > \"$HEARTH_BUILD_CACHE/part\"\n",
        small);
    REQUIRE(bench.run(bench.order()));
    const auto cache = bench.bench.data.path() / "build-cache" / "env-1";
    CHECK(fs::exists(cache / "part"));
    auto order = bench.order();
    order.command = "sh grow.sh";
    std::ofstream(order.source / "grow.sh")
        << "head -c 20000000 /dev/zero > \"$HEARTH_BUILD_CACHE/more\"; echo x > \"$DEPLOY_PKG\"\n";
    REQUIRE(bench.run(std::move(order)));
    CHECK(fs::is_directory(cache));
    CHECK(fs::is_empty(cache));
    auto greedy = bench.order();
    greedy.command = "sh greedy.sh";
    std::ofstream(greedy.source / "greedy.sh")
        << "head -c 50000000 /dev/zero > \"$HEARTH_BUILD_CACHE/much\"; sleep 4829.8\n";
    const auto failed = bench.run(std::move(greedy));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message.find("build.cacheSize") != std::string::npos);
    CHECK(fs::is_empty(cache));
}

TEST_CASE("process builds: are confined", "[backend][integration]") {
    BuildBench bench(
        "mkdir \"$DEPLOY_PKG\"; id -u > \"$DEPLOY_PKG/uid\"\n"
        "ls \"$DATA\" > \"$DEPLOY_PKG/data\" 2>/dev/null; cat /etc/shadow > "
        "\"$DEPLOY_PKG/shadow\"\n"
        "true\n");
    auto order = bench.order();
    order.spec.builder.env["DATA"] = bench.bench.data.path().string();
    auto built = bench.run(std::move(order));
    REQUIRE(built);
    if (geteuid() == 0) CHECK(text_of(built->path / "uid") != "0\n");
    CHECK(text_of(built->path / "shadow").empty());
    CHECK(text_of(built->path / "data").find("build-cache") == std::string::npos);
}

TEST_CASE("lines of any length come whole or in pieces", "[backend][unit]") {
    backend::LineCutter cutter;
    std::vector<std::string> lines;
    const auto take = [&](std::string_view line) { lines.emplace_back(line); };
    cutter.feed("a\nb", take);
    cutter.feed("c\r\n10%\r50%\r100%\n\n", take);
    CHECK(lines == std::vector<std::string>{"a", "bc", "100%", ""});
    lines.clear();
    cutter.feed(std::string(40'000, 'x'), take);
    cutter.finish(take);
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].size() == backend::LineCutter::kLongestPiece);
    CHECK(lines[0].size() + lines[1].size() + lines[2].size() == 40'000);
}
