#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runner/fake_environment.hpp"
#include "runner/runner_fixture.hpp"
#include "runner/tar_bytes.hpp"
#include "support/catch.hpp"

using namespace hearth::test;
namespace json = boost::json;
namespace fs = std::filesystem;

namespace {

/// An environment that answers loads with one text, and the runner beside it.
struct Pod {
    explicit Pod(std::string answer) : Pod(FakeEnvironment::loading(std::move(answer))) {}
    explicit Pod(FakeEnvironment::Script script)
        : environment(std::move(script)), runner(environment.port()) {
        environment.listen();
        runner.wait_ready();
    }
    fs::path code() const { return runner.folders.userfunc() / kDigest; }
    std::string state() const { return runner.get("/v1/state").text("state"); }

    FakeEnvironment environment;
    RunnerFixture runner;
};

std::string ok() {
    return FakeEnvironment::answer(200, "");
}

}  // namespace

TEST_CASE("runner: v2 loads the unpacked folder", "[runner]") {
    Pod pod(FakeEnvironment::answer(202, ""));
    auto wanted = order();
    wanted["env"] = {{"GREETING", "hi"}};
    TarEntry program = file("bin/run", "#!/bin/sh\n");
    program.mode = 04755;
    const Answer answer = pod.runner.load(wanted, tar(file("main.py", "code"), program));
    REQUIRE(answer.status == 200);
    CHECK(answer.json().contains("unpackMs"));
    CHECK(answer.json().contains("loadMs"));
    REQUIRE(pod.environment.loads().size() == 1);
    const auto seen = pod.environment.loads()[0];
    CHECK(seen.line() == "POST /v2/specialize");
    CHECK(header(seen.head, "Content-Type") == "application/json");
    const json::value expected = {
        {"filepath", pod.code().string()},
        {"functionName", "main.main"},
        {"url", ""},
        {"FunctionMetadata", {{"name", "hello"}, {"namespace", "default"}, {"uid", "u1"}}},
        {"envVersion", 2},
        {"env", {{"GREETING", "hi"}}}};
    CHECK(json::parse(seen.body) == expected);
    CHECK(read_file(pod.code() / "main.py") == "code");
    CHECK(mode_of(pod.code() / "main.py") == 0444);
    CHECK(mode_of(pod.code() / "bin/run") == 0555);
    CHECK(mode_of(pod.code() / "bin") == 0555);
    CHECK(mode_of(pod.code()) == 0555);
}

TEST_CASE("runner: v3 is v2's way, and an empty env is not sent", "[runner]") {
    Pod pod(ok());
    auto wanted = order();
    wanted["contract"] = 3;
    wanted["envVersion"] = 3;
    wanted["file"] = "lib/main.py";
    REQUIRE(pod.runner.load(wanted, tar(file("lib/main.py", "code"))).status == 200);
    const auto seen = pod.environment.loads().at(0);
    CHECK(seen.line() == "POST /v2/specialize");
    const auto body = json::parse(seen.body).as_object();
    CHECK(body.at("filepath").as_string() == (pod.code() / "lib/main.py").string());
    CHECK(body.at("envVersion") == 3);
    CHECK_FALSE(body.contains("env"));
}

TEST_CASE("runner: v1 finds its code at /userfunc/user and gets no body", "[runner]") {
    Pod pod(ok());
    auto wanted = order();
    wanted["contract"] = 1;
    SECTION("a file") {
        wanted["file"] = "hello.js";
        REQUIRE(pod.runner.load(wanted, tar(file("hello.js", "code"))).status == 200);
        CHECK(read_file(pod.runner.folders.userfunc() / "user") == "code");
        CHECK(fs::symlink_status(pod.runner.folders.userfunc() / "user").type() ==
              fs::file_type::regular);
    }
    SECTION("a folder") {
        REQUIRE(pod.runner.load(wanted, tar(file("main.py", "code"))).status == 200);
        CHECK(read_file(pod.runner.folders.userfunc() / "user/main.py") == "code");
    }
    const auto seen = pod.environment.loads().at(0);
    CHECK(seen.line() == "POST /specialize");
    CHECK(seen.body.empty());
    CHECK(header(seen.head, "Content-Type") == "text/plain");
}

