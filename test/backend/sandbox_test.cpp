#include "backend/backend_bench.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::BackendBench;

namespace {

const backend::Probe* find(const std::vector<backend::Probe>& probes, const std::string& name) {
    for (const auto& probe : probes) {
        if (probe.name == name) return &probe;
    }
    return nullptr;
}

bool sandboxed(BackendBench& bench) {
    return find(bench.backend->probes(), "sandbox")->state == backend::Probe::State::ok;
}

}  // namespace

TEST_CASE("a function cannot reach what is not its own") {
    BackendBench bench;
    if (!sandboxed(bench)) {
        WARN("bubblewrap does not work on this machine");
        return;
    }
    std::ofstream(bench.data.path() / "hearth.db") << "database";
    const auto neighbour = bench.function("def main(body):\n    return ''\n");
    const auto thief = bench.function(
        "import ctypes, os, socket\n"
        "def main(body):\n"
        "    kind, _, what = body.partition(' ')\n"
        "    try:\n"
        "        if kind == 'read':\n"
        "            return 'got ' + (str(os.listdir(what)) if os.path.isdir(what) else "
        "open(what).read())\n"
        "        if kind == 'write':\n"
        "            open(what, 'w').write('x')\n"
        "            return 'written'\n"
        "        if kind == 'kill':\n"
        "            os.kill(int(what), 9)\n"
        "            return 'killed'\n"
        "        if kind == 'uid':\n"
        "            return str(os.getuid() != 0 and os.getgroups() == [])\n"
        "        if kind == 'caps':\n"
        "            return [l for l in open('/proc/self/status') if l.startswith(('CapEff', "
        "'CapPrm', 'NoNewPrivs', 'Seccomp:'))]\n"
        "        if kind == 'fds':\n"
        "            names = [os.readlink('/proc/self/fd/' + f) for f in "
        "os.listdir('/proc/self/fd') if int(f) > 2\n"
        "                     and os.path.lexists('/proc/self/fd/' + f)]\n"
        "            return [n for n in names if not n.startswith('socket:') and '/proc/' not in "
        "n]\n"
        "        libc = ctypes.CDLL(None, use_errno=True)\n"
        "        result = {'unshare': lambda: libc.unshare(0x10000000), 'mount': lambda: "
        "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None),\n"
        "                  'ptrace': lambda: libc.ptrace(16, 1, 0, 0), 'chroot': lambda: "
        "libc.chroot(b'/')}[kind]()\n"
        "        return 'done' if result == 0 else 'refused'\n"
        "    except Exception as error:\n"
        "        return type(error).__name__\n");
    const std::string data = bench.data.path().string();
    std::vector<std::pair<std::string, std::string>> probes = {
        {"read " + data + "/hearth.db", "FileNotFoundError"},
        {"read " + data, "FileNotFoundError"},
        {"read " + bench.instances().string() + "/" + neighbour.name + "/userfunc",
         "FileNotFoundError"},
        {"read /etc/shadow", "FileNotFoundError"},
        {"read /root", "FileNotFoundError"},
        {"read /home", "FileNotFoundError"},
        {"read /sys/fs", "FileNotFoundError"},
        {"write /userfunc/deployarchive/main.py", "OSError"},
        {"write /userfunc/new", "OSError"},
        {"write /secrets/new", "OSError"},
        {"write /usr/new", "OSError"},
        {"write /new", "OSError"},
        {"write /tmp/mine", "written"},
        {"kill " + std::to_string(getpid()), "ProcessLookupError"},
        {"kill " + std::to_string(neighbour.pid), "ProcessLookupError"},
        {"unshare", "refused"},
        {"mount", "refused"},
        {"ptrace", "refused"},
        {"chroot", "refused"},
        {"fds", "[]"},
    };
    if (geteuid() == 0) probes.emplace_back("read /proc/1/environ", "PermissionError");
    for (const auto& [attempt, expected] : probes) {
        std::string got = bench.answer(thief, attempt);
        // Which of the two it is depends on what comes first, the user or the mount.
        if (expected == "OSError" && got == "PermissionError") got = expected;
        CHECK(attempt + ": " + got == attempt + ": " + expected);
    }
    if (geteuid() == 0) CHECK(bench.answer(thief, "uid") == "True");
    CHECK(bench.answer(thief, "caps") ==
          "['CapPrm:\\t0000000000000000\\n', 'CapEff:\\t0000000000000000\\n', "
          "'NoNewPrivs:\\t1\\n', 'Seccomp:\\t2\\n']");
}

