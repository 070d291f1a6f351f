#include <boost/json.hpp>

#include "backend/backend_bench.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::BackendBench;

TEST_CASE("an instance starts, loads code with its settings and answers") {
    BackendBench bench;
    const auto instance = bench.must_start();
    CHECK(instance.name.rfind("foreign-", 0) == 0);
    CHECK(instance.pid > 0);
    CHECK_FALSE(instance.isolation.empty());

    auto request = bench.load_request(
        "import os, json\n"
        "def main(body):\n"
        "    read = lambda p: open(p, 'rb').read().decode()\n"
        "    return json.dumps({'env': os.environ.get('GREETING'), 'secret': "
        "read('/secrets/default/db/password'),\n"
        "                       'config': read('/configs/default/app/mode'), 'path': "
        "REQUEST['filepath'],\n"
        "                       'entry': REQUEST['functionName'], 'meta': "
        "REQUEST['FunctionMetadata']['name'],\n"
        "                       'version': REQUEST['envVersion'], 'body': body})\n");
    request.function_name = "main.main";
    request.env["GREETING"] = "hello";
    request.secret_files["default/db/password"] = std::string("s3\ncret");
    request.config_files["default/app/mode"] = "fast";
    REQUIRE_FALSE(bench.load(instance.id, request).has_error());

    const auto answer = boost::json::parse(bench.answer(instance, "x")).as_object();
    CHECK(answer.at("env") == "hello");
    CHECK(answer.at("secret") == "s3\ncret");
    CHECK(answer.at("config") == "fast");
    CHECK(answer.at("path") == "/userfunc/deployarchive");
    CHECK(answer.at("entry") == "main.main");
    CHECK(answer.at("meta") == "hello");
    CHECK(answer.at("version") == 3);
    CHECK(answer.at("body") == "x");

    const auto usage = bench.backend->usage(instance.id);
    REQUIRE(usage);
    CHECK(usage->rss_bytes > (1u << 20));
}

TEST_CASE("code is loaded once per instance") {
    BackendBench bench;
    const auto instance = bench.function("def main(body):\n    return 'one'\n");
    const auto again =
        bench.load(instance.id, bench.load_request("def main(body):\n    return 'two'\n"));
    REQUIRE(again.has_error());
    CHECK(again.error().message.find("already has code") != std::string::npos);
    CHECK(bench.answer(instance) == "one");
}

TEST_CASE("version 1 of the contract finds its code at /userfunc/user") {
    BackendBench bench;
    auto runtime = bench.runtime();
    runtime.spec.version = 1;
    auto instance = bench.start(runtime);
    REQUIRE(instance.has_value());
    auto request =
        bench.load_request("def main(body):\n    return __import__('os').listdir('/userfunc')\n");
    request.code_path += "/main.py";
    REQUIRE_FALSE(bench.load(instance->id, request).has_error());
    CHECK(bench.answer(*instance) == "['user']");
}

TEST_CASE("a runtime that only knows ports is reached over TCP") {
    BackendBench bench(
        [](backend::ProcessBackendOptions& options) { options.environments[0].listen_tcp = true; });
    const auto instance =
        bench.function("import os\ndef main(body):\n    return os.environ['PORT']\n");
    CHECK(instance.endpoint.type == http::Endpoint::Type::tcp);
    CHECK(bench.answer(instance) == std::to_string(instance.endpoint.port));
}

TEST_CASE("a data folder with a long path still gets its sockets") {
    BackendBench bench([](backend::ProcessBackendOptions& options) {
        options.run_folder = options.run_folder.parent_path() / std::string(90, 'd') / "run";
    });
    const auto instance = bench.function("def main(body):\n    return 'far'\n");
    CHECK(bench.answer(instance) == "far");
}

TEST_CASE("code that does not load comes back with the language's own words") {
    BackendBench bench;
    const auto instance = bench.must_start();
    const auto loaded = bench.load(instance.id, bench.load_request("def main(:\n    pass\n"));
    REQUIRE(loaded.has_error());
    CHECK(loaded.error().code == Errc::function_failed);
    CHECK(loaded.error().component == "function");
    CHECK(loaded.error().message.find("default/hello") != std::string::npos);
    CHECK(loaded.error().message.find("SyntaxError") != std::string::npos);
    CHECK(loaded.error().detail.find("main.py\", line 1") != std::string::npos);
}

TEST_CASE("a runtime that dies while it loads is told apart from code that fails") {
    BackendBench bench;
    const auto instance = bench.must_start();
    const auto loaded = bench.load(
        instance.id,
        bench.load_request(
            "import os, sys\nprint('torn apart', file=sys.stderr, flush=True)\nos._exit(9)\n"));
    REQUIRE(loaded.has_error());
    CHECK(loaded.error().code == Errc::unavailable);
    CHECK(loaded.error().message.find("exit code 9") != std::string::npos);
    CHECK(loaded.error().detail.find("torn apart") != std::string::npos);
}

TEST_CASE("code that loads for ever ends at the deadline") {
    BackendBench bench;
    const auto instance = bench.must_start();
    const auto loaded = bench.load(
        instance.id, bench.load_request("import signal\nimport time\ntime.sleep(1000)\n"),
        std::chrono::seconds(1));
    REQUIRE(loaded.has_error());
    CHECK(loaded.error().code == Errc::deadline_exceeded);
}

TEST_CASE("code that is gone is not found") {
    BackendBench bench;
    const auto instance = bench.must_start();
    auto request = bench.load_request("");
    request.code_path = "/nowhere/at/all";
    const auto loaded = bench.load(instance.id, request);
    REQUIRE(loaded.has_error());
    CHECK(loaded.error().code == Errc::not_found);
}

TEST_CASE("settings cannot leave their folders") {
    BackendBench bench;
    for (const char* path : {"../../escaped", "/etc/escaped", "a/../../escaped", ""}) {
        const auto instance = bench.must_start();
        auto request = bench.load_request("def main(body):\n    return ''\n");
        request.secret_files[path] = "x";
        const auto loaded = bench.load(instance.id, request);
        REQUIRE(loaded.has_error());
        CHECK(loaded.error().code == Errc::invalid_argument);
    }
    CHECK_FALSE(std::filesystem::exists(bench.instances() / "escaped"));
}
