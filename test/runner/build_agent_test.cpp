#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <vector>

#include "runner/runner_fixture.hpp"
#include "runner/tar_bytes.hpp"
#include "support/catch.hpp"

using namespace hearth::test;

namespace {

namespace json = boost::json;

struct Frame {
    std::string kind, bytes;
};

/// The frames of an answer to a build.
std::vector<Frame> frames(std::string_view text) {
    std::vector<Frame> out;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        const auto space = line.find(' ');
        REQUIRE(space != std::string_view::npos);
        const auto size = std::stoul(std::string(line.substr(space + 1)));
        text.remove_prefix(line.size() + 1);
        REQUIRE(size <= text.size());
        out.push_back({std::string(line.substr(0, space)), std::string(text.substr(0, size))});
        text.remove_prefix(size);
    }
    return out;
}

std::string joined(const std::vector<Frame>& all, std::string_view kind) {
    std::string out;
    for (const auto& frame : all)
        if (frame.kind == kind) out += frame.bytes;
    return out;
}

/// A build agent in this process, its loop in a thread of its own.
class AgentFixture {
 public:
    AgentFixture() {
        hearth::runner::Configuration configuration;
        configuration.mode = hearth::runner::Configuration::Mode::build_agent;
        configuration.listen = *hearth::runner::parse_endpoint("127.0.0.1:0");
        configuration.token_file = (folder.path() / "token").string();
        configuration.pod_uid = "pod-uid";
        configuration.build_folder = (folder.path() / "build").string();
        configuration.cache_folder = (folder.path() / "cache").string();
        std::filesystem::create_directory(configuration.build_folder);
        write_file(configuration.token_file, "s3cret");
        server_.emplace(loop_, std::move(configuration), [this] { ++over; });
        if (auto started = server_->start(); started.has_error())
            throw std::runtime_error(started.error().detail);
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~AgentFixture() {
        boost::asio::post(loop_, [this] { server_->stop(); });
        thread_.join();
    }
    RunnerClient client() const { return RunnerClient(server_->endpoint().port()); }
    Answer build(const json::value& command, const std::string& source, int timeout_ms = 20'000) {
        return client().call("POST", "/v1/build", kBuild, body(command, source, timeout_ms));
    }
    static std::string body(const json::value& command, const std::string& source, int timeout_ms) {
        const json::object order{{"command", command}, {"timeoutMs", timeout_ms}};
        return json::serialize(order) + "\n" + source;
    }
    std::filesystem::path source() const { return folder.path() / "build/src"; }

    static constexpr std::string_view kBuild =
        "Authorization: Bearer s3cret\r\nContent-Type: application/vnd.hearth.build\r\n";
    TempDir folder;
    std::atomic<int> over{0};

 private:
    boost::asio::io_context loop_{1};
    std::optional<hearth::runner::Server> server_;
    std::thread thread_;
};

std::string script(const std::string& text) {
    return tar(file("make.sh", text), file("main.py", "x = 1\n"));
}

json::value run_script() {
    return json::array{"sh", "make.sh"};
}

json::object end_of(const std::vector<Frame>& all) {
    REQUIRE(!all.empty());
    REQUIRE(all.back().kind == "end");
    return json::parse(all.back().bytes).as_object();
}

bool runs(pid_t pid) {
    return ::kill(pid, 0) == 0;
}

/// Waits until the process is gone; false after ten seconds.
bool ends(pid_t pid) {
    for (int i = 0; i < 1000 && runs(pid); ++i) ::usleep(10'000);
    return !runs(pid);
}

}  // namespace

TEST_CASE("build agent: what the command prints and makes comes back", "[runner][build]") {
    AgentFixture agent;
    const Answer answer = agent.build(
        run_script(),
        script("echo one; echo two >&2; pwd\n"
               "echo more >>main.py; mkdir -p \"$DEPLOY_PKG/sub\"; cp main.py \"$DEPLOY_PKG\"\n"
               "cp make.sh \"$DEPLOY_PKG/sub/run\"; chmod 755 \"$DEPLOY_PKG/sub/run\"\n"
               "ln -s sub/run \"$DEPLOY_PKG/link\"; ln -s /etc/passwd \"$DEPLOY_PKG/away\"\n"
               "ln -s .. \"$DEPLOY_PKG/sub/round\"\n"));
    REQUIRE(answer.status == 200);
    const auto all = frames(answer.body);
    CHECK(joined(all, "out") == "one\ntwo\n" + agent.source().string() + "\n");
    const auto end = end_of(all);
    CHECK(end.at("outcome") == "built");
    const auto notes = joined(all, "note");
    CHECK(notes.find("\"away\" is a link that leads out of the package") != std::string::npos);
    CHECK(notes.find("\"sub/round\" is a link") != std::string::npos);
    const TempDir unpacked;
    write_file(unpacked.path() / "a.tar", joined(all, "tar"));
    const auto command =
        "tar -C " + unpacked.path().string() + " -xf " + (unpacked.path() / "a.tar").string();
    REQUIRE(std::system(command.c_str()) == 0);
    CHECK(read_file(unpacked.path() / "main.py") == "x = 1\nmore\n");
    CHECK(mode_of(unpacked.path() / "link") == 0755);
    CHECK_FALSE(std::filesystem::exists(unpacked.path() / "away"));
    CHECK(agent.over == 1);
}

TEST_CASE("build agent: a single file comes back as it is", "[runner][build]") {
    AgentFixture agent;
    const auto all =
        frames(agent.build(run_script(), script("printf 'a jar' >\"$DEPLOY_PKG\"")).body);
    CHECK(end_of(all).at("outcome") == "built");
    CHECK(joined(all, "file") == "a jar");
    CHECK(joined(all, "tar").empty());
}

TEST_CASE("build agent: the command sees its folders and none of the agent's settings",
          "[runner][build]") {
    ::setenv("HEARTH_POD_UID", "secret-of-the-agent", 1);
    ::setenv("PIP_INDEX_URL", "https://index.example", 1);
    AgentFixture agent;
    const auto all = frames(agent.build(json::array{"env"}, script("")).body);
    const auto printed = joined(all, "out");
    const auto build = (agent.folder.path() / "build").string();
    CHECK(printed.find("SRC_PKG=" + build + "/src\n") != std::string::npos);
    CHECK(printed.find("DEPLOY_PKG=" + build + "/deploy\n") != std::string::npos);
    CHECK(printed.find("HOME=" + build + "/home\n") != std::string::npos);
    CHECK(printed.find("TMPDIR=" + build + "/tmp\n") != std::string::npos);
    CHECK(printed.find("HEARTH_BUILD_CACHE=") != std::string::npos);
    CHECK(printed.find("PIP_INDEX_URL=https://index.example\n") != std::string::npos);
    CHECK(printed.find("secret-of-the-agent") == std::string::npos);
    CHECK(end_of(all).at("outcome") == "nothing_made");
    ::unsetenv("HEARTH_POD_UID");
    ::unsetenv("PIP_INDEX_URL");
}

TEST_CASE("build agent: it tells how the command ended", "[runner][build]") {
    AgentFixture agent;
    SECTION("exit code") {
        const auto end = end_of(frames(agent.build(run_script(), script("exit 3")).body));
        CHECK(end.at("outcome") == "exited");
        CHECK(end.at("code") == 3);
        CHECK(end.at("outOfMemory") == false);
    }
    SECTION("signal") {
        const auto end = end_of(frames(agent.build(run_script(), script("kill -9 $$")).body));
        CHECK(end.at("outcome") == "signalled");
        CHECK(end.at("code") == 9);
    }
    SECTION("no such program") {
        const Answer answer = agent.build(json::array{"no-such-program"}, script(""));
        CHECK(answer.status == 422);
        CHECK(answer.text("code") == "not_started");
        CHECK(answer.text("detail") == "No such file or directory");
    }
    SECTION("a program of the source without the right to be run") {
        const Answer answer = agent.build(json::array{"./make.sh"}, script("#!/bin/sh\n"));
        CHECK(answer.status == 422);
        CHECK(answer.text("detail") == "Permission denied");
    }
}

TEST_CASE("build agent: past its time the command and what it started are ended",
          "[runner][build]") {
    AgentFixture agent;
    const auto all = frames(
        agent.build(run_script(), script("sleep 100 & echo $! >child; echo begun; wait"), 500)
            .body);
    CHECK(end_of(all).at("outcome") == "timed_out");
    CHECK(joined(all, "out") == "begun\n");
    CHECK(ends(std::stoi(read_file(agent.source() / "child"))));
}

TEST_CASE("build agent: what the command leaves running is ended with it", "[runner][build]") {
    AgentFixture agent;
    const auto all = frames(
        agent.build(run_script(), script("sleep 100 & echo $! >child; echo x >\"$DEPLOY_PKG\""))
            .body);
    CHECK(end_of(all).at("outcome") == "built");
    CHECK(ends(std::stoi(read_file(agent.source() / "child"))));
}

TEST_CASE("build agent: a receiver that goes away ends the build", "[runner][build]") {
    AgentFixture agent;
    pid_t pid = 0;
    {
        RunnerClient client = agent.client();
        const auto body = AgentFixture::body(
            run_script(), script("echo $$ >own; echo begun; while :; do echo more; done"), 60'000);
        client.wire().send(request_text("POST", "/v1/build", AgentFixture::kBuild, body));
        REQUIRE(client.wire().read_until("begun\n").ends_with("begun\n"));
        pid = std::stoi(read_file(agent.source() / "own"));
        CHECK(runs(pid));
    }
    CHECK(ends(pid));
    for (int i = 0; i < 1000 && agent.over == 0; ++i) ::usleep(10'000);
    CHECK(agent.over == 1);
}

TEST_CASE("build agent: it builds once, for whoever has the token", "[runner][build]") {
    AgentFixture agent;
    CHECK(agent.client().get("/healthz", "").status == 200);
    CHECK(agent.client().get("/v1/state", "").status == 401);
    const auto state = agent.client().get("/v1/state").json();
    CHECK(state.at("podUid") == "pod-uid");
    CHECK(state.at("state") == "generic");
    const auto call = [&](std::string_view headers, const std::string& body) {
        return agent.client().call("POST", "/v1/build", headers, body).status;
    };
    const auto good = AgentFixture::body(json::array{"true"}, script(""), 1000);
    CHECK(call("Authorization: Bearer other\r\n", good) == 401);
    CHECK(call(RunnerClient::kToken, good) == 415);
    CHECK(call(AgentFixture::kBuild, "no JSON\n") == 400);
    CHECK(call(AgentFixture::kBuild, AgentFixture::body(json::array{}, "", 1000)) == 400);
    CHECK(call(AgentFixture::kBuild, AgentFixture::body(json::array{"true"}, "", 0)) == 400);
    CHECK(call(AgentFixture::kBuild, good) == 200);
    CHECK(call(AgentFixture::kBuild, good) == 409);
}

TEST_CASE("runner: the program copies itself to where another container finds it", "[runner]") {
    const TempDir folder;
    const auto copy = (folder.path() / "runner").string();
    const auto command = std::string(HEARTH_RUNNER_PROGRAM) + " install " + copy;
    REQUIRE(std::system(command.c_str()) == 0);
    CHECK(mode_of(copy) == 0555);
    CHECK(read_file(copy) == read_file(HEARTH_RUNNER_PROGRAM));
    const auto nowhere =
        std::string(HEARTH_RUNNER_PROGRAM) + " install /no/such/folder 2>/dev/null";
    CHECK(WEXITSTATUS(std::system(nowhere.c_str())) == 1);
}