TEST_CASE("variables of a function do not show outside of it") {
    BackendBench bench;
    auto runtime = bench.runtime();
    runtime.env["API_KEY"] = "very-secret-value";
    runtime.env["LD_PRELOAD"] = "/userfunc/deployarchive/evil.so";
    const auto instance = bench.start(runtime);
    REQUIRE(instance.has_value());
    std::size_t seen = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "cmdline");
        std::stringstream text;
        text << file.rdbuf();
        const bool shows = text.str().find("very-secret-value") != std::string::npos;
        seen += shows ? 1 : 0;
    }
    CHECK(seen == 0);
}

TEST_CASE("without the network a function reaches nobody and is still reached") {
    BackendBench bench([](backend::ProcessBackendOptions& options) { options.network = false; });
    if (!sandboxed(bench)) return;
    const auto instance = bench.function(
        "import socket\ndef main(body):\n    return sorted(name for _, name in "
        "socket.if_nameindex())\n");
    CHECK(bench.answer(instance) == "['lo']");
}

TEST_CASE("without a sandbox instances still run, limited, and the probes say what is missing") {
    BackendBench bench([](backend::ProcessBackendOptions& options) {
        options.isolation = backend::ProcessBackendOptions::Isolation::basic;
    });
    const auto probes = bench.backend->probes();
    CHECK(find(probes, "sandbox")->state == backend::Probe::State::missing);
    const auto instance = bench.must_start();
    CHECK(instance.isolation.rfind("no sandbox", 0) == 0);
    auto request = bench.load_request(
        "import resource, os\n"
        "def main(body):\n"
        "    return [resource.getrlimit(resource.RLIMIT_CORE), REQUEST['filepath'], "
        "open(body).read()]\n");
    request.secret_files["default/db/password"] = "s3cret";
    REQUIRE_FALSE(bench.load(instance.id, request).has_error());
    const auto folder = (bench.instances() / instance.name).string();
    CHECK(bench.answer(instance, folder + "/secrets/default/db/password") ==
          "[(0, 0), '" + folder + "/userfunc/deployarchive', 's3cret']");
    bench.stop(instance.id);
    CHECK(test::folders_in(bench.instances()) == 0);
}

TEST_CASE("each probe names what is in force") {
    BackendBench bench([](backend::ProcessBackendOptions& options) {
        auto broken = options.environments[0];
        broken.name = "broken";
        broken.images = {"*/broken"};
        broken.check = {"/usr/bin/python3", "-c", "raise SystemExit('no such library')"};
        broken.check_remedy = "apt-get install it";
        options.environments.push_back(broken);
    });
    for (const char* name : {"sandbox", "user isolation", "system call filter", "secrets",
                             "memory limit", "cpu limit", "process limit"}) {
        const auto probes = bench.backend->probes();
        REQUIRE(find(probes, name) != nullptr);
        CHECK_FALSE(find(probes, name)->detail.empty());
    }
    std::vector<backend::Probe> probes;
    do {
        probes = bench.backend->probes();
        std::this_thread::yield();
    } while (find(probes, "broken")->state == backend::Probe::State::degraded);
    CHECK(find(probes, "foreign")->state == backend::Probe::State::ok);
    CHECK(find(probes, "foreign")->detail == "foreign 1.0");
    CHECK(find(probes, "broken")->state == backend::Probe::State::missing);
    CHECK(find(probes, "broken")->detail == "no such library. Remedy: apt-get install it");
}
