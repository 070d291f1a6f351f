#pragma once

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hearth/backend/process_backend.hpp"
#include "hearth/http/client.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace hearth::test {

inline std::filesystem::path source_folder() {
    return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
}

/// The program beside the test that can be `exec-instance`.
inline std::string helper_program() {
    return (std::filesystem::canonical("/proc/self/exe").parent_path() / "backend_test_helper")
        .string();
}

inline backend::LocalEnvironment foreign_environment() {
    backend::LocalEnvironment environment;
    environment.name = "foreign";
    environment.folder = source_folder() / "test" / "backend";
    environment.images = {"*/foreign-env*"};
    environment.image = "test/foreign-env";
    environment.command = {"/usr/bin/python3", "${ENV_DIR}/foreign_runtime.py"};
    environment.env["PYTHONUNBUFFERED"] = "1";
    environment.env_at_load = true;
    environment.check = {"/usr/bin/python3", "-c", "print('foreign 1.0')"};
    return environment;
}

/// True when the process ended within ten seconds.
inline bool ends(pid_t pid) {
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) return true;
    pollfd wait{fd, POLLIN, 0};
    const bool ended = poll(&wait, 1, 10'000) == 1;
    close(fd);
    return ended;
}

inline std::size_t folders_in(const std::filesystem::path& folder) {
    std::size_t count = 0;
    std::error_code ec;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ec))
        count += entry.is_directory(ec) ? 1 : 0;
    return count;
}

/// A process backend with the foreign runtime, in a folder of its own.
class BackendBench {
 public:
    explicit BackendBench(std::function<void(backend::ProcessBackendOptions&)> change = {}) {
        backend::ProcessBackendOptions options;
        options.run_folder = data.path() / "run";
        options.environments = {foreign_environment()};
        options.self_exe = helper_program();
        options.default_memory_bytes = 256u << 20;
        options.max_processes_per_instance = 32;
        if (change) change(options);
        std::filesystem::permissions(data.path(), std::filesystem::perms(0711));
        auto made =
            backend::make_process_backend(options, shards, pool, function_log, log, metrics);
        if (!made) throw std::runtime_error(made.error().message);
        backend = std::move(*made);
        backend->on_exit([this](const backend::InstanceExit& exit) {
            std::lock_guard lock(mutex_);
            exits_[exit.id] = exit;
            changed_.notify_all();
        });
    }
    ~BackendBench() {
        if (backend) backend->shutdown(Deadline::after(std::chrono::seconds(5)));
    }

    backend::Runtime runtime() const {
        backend::Runtime wanted;
        wanted.environment.name = "foreign";
        wanted.spec.image = "test/foreign-env";
        wanted.hash = "h1";
        return wanted;
    }
    Result<backend::Instance> start(backend::Runtime wanted,
                                    std::chrono::seconds limit = std::chrono::seconds(15)) {
        return run_task(backend->start(std::move(wanted), Deadline::after(limit)));
    }
    backend::Instance must_start() {
        auto started = start(runtime());
        if (!started)
            throw std::runtime_error(started.error().message + ": " + started.error().detail);
        return *started;
    }
    /// A folder with main.py, as the archive store keeps it.
    std::string code(const std::string& text) {
        const auto folder = data.path() / ("code-" + std::to_string(++codes_));
        std::filesystem::create_directories(folder);
        std::ofstream(folder / "main.py") << text;
        std::filesystem::permissions(folder / "main.py", std::filesystem::perms(0444));
        return folder.string();
    }
    backend::LoadRequest load_request(const std::string& text) {
        backend::LoadRequest request;
        request.code_path = code(text);
        request.function.name = "hello";
        return request;
    }
    Result<void> load(std::uint64_t id, backend::LoadRequest request,
                      std::chrono::seconds limit = std::chrono::seconds(15)) {
        return run_task(backend->load(id, std::move(request), Deadline::after(limit)));
    }
    /// An instance that runs this code.
    backend::Instance function(const std::string& text) {
        backend::Instance instance = must_start();
        auto loaded = load(instance.id, load_request(text));
        if (loaded.has_error())
            throw std::runtime_error(loaded.error().message + ": " + loaded.error().detail);
        return instance;
    }
    Result<http::ClientResponse> call(const backend::Instance& instance,
                                      const std::string& body = "") {
        http::ClientRequest request;
        request.method = "POST";
        request.target = "/call";
        request.body = body;
        return run_task(http::fetch(instance.endpoint, std::move(request),
                                    Deadline::after(std::chrono::seconds(15))));
    }
    std::string answer(const backend::Instance& instance, const std::string& body = "") {
        auto got = call(instance, body);
        return got ? got->body : "no answer: " + got.error().message;
    }
    void stop(std::uint64_t id, std::chrono::milliseconds grace = std::chrono::milliseconds(500)) {
        run_task(backend->stop(id, grace));
    }
    std::optional<backend::InstanceExit> exit_of(std::uint64_t id) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::seconds(15), [&] { return exits_.count(id) != 0; });
        const auto found = exits_.find(id);
        if (found == exits_.end()) return std::nullopt;
        return found->second;
    }
    std::filesystem::path instances() const { return data.path() / "run" / "instances"; }

    TempDir data;
    aio::Shards shards{1};
    aio::BlockingPool pool{2, 64};
    telemetry::Logger log{std::getenv("HEARTH_TEST_LOG") != nullptr ? telemetry::Level::debug
                                                                    : telemetry::Level::error,
                          telemetry::Logger::Format::text};
    telemetry::Registry metrics;
    telemetry::FunctionLog function_log{telemetry::FunctionLogOptions{data.path() / "logs"}};
    std::unique_ptr<backend::Backend> backend;

 private:
    int codes_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint64_t, backend::InstanceExit> exits_;
};

}  // namespace hearth::test