TEST_CASE("runner: a load error reaches the caller as the language wrote it", "[runner]") {
    const std::string trace = "Traceback:\n  File \"main.py\"\nNameError: name 'ä' \x01\n";
    Pod pod(FakeEnvironment::answer(500, trace + "\xff"));
    const Answer answer = pod.runner.load(order(), tar(file("main.py", "x")));
    CHECK(answer.status == 422);
    CHECK(answer.text("code") == "function_failed");
    CHECK(answer.text("detail") == trace + "\xef\xbf\xbd");
    CHECK(answer.json().at("status") == 422);
    CHECK(answer.json().at("environmentStatus") == 500);
    CHECK(header(answer.head, "Content-Type") == "application/problem+json");
    CHECK(pod.state() == "failed");
    const Answer again = pod.runner.load(order(), tar(file("main.py", "x")));
    CHECK(again.status == 409);
    CHECK(again.text("code") == "failed");
    CHECK(pod.environment.loads().size() == 1);
}

TEST_CASE("runner: a very long load error is cut", "[runner]") {
    Pod pod(FakeEnvironment::answer(400, std::string(3 << 20, 'x')));
    const Answer answer = pod.runner.load(order(), tar(file("main.py", "x")));
    CHECK(answer.status == 422);
    CHECK(answer.text("detail") == std::string(64 * 1024, 'x'));
}

TEST_CASE("runner: code is loaded once", "[runner]") {
    Pod pod(ok());
    const std::string archive = tar(file("main.py", "x"));
    auto client = pod.runner.client();
    CHECK(client.load(order("a"), archive).status == 200);
    CHECK(client.load(order("a"), archive).status == 200);
    const Answer other = client.load(order("b"), archive + std::string(1 << 20, '\0'));
    CHECK(other.status == 409);
    CHECK(other.text("code") == "loaded");
    CHECK(pod.environment.loads().size() == 1);
    // The connection is still good, though nobody wanted that archive.
    CHECK(client.get("/v1/state").text("identity") == "a");
}

TEST_CASE("runner: one load at a time", "[runner]") {
    Pod pod(ok());
    auto slow = pod.runner.client();
    const std::string archive = tar(file("main.py", "x"));
    const std::string body = json::serialize(order("a")) + "\n" + archive;
    const std::string whole = request_text("POST", "/v1/load", RunnerClient::kLoad, body);
    slow.wire().send(whole.substr(0, whole.size() - archive.size()));
    while (pod.state() != "loading") {
    }
    CHECK(pod.runner.load(order("b"), archive).text("code") == "loading");
    slow.wire().send(archive);
    CHECK(read_answer(slow.wire()).status == 200);
    CHECK(pod.runner.get("/v1/state").text("identity") == "a");
}

TEST_CASE("runner: an archive that comes byte by byte", "[runner]") {
    Pod pod(ok());
    const std::string body = json::serialize(order()) + "\n" +
                             tar(file("main.py", "code"), file("a/b.txt", std::string(700, 'b')));
    auto client = pod.runner.client();
    for (const char c : request_text("POST", "/v1/load", RunnerClient::kLoad, body)) {
        client.wire().send(std::string_view(&c, 1));
    }
    CHECK(read_answer(client.wire()).status == 200);
    CHECK(read_file(pod.code() / "a/b.txt") == std::string(700, 'b'));
}

TEST_CASE("runner: the environment may come later than the code", "[runner]") {
    FakeEnvironment environment(FakeEnvironment::loading(ok()));
    const RunnerFixture runner(environment.port());
    auto client = runner.client();
    client.wire().send(request_text("POST", "/v1/load", RunnerClient::kLoad,
                                    json::serialize(order()) + "\n" + tar(file("main.py", "x"))));
    while (!fs::exists(runner.folders.userfunc() / kDigest)) {
    }
    CHECK(runner.get("/v1/state").text("state") == "loading");
    environment.listen();
    CHECK(read_answer(client.wire()).status == 200);
}

TEST_CASE("runner: an environment that does not come", "[runner]") {
    const FakeEnvironment environment(FakeEnvironment::loading(ok()));
    const RunnerFixture runner(environment.port());
    auto wanted = order();
    wanted["timeoutMs"] = 30;
    const Answer answer = runner.load(wanted, tar(file("main.py", "x")));
    CHECK(answer.status == 504);
    CHECK(answer.text("code") == "deadline_exceeded");
    // Nothing was put in, so another try is welcome.
    CHECK(runner.get("/v1/state").text("state") == "starting");
}

