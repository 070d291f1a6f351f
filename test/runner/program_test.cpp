#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "runner/fake_environment.hpp"
#include "runner/runner_fixture.hpp"
#include "runner/tar_bytes.hpp"
#include "support/catch.hpp"

using namespace hearth::test;

namespace {

constexpr std::uint64_t kMostResident = 3u << 20;

/// The shipped program: static, with its own heap, so that its memory is what a pod's would be.
class RunnerProgram {
 public:
    explicit RunnerProgram(unsigned short environment) {
        const auto log = (folders.root() / "log").string();
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                         0600);
        std::vector<std::string> variables = {
            "HEARTH_RUNNER_LISTEN=127.0.0.1:0", "HEARTH_RUNNER_ROOT=" + folders.root().string(),
            "HEARTH_RUNNER_TOKEN_FILE=" + (folders.root() / "token").string(),
            "HEARTH_ENVIRONMENT=127.0.0.1:" + std::to_string(environment)};
        std::vector<char*> environ_of;
        for (auto& variable : variables) environ_of.push_back(variable.data());
        environ_of.push_back(nullptr);
        std::string program = HEARTH_RUNNER_PROGRAM;
        char* const arguments[] = {program.data(), nullptr};
        const int rc =
            posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, environ_of.data());
        posix_spawn_file_actions_destroy(&actions);
        if (rc != 0) throw std::runtime_error("cannot start " + program);
        port = read_port(log);
    }
    ~RunnerProgram() {
        if (pid > 0) ::kill(pid, SIGKILL), ::waitpid(pid, nullptr, 0);
    }
    /// Exit status after SIGTERM.
    int terminate() {
        ::kill(pid, SIGTERM);
        int status = -1;
        ::waitpid(std::exchange(pid, 0), &status, 0);
        return status;
    }
    std::uint64_t resident(const char* field = "VmRSS:") const {
        std::ifstream status("/proc/" + std::to_string(pid) + "/status");
        for (std::string word; status >> word;) {
            std::uint64_t kib = 0;
            if (word == field && status >> kib) return kib * 1024;
        }
        return 0;
    }

    PodFolders folders;
    pid_t pid = 0;
    unsigned short port = 0;

 private:
    unsigned short read_port(const std::string& log) const {
        const std::string mark = "listens on port ";
        for (int i = 0; i < 100'000; ++i) {
            const std::string text = read_file(log);
            const auto at = text.find(mark);
            if (at != std::string::npos && text.ends_with('\n')) {
                return static_cast<unsigned short>(std::stoi(text.substr(at + mark.size())));
            }
            if (::waitpid(pid, nullptr, WNOHANG) == pid)
                throw std::runtime_error("it ended: " + text);
            ::usleep(1000);
        }
        throw std::runtime_error("hearth-runner does not listen");
    }
};

/// Whether the kernel runs it without a dynamic linker.
bool is_static(const std::string& program) {
    const std::string bytes = read_file(program);
    Elf64_Ehdr head;
    REQUIRE(bytes.size() > sizeof head);
    std::memcpy(&head, bytes.data(), sizeof head);
    for (unsigned i = 0; i < head.e_phnum; ++i) {
        Elf64_Phdr part;
        std::memcpy(&part, bytes.data() + head.e_phoff + i * sizeof part, sizeof part);
        if (part.p_type == PT_INTERP) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("runner: the program stands alone", "[runner]") {
    CHECK(is_static(HEARTH_RUNNER_PROGRAM));
    CHECK_FALSE(is_static("/bin/ls"));
}

TEST_CASE("runner: stays below 3 MiB, also with a package of 50 MB", "[runner]") {
    FakeEnvironment environment(FakeEnvironment::loading(FakeEnvironment::answer(200, "")));
    environment.listen();
    RunnerProgram program(environment.port());
    RunnerClient client(program.port);
    CHECK(client.get("/v1/state?wait=ready&timeoutMs=10000").json().at("environmentReady") == true);
    CHECK(program.resident() > 0);
    CHECK(program.resident() <= kMostResident);
    std::string noise(50'000'000, '\0');
    std::uint32_t seed = 1;
    for (char& c : noise) c = static_cast<char>((seed = seed * 1664525u + 1013904223u) >> 24);
    auto wanted = order();
    wanted["secrets"] = {{"default/s/k", "MQ=="}};
    REQUIRE(client.load(wanted, tar(file("big", noise), file("main.py", "x"))).status == 200);
    CHECK(read_file(program.folders.userfunc() / kDigest / "big") == noise);
    CHECK(program.resident() <= kMostResident);
    CHECK(client.get("/v1/archives/" + kDigest).body.size() > noise.size());
    std::vector<RunnerClient> many;
    for (int i = 0; i < 60; ++i) {
        many.emplace_back(program.port);
        CHECK(many.back().get("/v1/state").status == 200);
    }
    CHECK(program.resident() <= kMostResident);
    // The high-water mark: no moment of all that took more.
    CHECK(program.resident("VmHWM:") <= kMostResident);
    CHECK(program.terminate() == 0);
}

TEST_CASE("runner: a volume that is full is 507, and the pod stays generic", "[runner]") {
    FakeEnvironment environment(FakeEnvironment::loading(FakeEnvironment::answer(200, "")));
    environment.listen();
    RunnerProgram program(environment.port());
    const rlimit limit{100'000, 100'000};
    REQUIRE(::prlimit(program.pid, RLIMIT_FSIZE, &limit, nullptr) == 0);
    RunnerClient client(program.port);
    const Answer answer = client.load(order(), tar(file("big", std::string(200'000, 'x'))));
    CHECK(answer.status == 507);
    CHECK(answer.text("code") == "no_space");
    CHECK(client.get("/v1/state").text("state") == "generic");
    CHECK(tree(program.folders.userfunc()).empty());
}

TEST_CASE("runner: wrong variables end it with what is wrong", "[runner]") {
    const TempDir out;
    const std::string command =
        "HEARTH_READY_WHEN=soon " HEARTH_RUNNER_PROGRAM " 2>" + out.path().string() + "/log";
    const int status = std::system(command.c_str());
    CHECK(WEXITSTATUS(status) == 2);
    CHECK(read_file(out.path() / "log") ==
          "runner: HEARTH_READY_WHEN is \"soon\"; it must be environment or loaded\n");
}
