#include <chrono>

#include "runner/fake_environment.hpp"
#include "runner/runner_fixture.hpp"
#include "runner/tar_bytes.hpp"
#include "support/catch.hpp"

using namespace hearth::test;

namespace {

std::string first_line(const Answer& answer) {
    return answer.head.substr(0, answer.head.find("\r\n"));
}

}  // namespace

TEST_CASE("runner: only the token's bearer is let into /v1", "[runner]") {
    const RunnerFixture runner(0);
    struct Row {
        std::string header;
        int status;
    };
    const Row rows[] = {{"", 401},
                        {"Authorization: Bearer s3cret\r\n", 200},
                        {"Authorization: Bearer s3cre\r\n", 401},
                        {"Authorization: Bearer s3crett\r\n", 401},
                        {"Authorization: Bearer s3creT\r\n", 401},
                        {"Authorization: Bearer \r\n", 401},
                        {"Authorization: Basic s3cret\r\n", 401},
                        {"Authorization: s3cret\r\n", 401}};
    for (const Row& row : rows) {
        CAPTURE(row.header);
        const Answer answer = runner.client().get("/v1/state", row.header);
        CHECK(answer.status == row.status);
        if (row.status != 401) continue;
        CHECK(answer.text("code") == "unauthenticated");
        CHECK(answer.text("component") == "runner");
        CHECK(header(answer.head, "WWW-Authenticate") == "Bearer");
    }
    CHECK(runner.client().get("/v1/nothing", "").status == 401);
    CHECK(runner.client().get("/healthz", "").status == 200);
    CHECK(runner.client().get("/readyz", "").status == 200);
}

TEST_CASE("runner: a token that changes on disk counts at once", "[runner]") {
    const RunnerFixture runner(0);
    auto client = runner.client();
    CHECK(client.get("/v1/state").status == 200);
    // As the kubelet does it: another file takes the place.
    write_file(runner.folders.root() / "next", "other\n");
    std::filesystem::rename(runner.folders.root() / "next", runner.folders.root() / "token");
    CHECK(client.get("/v1/state").status == 401);
    CHECK(client.get("/v1/state", "Authorization: Bearer other\r\n").status == 200);
    write_file(runner.folders.root() / "token", "\n");
    CHECK(client.get("/v1/state", "Authorization: Bearer \r\n").status == 401);
    std::filesystem::remove(runner.folders.root() / "token");
    CHECK(client.get("/v1/state", "Authorization: Bearer other\r\n").status == 401);
    CHECK(client.get("/healthz").status == 200);
}

TEST_CASE("runner: paths and methods it does not have", "[runner]") {
    const RunnerFixture runner(0);
    auto client = runner.client();
    CHECK(client.get("/v1/nothing").status == 404);
    CHECK(client.get("/").status == 404);
    struct Row {
        const char* method;
        const char* path;
        const char* allowed;
    };
    const Row rows[] = {{"POST", "/healthz", "GET"},          {"DELETE", "/v1/state", "GET"},
                        {"GET", "/v1/load", "POST"},          {"GET", "/v1/settings", "PUT"},
                        {"DELETE", "/v1/archives/aa", "GET"}, {"PUT", "/readyz", "GET"}};
    for (const Row& row : rows) {
        CAPTURE(row.method, row.path);
        const Answer answer = client.call(row.method, row.path, RunnerClient::kToken, "");
        CHECK(answer.status == 405);
        CHECK(header(answer.head, "Allow") == row.allowed);
    }
}

TEST_CASE("runner: what is no HTTP gets 400 and the connection ends", "[runner]") {
    const RunnerFixture runner(0);
    auto wire = wire_to(runner.port());
    wire.send("nonsense\r\n\r\n");
    const Answer answer = read_answer(wire);
    CHECK(first_line(answer) == "HTTP/1.1 400 Bad Request");
    CHECK(wire.at_end());
    auto long_head = wire_to(runner.port());
    long_head.send("GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'x') +
                   "\r\n\r\n");
    CHECK(read_answer(long_head).status == 400);
}

TEST_CASE("runner: silent connections do not keep others out", "[runner]") {
    const RunnerFixture runner(0);
    std::vector<Wire> silent;
    for (int i = 0; i < 70; ++i) silent.push_back(wire_to(runner.port()));
    // Half a request is no request either.
    for (Wire& wire : silent) wire.send("GET /healthz HTTP/1.1\r\n");
    auto client = runner.client();
    CHECK(client.get("/v1/state").status == 200);
    CHECK(client.get("/healthz").status == 200);
}

