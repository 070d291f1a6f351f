#include "backend/backend_bench.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::BackendBench;

TEST_CASE("an image nobody stands for is named together with the remedy") {
    BackendBench bench;
    auto runtime = bench.runtime();
    runtime.spec.image = "ghcr.io/acme/cobol-env:1";
    for (const Error& error :
         {bench.start(runtime).error(), bench.backend->features(runtime.spec).error()}) {
        CHECK(error.code == Errc::unsupported);
        CHECK(error.message.find("ghcr.io/acme/cobol-env:1") != std::string::npos);
        CHECK(error.message.find("*/foreign-env*") != std::string::npos);
        CHECK(error.message.find("spec.runtime.local.command") != std::string::npos);
        CHECK(error.message.find("hearth.yaml") != std::string::npos);
    }
}

TEST_CASE("the daemon's table comes before the environments' own globs") {
    BackendBench bench([](backend::ProcessBackendOptions& options) {
        options.image_table["*/odd-name"] = "foreign";
        options.image_table["*/nowhere"] = "absent";
    });
    auto runtime = bench.runtime();
    runtime.spec.image = "acme/odd-name";
    CHECK(bench.backend->features(runtime.spec)->env_at_load);
    runtime.spec.image = "acme/nowhere";
    CHECK(bench.backend->features(runtime.spec).error().message.find("absent") !=
          std::string::npos);
}

TEST_CASE("an environment's own command needs no image, and gets the variables of its start") {
    BackendBench bench;
    auto runtime = bench.runtime();
    runtime.spec.image = "acme/unknown";
    runtime.spec.local_command = {
        "python3", (test::source_folder() / "test/backend/foreign_runtime.py").string()};
    runtime.env["GREETING"] = "fixed";
    CHECK_FALSE(bench.backend->features(runtime.spec)->env_at_load);
    auto instance = bench.start(runtime);
    REQUIRE(instance.has_value());
    REQUIRE_FALSE(bench
                      .load(instance->id,
                            bench.load_request(
                                "import os\ndef main(body):\n    return os.environ['GREETING']\n"))
                      .has_error());
    CHECK(bench.answer(*instance) == "fixed");
}

TEST_CASE("a program that merely serves HTTP is told port and folder, and is not asked to load") {
    BackendBench bench;
    auto runtime = bench.runtime();
    runtime.spec.image = "";
    runtime.spec.local_http = true;
    runtime.spec.local_command = {"python3",   "-m",          "http.server",  "--bind",
                                  "127.0.0.1", "--directory", "$HEARTH_CODE", "$PORT"};
    const auto instance = bench.start(runtime);
    REQUIRE(instance.has_value());
    CHECK(instance->endpoint.type == http::Endpoint::Type::tcp);
    REQUIRE_FALSE(bench.load(instance->id, bench.load_request("served as it is")).has_error());
    http::ClientRequest request;
    request.target = "/main.py";
    const auto got = test::run_task(http::fetch(instance->endpoint, std::move(request),
                                                Deadline::after(std::chrono::seconds(15))));
    REQUIRE(got.has_value());
    CHECK(got->body == "served as it is");

    runtime.hash = "h2";
    runtime.spec.local_http = false;
    runtime.spec.env["HEARTH_LISTEN"] = "tcp";
    runtime.spec.local_command = {"sh", "-c", "exec python3 -m http.server --bind 127.0.0.1 $PORT"};
    const auto asked = bench.start(runtime);
    REQUIRE(asked.has_value());
    CHECK(bench.load(asked->id, bench.load_request("")).error().code == Errc::function_failed);
}

TEST_CASE("a runtime that ends at once is reported with its output") {
    BackendBench bench;
    auto runtime = bench.runtime();
    runtime.spec.env["FOREIGN_FAULT"] = "exit";
    const auto started = bench.start(runtime);
    REQUIRE(started.has_error());
    CHECK(started.error().code == Errc::unavailable);
    CHECK(started.error().message.find("exit code 3") != std::string::npos);
    CHECK(started.error().detail.find("cannot find my library") != std::string::npos);
}

TEST_CASE("a runtime that never listens ends at the deadline and leaves nothing") {
    BackendBench bench;
    auto runtime = bench.runtime();
    runtime.spec.env["FOREIGN_FAULT"] = "silent";
    const auto started = bench.start(runtime, std::chrono::seconds(1));
    REQUIRE(started.has_error());
    CHECK(started.error().code == Errc::deadline_exceeded);
    bench.backend->shutdown(Deadline::after(std::chrono::seconds(5)));
    CHECK(test::folders_in(bench.instances()) == 0);
}

TEST_CASE("a program that is not installed is named") {
    BackendBench bench([](backend::ProcessBackendOptions& options) {
        options.environments[0].command = {"no-such-interpreter"};
        options.environments[0].check_remedy = "apt-get install something";
    });
    const auto started = bench.start(bench.runtime());
    REQUIRE(started.has_error());
    CHECK(started.error().code == Errc::unsupported);
    CHECK(started.error().message.find("no-such-interpreter") != std::string::npos);
    CHECK(started.error().message.find("apt-get install something") != std::string::npos);
}

TEST_CASE("no more instances than allowed") {
    BackendBench bench([](backend::ProcessBackendOptions& options) { options.max_instances = 1; });
    const auto first = bench.must_start();
    const auto second = bench.start(bench.runtime());
    REQUIRE(second.has_error());
    CHECK(second.error().code == Errc::exhausted);
    bench.stop(first.id);
    CHECK(bench.start(bench.runtime()).has_value());
}

TEST_CASE("many instances start at once") {
    BackendBench bench;
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] { good += bench.start(bench.runtime()).has_value() ? 1 : 0; });
    }
    for (auto& thread : threads) thread.join();
    CHECK(good == 8);
    CHECK(test::folders_in(bench.instances()) == 8);
    bench.backend->shutdown(Deadline::after(std::chrono::seconds(5)));
    CHECK(test::folders_in(bench.instances()) == 0);
}

TEST_CASE("a start that is cancelled leaves nothing") {
    BackendBench bench;
    {
        aio::net::io_context context(1);
        aio::net::cancellation_signal signal;
        bool ended = false;
        auto done = [&](std::exception_ptr, Result<backend::Instance>) { ended = true; };
        auto task =
            bench.backend->start(bench.runtime(), Deadline::after(std::chrono::seconds(10)));
        aio::net::co_spawn(context.get_executor(), std::move(task),
                           aio::net::bind_cancellation_slot(signal.slot(), done));
        context.run_one();
        signal.emit(aio::net::cancellation_type::terminal);
        context.run_for(std::chrono::seconds(10));
        CHECK(ended);
    }
    bench.backend->shutdown(Deadline::after(std::chrono::seconds(5)));
    CHECK(test::folders_in(bench.instances()) == 0);
}

TEST_CASE("the run folder is emptied at start but for the daemon's own files") {
    test::TempDir data;
    const auto run = data.path() / "run";
    std::filesystem::create_directories(run / "instances" / "old-1" / "sock");
    std::ofstream(run / "endpoints.json") << "{}";
    std::ofstream(run / "admin-token") << "t";
    std::ofstream(run / "leftover") << "x";
    BackendBench bench([&](backend::ProcessBackendOptions& options) { options.run_folder = run; });
    CHECK(std::filesystem::exists(run / "endpoints.json"));
    CHECK(std::filesystem::exists(run / "admin-token"));
    CHECK_FALSE(std::filesystem::exists(run / "leftover"));
    CHECK(test::folders_in(run / "instances") == 0);
}
