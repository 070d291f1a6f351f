#include "backend/backend_bench.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::BackendBench;

namespace {

/// Collects the log of default/hello until a line is there.
class Follower {
 public:
    explicit Follower(telemetry::FunctionLog& log)
        : handle_(log.follow("default", "hello", [this](const telemetry::LogEntry& entry) {
              std::lock_guard lock(mutex_);
              entries_.push_back(entry);
              changed_.notify_all();
          })) {}

    std::optional<telemetry::LogEntry> wait_for(const std::string& part) {
        std::unique_lock lock(mutex_);
        std::optional<telemetry::LogEntry> found;
        changed_.wait_for(lock, std::chrono::seconds(15), [&] {
            for (const auto& entry : entries_) {
                if (entry.message.find(part) != std::string::npos) found = entry;
            }
            return found.has_value();
        });
        return found;
    }

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<telemetry::LogEntry> entries_;
    telemetry::FunctionLog::Follower handle_;
};

}  // namespace

TEST_CASE("lines of a function reach its log with the request they belong to") {
    BackendBench bench;
    Follower follower(bench.function_log);
    const auto instance = bench.function(
        "import sys\n"
        "print('while loading')\n"
        "def main(body):\n"
        "    print('plain')\n"
        "    print('failing', file=sys.stderr)\n"
        "    print('{\"hearth\":1,\"stream\":\"err\",\"request_id\":\"r-2\",\"message\":\"from the "
        "loader\"}')\n"
        "    return ''\n");
    // A plain line counts for the request that runs when it arrives, so it has to be in first.
    const auto loading = follower.wait_for("while loading");
    REQUIRE(loading);
    bench.backend->attribute(instance.id, "r-1");
    bench.answer(instance);
    CHECK(loading->request_id.empty());
    CHECK(loading->instance == instance.name);
    const auto plain = follower.wait_for("plain");
    REQUIRE(plain);
    CHECK(plain->request_id == "r-1");
    CHECK(plain->stream == telemetry::LogEntry::Stream::out);
    const auto failing = follower.wait_for("failing");
    REQUIRE(failing);
    CHECK(failing->stream == telemetry::LogEntry::Stream::err);
    const auto record = follower.wait_for("from the loader");
    REQUIRE(record);
    CHECK(record->message == "from the loader");
    CHECK(record->request_id == "r-2");
    CHECK(record->stream == telemetry::LogEntry::Stream::err);
}

TEST_CASE("a flood of output neither blocks the function nor grows the daemon") {
    BackendBench bench;
    Follower follower(bench.function_log);
    const auto instance = bench.function(
        "import os\n"
        "def main(body):\n"
        "    for _ in range(2000):\n"
        "        os.write(1, b'x' * 60000 + b'\\n')\n"
        "    return 'written'\n");
    const auto resident = [] {
        std::ifstream statm("/proc/self/statm");
        std::uint64_t size = 0, pages = 0;
        statm >> size >> pages;
        return pages * 4096;
    };
    const auto before = resident();
    CHECK(bench.answer(instance) == "written");
    CHECK(resident() < before + (64u << 20));
    CHECK(bench.answer(instance) == "written");
    bench.stop(instance.id);
    CHECK(bench.exit_of(instance.id)->last_output.size() <= 4096);
}
