#include <signal.h>

#include "backend/backend_bench.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::BackendBench;

namespace {

/// The shipped Python environment on this bench; its zygote forks the instances.
void use_python(backend::ProcessBackendOptions& options) {
    auto shipped = backend::load_local_environments(test::source_folder() / "env-images");
    if (!shipped) throw std::runtime_error(shipped.error().message);
    options.environments = *shipped;
}

bool python_installed(BackendBench& bench) {
    for (;;) {
        for (const auto& probe : bench.backend->probes()) {
            if (probe.name != "python") continue;
            if (probe.state == backend::Probe::State::ok) return true;
            if (probe.state == backend::Probe::State::missing) {
                WARN(probe.detail);
                return false;
            }
        }
        std::this_thread::yield();
    }
}

backend::Runtime python_runtime() {
    backend::Runtime runtime;
    runtime.environment.name = "python";
    runtime.spec.image = "fission/python-env";
    runtime.hash = "python-1";
    return runtime;
}

std::uint64_t started(BackendBench& bench, const std::string& via) {
    return bench.metrics.counter("hearth_backend_starts_total", "Instances started", {{"via", via}})
        .value();
}

std::string answer_of(BackendBench& bench, const backend::Instance& instance) {
    return bench.answer(instance);
}

}  // namespace

TEST_CASE("the zygote forks instances that are as confined as spawned ones") {
    BackendBench bench(use_python);
    if (!python_installed(bench)) return;
    if (!bench.backend->features(python_runtime().spec)->zygote) {
        WARN("forked instances would not be kept apart here");
        return;
    }
    auto one = bench.start(python_runtime());
    REQUIRE(one.has_value());
    auto two = bench.start(python_runtime());
    REQUIRE(two.has_value());
    CHECK(started(bench, "zygote") == 2);
    CHECK(started(bench, "spawn") == 0);
    auto request = bench.load_request(
        "import os\n"
        "def main():\n"
        "    seen = [os.path.exists(p) for p in ('/run/hearth-zygote/instances', '/etc/shadow')]\n"
        "    status = [l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', "
        "'NoNewPrivs'))]\n"
        "    text = open('/secrets/default/db/password').read()\n"
        "    return repr([os.environ['GREETING'], text, seen, status, os.getpid()])\n");
    request.env["GREETING"] = "hi";
    request.secret_files["default/db/password"] = "s3cret";
    REQUIRE_FALSE(bench.load(one->id, request).has_error());
    CHECK(answer_of(bench, *one) ==
          "['hi', 's3cret', [False, False], ['0000000000000000', '1'], 1]");
    bench.stop(one->id);
    CHECK(kill(static_cast<pid_t>(one->pid), 0) != 0);
    CHECK(bench.exit_of(one->id)->cause == backend::InstanceExit::Cause::stopped);
    CHECK(test::folders_in(bench.instances()) == 1);
    REQUIRE(kill(static_cast<pid_t>(two->pid), SIGKILL) == 0);
    const auto exit = bench.exit_of(two->id);
    REQUIRE(exit);
    CHECK(exit->cause != backend::InstanceExit::Cause::stopped);
}

TEST_CASE("a forked instance is refused the system calls no function needs") {
    BackendBench bench(use_python);
    if (!python_installed(bench)) return;
    auto instance = bench.start(python_runtime());
    REQUIRE(instance.has_value());
    CHECK(started(bench, "zygote") == 1);
    auto request = bench.load_request(
        "import ctypes, errno, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def attempt(call, *arguments):\n"
        "    ctypes.set_errno(0)\n"
        "    if call(*arguments) != -1: return 'allowed'\n"
        "    return errno.errorcode[ctypes.get_errno()]\n"
        "def main():\n"
        "    new_user = 0x10000000\n"
        "    mode = [l.split()[1] for l in open('/proc/self/status') if l.startswith('Seccomp:')]\n"
        "    return repr([mode, attempt(libc.unshare, new_user), attempt(libc.ptrace, 0, 0, 0, "
        "0),\n"
        "        attempt(libc.mount, b'none', b'/tmp', b'tmpfs', 0, None),\n"
        "        attempt(libc.syscall, 56, new_user | 17, 0, 0, 0, 0) if os.uname().machine == "
        "'x86_64' else 'EPERM',\n"
        "        attempt(libc.syscall, 435, 0, 0), attempt(libc.syscall, 425, 1, 0), "
        "attempt(libc.getppid)])\n");
    REQUIRE_FALSE(bench.load(instance->id, request).has_error());
    CHECK(answer_of(bench, *instance) ==
          "[['2'], 'EPERM', 'EPERM', 'EPERM', 'EPERM', 'ENOSYS', 'EPERM', 'allowed']");
    CHECK(instance->isolation.find("system call filter") != std::string::npos);
}

TEST_CASE("code that does not load in a forked instance comes back with Python's trace") {
    BackendBench bench(use_python);
    if (!python_installed(bench)) return;
    auto instance = bench.start(python_runtime());
    REQUIRE(instance.has_value());
    const auto loaded = bench.load(instance->id, bench.load_request("def main(:\n"));
    REQUIRE(loaded.has_error());
    CHECK(loaded.error().code == Errc::function_failed);
    CHECK(loaded.error().detail.find("SyntaxError") != std::string::npos);
}

TEST_CASE("a zygote that cannot start is replaced by plain spawns") {
    BackendBench bench([](backend::ProcessBackendOptions& options) {
        options.environments[0].zygote = {"/usr/bin/python3", "-c", "raise SystemExit(4)"};
    });
    for (int i = 0; i < 3; ++i) CHECK(bench.start(bench.runtime()).has_value());
    CHECK(started(bench, "spawn") == 3);
}

TEST_CASE("a runtime with variables of its own is not forked") {
    BackendBench bench(use_python);
    if (!python_installed(bench)) return;
    auto runtime = python_runtime();
    runtime.env["GREETING"] = "own";
    REQUIRE(bench.start(runtime).has_value());
    CHECK(started(bench, "spawn") == 1);
}