TEST_CASE("runner: tells what the pod is", "[runner]") {
    FakeEnvironment environment(FakeEnvironment::loading(FakeEnvironment::answer(200, "")));
    const RunnerFixture runner(environment.port());
    const auto before = runner.get("/v1/state").json();
    CHECK(before.at("podUid") == "pod-uid");
    CHECK(before.at("podName") == "pod-name");
    CHECK(before.at("version").as_string().size() >= 5);
    CHECK(before.at("state") == "starting");
    CHECK(before.at("environmentReady") == false);
    CHECK(before.at("identity") == "");
    CHECK(runner.get("/readyz").status == 503);
    environment.listen();
    const auto after = runner.get("/v1/state?wait=ready&timeoutMs=10000").json();
    CHECK(after.at("state") == "generic");
    CHECK(after.at("environmentReady") == true);
    CHECK(runner.get("/readyz").status == 200);
    CHECK(runner.load(order(), tar(file("main.py", "x"))).status == 200);
    const auto loaded = runner.get("/v1/state").json();
    CHECK(loaded.at("state") == "loaded");
    CHECK(loaded.at("identity") == "hello-1");
    CHECK(loaded.at("digest").as_string() == kDigest);
    CHECK(loaded.at("function").at("generation") == 3);
    CHECK(loaded.at("function").at("name") == "hello");
}

TEST_CASE("runner: wait=ready ends with the time it was given", "[runner]") {
    FakeEnvironment environment(FakeEnvironment::loading(""));
    const RunnerFixture runner(environment.port());
    CHECK(runner.get("/v1/state?wait=ready&timeoutMs=20").json().at("environmentReady") == false);
    CHECK(runner.get("/v1/state?wait=ready&timeoutMs=0").json().at("environmentReady") == false);
    CHECK(runner.get("/v1/state?wait=ready").status == 400);
    CHECK(runner.get("/v1/state?wait=ready&timeoutMs=soon").status == 400);
    CHECK(runner.get("/v1/state?wait=loaded&timeoutMs=1").status == 400);
}

TEST_CASE("runner: several wait for the environment at once", "[runner]") {
    FakeEnvironment environment(FakeEnvironment::loading(""));
    const RunnerFixture runner(environment.port());
    std::vector<RunnerClient> clients;
    for (int i = 0; i < 5; ++i) {
        clients.push_back(runner.client());
        clients.back().wire().send(
            request_text("GET", "/v1/state?wait=ready&timeoutMs=10000", RunnerClient::kToken, ""));
    }
    CHECK(runner.get("/v1/state").json().at("environmentReady") == false);
    environment.listen();
    for (auto& client : clients) {
        CHECK(read_answer(client.wire()).json().at("environmentReady") == true);
    }
}

TEST_CASE("runner: images that know no /healthz are ready by any answer", "[runner]") {
    const auto status = GENERATE(200, 404, 405, 500, 501);
    CAPTURE(status);
    FakeEnvironment environment(
        [status](const auto&) { return FakeEnvironment::answer(status, ""); });
    const RunnerFixture runner(environment.port());
    environment.listen();
    CHECK(runner.get("/v1/state?wait=ready&timeoutMs=10000").json().at("environmentReady") == true);
}

TEST_CASE("runner: an environment that says it is not up yet is not ready", "[runner]") {
    std::atomic<int> asked{0};
    FakeEnvironment environment([&asked](const auto&) -> std::string {
        const int times = ++asked;
        if (times == 1) return "";  // breaks off
        if (times == 2) return "garbage\r\n\r\n";
        return FakeEnvironment::answer(times < 6 ? 503 : 200, "");
    });
    const RunnerFixture runner(environment.port());
    environment.listen();
    runner.wait_ready();
    CHECK(asked == 6);
}

TEST_CASE("runner: HEARTH_READY_WHEN=loaded", "[runner]") {
    FakeEnvironment environment(FakeEnvironment::loading(FakeEnvironment::answer(200, "")));
    const RunnerFixture runner(environment.port(),
                               hearth::runner::Configuration::ReadyWhen::code_is_loaded);
    environment.listen();
    runner.wait_ready();
    CHECK(runner.get("/readyz").status == 503);
    CHECK(runner.load(order(), tar(file("main.py", "x"))).status == 200);
    CHECK(runner.get("/readyz").status == 200);
}

TEST_CASE("runner: a runtime that has gone takes the code with it", "[runner]") {
    FakeEnvironment environment(FakeEnvironment::loading(FakeEnvironment::answer(200, "")));
    const RunnerFixture runner(environment.port());
    environment.listen();
    CHECK(runner.load(order(), tar(file("main.py", "x"))).status == 200);
    environment.stop();
    CHECK(runner.get("/readyz").status == 503);
    const auto state = runner.get("/v1/state").json();
    CHECK(state.at("state") == "failed");
    CHECK(state.at("environmentReady") == false);
}