TEST_CASE("runner: environments that break", "[runner]") {
    SECTION("without an answer") {
        Pod pod("");
        const Answer answer = pod.runner.load(order(), tar(file("main.py", "x")));
        CHECK(answer.status == 502);
        CHECK(answer.text("code") == "environment_gone");
        CHECK(pod.state() == "failed");
    }
    SECTION("with half an answer that says no") {
        Pod pod("HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\nhalf a trace");
        const Answer answer = pod.runner.load(order(), tar(file("main.py", "x")));
        CHECK(answer.status == 422);
        CHECK(answer.text("detail") == "half a trace");
    }
    SECTION("by answering nonsense") {
        Pod pod("nonsense\r\n\r\n");
        CHECK(pod.runner.load(order(), tar(file("main.py", "x"))).text("code") ==
              "environment_gone");
    }
    SECTION("by never answering") {
        std::atomic<bool> over{false};
        FakeEnvironment::Script script = [&over](const FakeEnvironment::Seen& seen) {
            while (seen.line() != "GET /healthz" && !over) std::this_thread::yield();
            return ok();
        };
        Pod pod(std::move(script));
        auto wanted = order();
        wanted["timeoutMs"] = 50;
        const Answer answer = pod.runner.load(wanted, tar(file("main.py", "x")));
        over = true;
        CHECK(answer.status == 504);
        CHECK(answer.text("code") == "deadline_exceeded");
        CHECK(pod.state() == "failed");
    }
}

TEST_CASE("runner: a sender that breaks off leaves a generic pod", "[runner]") {
    Pod pod(ok());
    {
        auto client = pod.runner.client();
        const std::string body =
            json::serialize(order()) + "\n" + tar(file("main.py", std::string(9000, 'x')));
        const std::string whole = request_text("POST", "/v1/load", RunnerClient::kLoad, body);
        client.wire().send(whole.substr(0, whole.size() - 5000));
        while (pod.state() != "loading") {
        }
    }
    while (pod.state() == "loading") {
    }
    CHECK(pod.state() == "generic");
    CHECK(tree(pod.runner.folders.userfunc()).empty());
    CHECK(pod.runner.load(order(), tar(file("main.py", "x"))).status == 200);
}

TEST_CASE("runner: archives that are there already", "[runner]") {
    Pod pod(ok());
    auto wanted = order();
    wanted["archive"] = "none";
    const Answer unknown = pod.runner.load(wanted);
    CHECK(unknown.status == 409);
    CHECK(unknown.text("code") == "unknown_archive");
    CHECK(pod.state() == "generic");
    auto missing = order();
    missing["file"] = "other.py";
    const Answer no_file = pod.runner.load(missing, tar(file("main.py", "x")));
    CHECK(no_file.status == 400);
    CHECK(no_file.text("detail") == "file: the archive has no \"other.py\"");
    CHECK(pod.runner.load(wanted).status == 200);
    CHECK(pod.state() == "loaded");
}

