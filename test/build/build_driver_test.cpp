#include <atomic>
#include <iterator>

#include "build/fake_builder.hpp"
#include "hearth/build/builds.hpp"
#include "support/catalog_writes.hpp"
#include "support/catch.hpp"

using namespace hearth;
using model::BuildStatus;
using model::Kind;

namespace {

constexpr const char* kEnvironment =
    R"({"version": 3, "runtime": {"image": "py"}, "builder": {"image": "py-builder"}})";

/// A driver with a made-up builder over real archives.
class Bench {
 public:
    explicit Bench(std::size_t concurrency = 2,
                   std::chrono::milliseconds timeout = std::chrono::seconds(60)) {
        options.concurrency = concurrency;
        options.timeout = timeout;
        options.log_folder = dir.path() / "builds";
        auto opened = artifact::open_archive_store(dir.path() / "archives", {}, pool, log);
        if (!opened) throw std::runtime_error(opened.error().message);
        archives = std::move(*opened);
        test::put(*catalog, Kind::environment, "py", kEnvironment);
        begin();
    }
    ~Bench() { builds.reset(); }

    void begin() {
        builds = build::Builds::make(options, *catalog, *archives, &builder, shards, pool, clock,
                                     log, metrics);
        builds->start();
    }

    std::string archive(const std::string& text) {
        auto bytes = artifact::pack_files({{"main.py", text}});
        auto stored = test::run_task(archives->put(std::move(*bytes)));
        if (!stored) throw std::runtime_error(stored.error().message);
        return stored->digest;
    }
    /// Writes the package's source as the API does.
    void write_source(const std::string& name, const std::string& text) {
        model::Resource next;
        next.kind = Kind::package;
        next.metadata.name = name;
        next.spec =
            boost::json::parse(
                R"({"environment": {"name": "py"}, "source": {"type": "url", "url": "archive://)" +
                archive(text) + "\"}}")
                .as_object();
        std::optional<std::int64_t> revision = 0;
        if (const auto record = catalog->find(Kind::package, "default", name)) {
            model::carry_build(*record->load(), next);
            revision = record->metadata.revision;
        }
        catalog::Mutation mutation;
        mutation.resource = std::move(next);
        mutation.expected_revision = revision;
        std::vector<catalog::Mutation> mutations;
        mutations.push_back(std::move(mutation));
        test::write_all(*catalog, std::move(mutations));
    }