TEST_CASE("runner: takes an archive from the runner of another pod", "[runner]") {
    const Pod first(ok());
    TarEntry program = file("ünï/run", "#!/bin/sh\n");
    program.mode = 0755;
    const std::string big(300'000, 'z');
    REQUIRE(first.runner.load(order(), tar(program, file("big", big), file("empty", ""))).status ==
            200);
    Pod second(ok());
    auto wanted = order();
    wanted["archive"] = "peer";
    wanted["peer"] = "127.0.0.1:" + std::to_string(first.runner.port());
    SECTION("that has it") {
        REQUIRE(second.runner.load(wanted).status == 200);
        CHECK(tree(second.code()) == tree(first.code()));
        CHECK(read_file(second.code() / "big") == big);
        CHECK(mode_of(second.code() / "ünï/run") == 0555);
    }
    SECTION("that has another token") {
        write_file(second.runner.folders.root() / "token", "other");
        const Answer answer = second.runner.client().call(
            "POST", "/v1/load",
            "Authorization: Bearer other\r\nContent-Type: application/vnd.hearth.load\r\n",
            json::serialize(wanted) + "\n");
        CHECK(answer.status == 502);
        CHECK(answer.text("code") == "peer_failed");
        CHECK(answer.text("detail") == "no archive from the peer: it answered 401");
    }
    SECTION("that does not have it") {
        wanted["digest"] = std::string(64, 'b');
        CHECK(second.runner.load(wanted).text("detail") ==
              "no archive from the peer: it answered 404");
        CHECK(second.state() == "generic");
    }
}

TEST_CASE("runner: peers that break", "[runner]") {
    const std::string answers[] = {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n" +
                                       file("main.py", "code").bytes().substr(0, 512) + "\r\n",
                                   "", "nonsense\r\n\r\n"};
    const std::string bytes = answers[GENERATE(0, 1, 2)];
    FakeEnvironment peer([bytes](const auto&) { return bytes; });
    peer.listen();
    Pod pod(ok());
    auto wanted = order();
    wanted["archive"] = "peer";
    wanted["peer"] = "127.0.0.1:" + std::to_string(peer.port());
    const Answer answer = pod.runner.load(wanted);
    CHECK(answer.status == 502);
    CHECK(answer.text("code") == "peer_failed");
    CHECK(pod.state() == "generic");
    CHECK(tree(pod.runner.folders.userfunc()).empty());
}

TEST_CASE("runner: a peer that is kept from it costs half a second", "[runner]") {
    // A listener whose queue is full lets packets drop, as a NetworkPolicy does.
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener, 0) == 0);
    socklen_t length = sizeof address;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
    std::vector<int> waiting;
    for (int i = 0; i < 4; ++i) {
        waiting.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        ::connect(waiting.back(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    Pod pod(ok());
    auto wanted = order();
    wanted["archive"] = "peer";
    wanted["peer"] = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    const auto began = std::chrono::steady_clock::now();
    const Answer answer = pod.runner.load(wanted);
    CHECK(answer.status == 502);
    CHECK(answer.text("code") == "peer_failed");
    CHECK(answer.text("detail").find("did not accept a connection in time") != std::string::npos);
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(3));
    CHECK(pod.state() == "generic");
    for (const int fd : waiting) ::close(fd);
    ::close(listener);
}

TEST_CASE("runner: orders that are wrong say what is", "[runner]") {
    const Pod pod(ok());
    struct Row {
        const char* member;
        json::value value;
        const char* detail;
    };
    const Row rows[] = {
        {"identity", nullptr, "identity must be a text"},
        {"identity", 3, "identity must be a text"},
        {"digest", "../../etc", "digest must be 8 to 128 letters, digits or hyphens"},
        {"digest", "", "digest must be 8 to 128 letters, digits or hyphens"},
        {"archive", "zip", "archive must be tar, none or peer"},
        {"file", "../x", "file must be a path inside the archive"},
        {"contract", 4, "contract must be a number from 1 to 3"},
        {"timeoutMs", 0, "timeoutMs must be a number from 1 to 3600000"},
        {"env", {{"A", 1}}, "env must be an object of texts"},
        {"metadata", "x", "metadata must be an object"},
        {"secrets",
         {{"ns/s/../../k", "eA=="}},
         "secrets has the path \"ns/s/../../k\"; it must be namespace/name/key"},
        {"secrets",
         {{"/ns/s/k", "eA=="}},
         "secrets has the path \"/ns/s/k\"; it must be namespace/name/key"},
        {"secrets",
         {{"ns//k", "eA=="}},
         "secrets has the path \"ns//k\"; it must be namespace/name/key"},
        {"configs", {{"ns/c/k", "x"}}, "configs must give \"ns/c/k\" as base64"},
        {"configs", {{"ns/c/k", 1}}, "configs must give \"ns/c/k\" as base64"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.member, json::serialize(row.value));
        auto wanted = order();
        wanted[row.member] = row.value;
        const Answer answer = pod.runner.load(wanted, tar(file("main.py", "x")));
        CHECK(answer.status == 400);
        CHECK(answer.text("code") == "invalid_argument");
        CHECK(answer.text("detail") == row.detail);
    }
    auto wanted = order();
    wanted["archive"] = "peer";
    wanted["peer"] = "some.host:8889";
    CHECK(pod.runner.load(wanted).text("detail") ==
          "peer \"some.host:8889\" has no IP address (names are not resolved)");
    CHECK(pod.state() == "generic");
}

TEST_CASE("runner: requests to load that are none", "[runner]") {
    const Pod pod(ok());
    const auto send = [&](std::string_view headers, std::string_view body) {
        return pod.runner.client().call("POST", "/v1/load", headers, body);
    };
    CHECK(send(RunnerClient::kToken, "{}\n").status == 415);
    CHECK(send(RunnerClient::kLoad, "").status == 411);
    CHECK(send(RunnerClient::kLoad, "{}").text("detail") ==
          "the first line of the body has no end");
    CHECK(send(RunnerClient::kLoad, "[]\n").text("detail") ==
          "the first line must be a JSON object");
    CHECK(send(RunnerClient::kLoad, "{\n").status == 400);
    CHECK(pod.runner.load(order(), "").text("detail") == "the archive is empty");
}

TEST_CASE("runner: a pod of the user's own image takes an identity without code", "[runner]") {
    const RunnerFixture runner(0);
    CHECK(runner.get("/v1/state").text("state") == "generic");
    auto wanted = order("own-1");
    wanted["archive"] = "none";
    wanted["digest"] = "";
    CHECK(runner.load(wanted).status == 200);
    CHECK(runner.get("/v1/state").text("identity") == "own-1");
    CHECK(runner.get("/v1/state").text("state") == "loaded");
}