    build::BuildView state(const std::string& name) { return *builds->state("default", name); }
    /// Waits for a state.
    build::BuildView wait_for(const std::string& name, BuildStatus wanted) {
        const auto until = Deadline::after(std::chrono::seconds(10));
        for (;;) {
            auto view = state(name);
            if (view.status == wanted) return view;
            if (until.passed())
                throw std::runtime_error(name + " stays " + std::string(to_string(view.status)));
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }
    void wait_until(const std::function<bool()>& holds) {
        const auto until = Deadline::after(std::chrono::seconds(10));
        while (!holds()) {
            if (until.passed()) throw std::runtime_error("what was waited for did not happen");
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }
    std::string deployment(const std::string& name) {
        const auto record = catalog->find(Kind::package, "default", name);
        return model::stored_digest(record->load()->spec, "deployment");
    }
    std::string kept(const std::string& name) {
        auto text = test::run_task(builds->kept_log("default", name));
        return text ? *text : text.error().message;
    }

    test::TempDir dir;
    build::BuildOptions options;
    telemetry::Logger log{static_cast<telemetry::Level>(99), telemetry::Logger::Format::text};
    telemetry::Registry metrics;
    base::SystemClock clock;
    aio::BlockingPool pool{2, 1024};
    aio::Shards shards{1};
    std::unique_ptr<catalog::Catalog> catalog = catalog::make_memory_catalog();
    std::unique_ptr<artifact::ArchiveStore> archives;
    test::FakeBuilder builder;
    std::unique_ptr<build::Builds> builds;
};

test::FakeBuilder::Outcome result(const std::string& text) {
    return std::map<std::string, std::string>{{"main.py", text}};
}

}  // namespace

TEST_CASE("builds: a source package gets its deployment archive, state and log",
          "[build][integration]") {
    Bench bench;
    bench.write_source("hello", "source");
    const auto order = bench.builder.wait_for("default/hello");
    CHECK(order.spec.builder.image == "py-builder");
    CHECK(std::filesystem::exists(order.source / "main.py"));
    CHECK(bench.wait_for("hello", BuildStatus::running).started_at.size() > 10);
    const auto live = bench.builds->live_log("default", "hello");
    REQUIRE(live);
    std::atomic<int> woken{0};
    const auto handle = live->subscribe([&woken] { ++woken; });
    bench.builder.print("default/hello", "compiling");
    CHECK(woken == 1);
    CHECK(live->read(0).text.find("compiling\n") != std::string::npos);
    CHECK(bench.state("hello").log.find("compiling\n") != std::string::npos);
    bench.builder.finish("default/hello", result("built"));
    const auto done = bench.wait_for("hello", BuildStatus::succeeded);
    CHECK(done.deployment_digest == bench.archive("built"));
    CHECK(done.log.find("compiling\n") != std::string::npos);
    CHECK_FALSE(done.finished_at.empty());
    bench.wait_until([&] { return live->read(0).ended || !live->read(0).text.empty(); });
    bench.wait_until([&] { return bench.builds->queue().empty(); });
    CHECK(bench.kept("hello").find("compiling\n") != std::string::npos);
    CHECK(bench.builds->live_log("default", "hello") == nullptr);
    CHECK(bench.builder.begun() == 1);
}

TEST_CASE("builds: what a pod made and sent gives the archive of its folder",
          "[build][integration]") {
    Bench bench;
    bench.builder.packs = true;
    bench.write_source("hello", "source");
    bench.builder.wait_for("default/hello");
    bench.builder.finish("default/hello", result("built"));
    CHECK(bench.wait_for("hello", BuildStatus::succeeded).deployment_digest ==
          bench.archive("built"));
}

TEST_CASE("builds: a failed build is told once and not tried again", "[build][integration]") {
    Bench bench;
    bench.write_source("bad", "x");
    bench.builder.wait_for("default/bad");
    bench.builder.print("default/bad", "main.go:3: undefined: x");
    bench.builder.finish("default/bad", Error(Errc::function_failed, "it ended with exit code 1"));
    const auto failed = bench.wait_for("bad", BuildStatus::failed);
    CHECK(failed.reason == "it ended with exit code 1");
    CHECK(failed.log.find("undefined: x") != std::string::npos);
    bench.wait_until([&] { return bench.builds->queue().empty(); });
    CHECK(bench.builder.begun() == 1);
    CHECK(bench.deployment("bad").empty());

    const auto again = test::run_task(bench.builds->rebuild("default", "bad"));
    REQUIRE(again);
    bench.builder.wait_for("default/bad");
    bench.builder.finish("default/bad", result("good"));
    bench.wait_for("bad", BuildStatus::succeeded);
    CHECK(bench.builder.begun() == 2);
}

TEST_CASE("builds: the archive before goes on serving while a new source is built",
          "[build][integration]") {
    Bench bench;
    bench.write_source("p", "one");
    bench.builder.wait_for("default/p");
    bench.builder.finish("default/p", result("built one"));
    bench.wait_for("p", BuildStatus::succeeded);
    const auto first = bench.deployment("p");
    bench.write_source("p", "two");
    CHECK(bench.state("p").status != BuildStatus::succeeded);
    bench.builder.wait_for("default/p");
    CHECK(bench.deployment("p") == first);
    bench.builder.finish("default/p", Error(Errc::function_failed, "no"));
    bench.wait_for("p", BuildStatus::failed);
    CHECK(bench.deployment("p") == first);

    SECTION("the source of before is built again, with the same digest") {
        bench.write_source("p", "one");
        bench.builder.wait_for("default/p");
        bench.builder.finish("default/p", result("built one"));
        bench.wait_for("p", BuildStatus::succeeded);
        CHECK(bench.deployment("p") == first);
    }
    SECTION("the same source written again builds nothing") {
        bench.write_source("p", "two");
        CHECK(bench.state("p").status == BuildStatus::failed);
        CHECK(bench.builds->queue().empty());
    }
}

TEST_CASE("builds: a source that changes while it is built is built anew", "[build][integration]") {
    Bench bench(1);
    bench.write_source("p", "one");
    const auto first = bench.builder.wait_for("default/p");
    bench.write_source("p", "two");
    bench.wait_until([&] { return bench.builder.begun() == 2 && bench.builder.running() == 1; });
    const auto second = bench.builder.wait_for("default/p");
    CHECK(first.stop.stop_requested());
    CHECK(second.source_digest != first.source_digest);
    bench.builder.finish("default/p", result("built two"));
    bench.wait_for("p", BuildStatus::succeeded);
    CHECK(bench.deployment("p") == bench.archive("built two"));
}

TEST_CASE("builds: queue, cancel and time-out", "[build][integration]") {
    Bench bench(1, std::chrono::milliseconds(60'000));
    bench.write_source("a", "x");
    bench.builder.wait_for("default/a");
    bench.write_source("b", "x");
    bench.write_source("c", "x");
    bench.wait_until([&] { return bench.builds->queue().size() == 3; });
    CHECK(bench.state("b").reason == "waiting: 1 build runs, 0 before it");
    CHECK(bench.state("c").reason == "waiting: 1 build runs, 1 before it");

    REQUIRE(test::run_task(bench.builds->cancel("default", "b")));
    CHECK(bench.wait_for("b", BuildStatus::failed).reason == "it was cancelled before it began");
    REQUIRE(test::run_task(bench.builds->cancel("default", "a")));
    CHECK(bench.wait_for("a", BuildStatus::failed).reason == "it was cancelled");
    bench.builder.wait_for("default/c");
    bench.builder.finish("default/c", result("c"));
    bench.wait_for("c", BuildStatus::succeeded);
    const auto none = test::run_task(bench.builds->cancel("default", "c"));
    REQUIRE_FALSE(none);
    CHECK(none.error().code == Errc::conflict);
}

TEST_CASE("builds: one that does not end in time has failed", "[build][integration]") {
    Bench bench(1, std::chrono::milliseconds(50));
    bench.write_source("slow", "x");
    const auto failed = bench.wait_for("slow", BuildStatus::failed);
    CHECK(failed.reason.find("in time") != std::string::npos);
    CHECK(failed.reason.find("build.timeout") != std::string::npos);
}

TEST_CASE("builds: a package that is deleted ends its build", "[build][integration]") {
    Bench bench;
    bench.write_source("p", "x");
    const auto order = bench.builder.wait_for("default/p");
    test::remove(*bench.catalog, Kind::package, "p");
    bench.wait_until([&] { return bench.builder.running() == 0; });
    CHECK(order.stop.stop_requested());
    bench.wait_until([&] { return bench.builds->queue().empty(); });
}

TEST_CASE("builds: what was running when the daemon ended is started again once",
          "[build][integration]") {
    Bench bench;
    bench.write_source("p", "x");
    bench.builder.wait_for("default/p");
    bench.wait_for("p", BuildStatus::running);
    bench.builds.reset();  // its builds end, and are not written down as failed
    bench.begin();
    bench.wait_until([&] { return bench.builder.begun() == 2; });
    bench.builder.wait_for("default/p");
    bench.wait_until([&] {
        const auto record = bench.catalog->find(Kind::package, "default", "p");
        return model::package_build(record->metadata)->attempts == 2;
    });
    SECTION("and built") {
        bench.builder.finish("default/p", result("built"));
        bench.wait_for("p", BuildStatus::succeeded);
    }
    SECTION("but not a third time") {
        bench.builds.reset();
        bench.begin();
        const auto failed = bench.wait_for("p", BuildStatus::failed);
        CHECK(failed.reason.find("ended 2 times") != std::string::npos);
        CHECK(bench.builder.begun() == 2);
    }
}

TEST_CASE("builds: another builder of the environment makes the result stale, no more",
          "[build][integration]") {
    Bench bench;
    bench.write_source("p", "x");
    bench.builder.wait_for("default/p");
    bench.builder.finish("default/p", result("built"));
    CHECK_FALSE(bench.wait_for("p", BuildStatus::succeeded).stale);
    test::put(
        *bench.catalog, Kind::environment, "py",
        R"({"version": 3, "runtime": {"image": "py"}, "builder": {"image": "py-builder:2"}})");
    const auto view = bench.state("p");
    CHECK(view.status == BuildStatus::succeeded);
    CHECK(view.stale);
    CHECK(bench.builds->queue().empty());
}

TEST_CASE("builds: a package without a source has none", "[build][integration]") {
    Bench bench;
    test::put(
        *bench.catalog, Kind::package, "plain",
        R"({"environment": {"name": "py"}, "deployment": {"type": "url", "url": "archive://)" +
            bench.archive("x") + "\"}}");
    CHECK(bench.state("plain").status == BuildStatus::none);
    const auto refused = test::run_task(bench.builds->rebuild("default", "plain"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::invalid_argument);
    CHECK_FALSE(bench.builds->state("default", "absent"));
}
