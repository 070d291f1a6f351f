#include "backend/process_builder.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "backend/build_command.hpp"
#include "backend/disk_watch.hpp"
#include "backend/exit_status.hpp"
#include "backend/line_cutter.hpp"
#include "backend/runtime_plan.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

constexpr char kInside[] = "/build";
constexpr char kCacheInside[] = "/build-cache";
/// Above the users of instances, which count from the first.
constexpr long kBuildUsers = 10'000;
constexpr auto kLeftoverPause = std::chrono::milliseconds(2);
constexpr int kLeftoverTries = 2500;

/// What an eventfd tells: wakes poll() in the build's thread.
void ring(int fd) {
    const std::uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0) return;  // it rings already
}

int milliseconds_left(Deadline deadline, const DiskWatch& disk) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left());
    return static_cast<int>(std::clamp<long long>(std::min(left, disk.pause()).count(), 0, 60'000));
}

}  // namespace

struct ProcessBuilder::Job {
    BuildOrder order;
    LineSink sink;
    Deadline deadline = Deadline::never();
    std::string name;  ///< of its control group and folder
    base::UniqueFd bell;
    std::atomic<bool> stopped{false};
    std::shared_ptr<Answer> answer;
    std::string shown, remedy;
    std::uint64_t memory_bytes = 0;
    std::optional<DiskWatch> disk;

    void stop() {
        stopped = true;
        ring(bell.get());
    }
};

ProcessBuilder::ProcessBuilder(const ProcessBackendOptions& options, const Confinement& confinement,
                               fs::path folder, telemetry::Logger& log)
    : options_(options), confinement_(confinement), folder_(std::move(folder)), log_(log) {
    std::error_code ec;
    fs::create_directories(folder_, ec);
    if (!ec) fs::permissions(folder_, fs::perms(0711), ec);
    if (ec) {
        log_.log(telemetry::Level::error, "backend", "the folder of builds cannot be made",
                 {{"folder", folder_.string()}, {telemetry::kErr, ec.message()}});
    }
}

ProcessBuilder::~ProcessBuilder() {
    stop();
}

Result<void> ProcessBuilder::check(const model::EnvironmentSpec& spec) const {
    auto plan = plan_build(spec, "", options_, confinement_, BuildPaths());
    if (!plan) return plan.error();
    return {};
}

void ProcessBuilder::forget(const std::string& environment_uid) {
    if (options_.builds.cache_folder.empty() || environment_uid.empty()) return;
    std::lock_guard lock(cache_mutex_);
    remove_build_tree(options_.builds.cache_folder / environment_uid);
}

void ProcessBuilder::stop() {
    std::vector<std::thread> running;
    {
        std::lock_guard lock(mutex_);
        stopped_ = true;
        for (auto& [job, thread] : jobs_) {
            job->stop();
            running.push_back(std::move(thread));
        }
        jobs_.clear();
    }
    for (auto& thread : running) thread.join();
    join_ended();
}

void ProcessBuilder::join_ended() {
    std::vector<std::thread> ended;
    {
        std::lock_guard lock(mutex_);
        ended.swap(ended_);
    }
    for (auto& thread : ended) thread.join();
}

Task<Result<BuildOutput>> ProcessBuilder::build(BuildOrder order, LineSink sink,
                                                Deadline deadline) {
    auto executor = co_await aio::net::this_coro::executor;
    auto job = std::make_shared<Job>();
    job->order = std::move(order);
    job->sink = std::move(sink);
    job->deadline = deadline;
    job->name = "build-" + base::random_hex(6);
    job->answer = std::make_shared<Answer>(executor);
    job->bell.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!job->bell) co_return base::from_errno(errno, "make an event descriptor");
    join_ended();
    std::stop_callback on_stop(job->order.stop, [job] { job->stop(); });
    if (auto begun = begin(job); begun.has_error()) co_return begun.error();
    auto answer = co_await job->answer->wait(Deadline::never());
    if (!answer) {
        job->stop();
        co_return Error(Errc::cancelled, "the caller went away", "", "backend");
    }
    co_return std::move(*answer);
}

Result<void> ProcessBuilder::begin(const std::shared_ptr<Job>& job) {
    std::lock_guard lock(mutex_);
    if (stopped_)
        return Error(Errc::unavailable, "the process backend is shutting down", "", "backend");
    try {
        jobs_[job] = std::thread([this, job] { work(job); });
    } catch (const std::system_error& e) {
        return Error(Errc::exhausted, std::string("a thread cannot be started: ") + e.what(), "",
                     "backend");
    }
    return {};
}

/// The thread of one build.
void ProcessBuilder::work(std::shared_ptr<Job> job) {
    pthread_setname_np(pthread_self(), "build");
    auto outcome = carry_out(*job);
    job->sink = nullptr;
    {
        std::lock_guard lock(mutex_);
        if (const auto own = jobs_.find(job); own != jobs_.end()) {
            ended_.push_back(std::move(own->second));
            jobs_.erase(own);
        }
    }
    job->answer->deliver(std::move(outcome));
}

Result<BuildOutput> ProcessBuilder::carry_out(Job& job) {
    BuildCache cache;
    const long first = confinement_.first_uid < 0 ? -1 : confinement_.first_uid + kBuildUsers;
    {
        std::lock_guard lock(cache_mutex_);
        auto found = build_cache(options_.builds.cache_folder, job.order.environment.uid, first);
        if (!found) return found.error();
        cache = std::move(*found);
        if (!cache.folder.empty()) ++cache_users_[cache.folder];
    }
    auto scratch = std::make_shared<BuildScratch>(folder_ / job.name, cache.owner);
    if (auto made = scratch->create(job.order.source, options_.builds.home); made.has_error()) {
        leave_cache(cache);
        return made.error();
    }
    job.disk.emplace(bounds(*scratch, cache));
    auto ran = run_command(job, *scratch, cache);
    leave_cache(cache);
    if (ran.has_error()) return ran.error();
    struct stat info {};
    if (lstat(scratch->deploy().c_str(), &info) != 0 ||
        !(S_ISDIR(info.st_mode) || S_ISREG(info.st_mode))) {
        return Error(
            Errc::function_failed,
            fmt::format("the build command `{}` ended well but made neither a folder nor a "
                        "file at $DEPLOY_PKG",
                        job.shown),
            "", "build");
    }
    BuildOutput output;
    output.path = scratch->deploy();
    output.hold = scratch;
    return output;
}

/// A cache may grow to twice its size in one build; at its end it is emptied when it is too large.
std::vector<DiskBound> ProcessBuilder::bounds(const BuildScratch& scratch,
                                              const BuildCache& cache) const {
    DiskBound own;
    own.folder = scratch.root();
    own.bytes = options_.builds.scratch_bytes;
    own.what = "the build's folder (source, result, HOME and temporary files)";
    own.remedy = "build.scratchSize in hearth.yaml raises it";
    DiskBound kept;
    kept.folder = cache.folder;
    kept.bytes = 2 * options_.builds.cache_bytes;
    kept.what = "what builds of the environment keep";
    kept.remedy = "it is emptied now; build.cacheSize in hearth.yaml raises it";
    return {own, kept};
}

/// The last build that uses a cache empties it when it has grown too large: which of its files are
/// worth keeping only its tools know.
void ProcessBuilder::leave_cache(const BuildCache& cache) {
    if (cache.folder.empty()) return;
    std::lock_guard lock(cache_mutex_);
    const auto users = cache_users_.find(cache.folder);
    if (--users->second > 0) return;
    cache_users_.erase(users);
    const auto limit = options_.builds.cache_bytes;
    if (disk_use(cache.folder, limit) <= limit) return;
    std::error_code ec;
    for (fs::directory_iterator entries(cache.folder, ec);
         !ec && entries != fs::directory_iterator(); entries.increment(ec))
        remove_build_tree(entries->path());
    log_.log(telemetry::Level::info, "backend", "emptied a build cache past build.cacheSize",
             {{"folder", cache.folder.string()}});
}

Result<void> ProcessBuilder::run_command(Job& job, const BuildScratch& scratch,
                                         const BuildCache& cache) {
    const bool inside = confinement_.sandbox.works;
    const fs::path root = inside ? fs::path(kInside) : scratch.root();
    BuildPaths paths;
    paths.source = root / "src";
    paths.deploy = root / "deploy";
    paths.home = root / "home";
    paths.tmp = root / "tmp";
    if (!cache.folder.empty()) paths.cache = inside ? kCacheInside : cache.folder.string();
    auto plan = plan_build(job.order.spec, job.order.command, options_, confinement_, paths);
    if (!plan) return plan.error();
    job.shown = plan->shown;
    job.remedy = plan->remedy;

    LaunchOrder order;
    order.name = job.name;
    order.command = plan->command;
    order.uid = cache.owner;
    order.binds = {{scratch.root(), kInside, true}};
    if (!cache.folder.empty()) order.binds.push_back({cache.folder, kCacheInside, true});
    order.working_folder = paths.source;
    order.tool_settings = true;
    model::Limits limits = job.order.spec.builder.limits;
    if (limits.memory_bytes == 0) limits.memory_bytes = options_.builds.memory_bytes;
    if (limits.cpu_millicores == 0) limits.cpu_millicores = options_.builds.cpu_millicores;
    job.memory_bytes = limits.memory_bytes;
    order.rlimits =
        resource_limits(confinement_, limits, options_.builds.max_processes, cache.owner);
    order.in_cgroup = confinement_.cgroups.any();
    if (order.in_cgroup) {
        CgroupLimits group;
        group.memory_bytes = limits.memory_bytes;
        group.cpu_millicores = limits.cpu_millicores;
        group.processes = options_.builds.max_processes;
        if (auto made = confinement_.cgroups.create(job.name, group); made.has_error()) return made;
    }
    auto output = make_pipe();
    auto variables = make_variables_file(plan->env);
    Result<Spawned> spawned = Error(Errc::io, "no pipe or memory file for the build");
    if (output && variables) {
        SpawnRequest request;
        request.executable = fmt::format("/proc/self/fd/{}", kSelfExeFd);
        request.arguments = launch_arguments(confinement_, order);
        // One pipe for both streams keeps the order of their lines.
        request.descriptors = {{output->write.get(), STDOUT_FILENO},
                               {output->write.get(), STDERR_FILENO},
                               {confinement_.self_exe.get(), kSelfExeFd},
                               {variables->get(), kVariablesFd},
                               {confinement_.lifeline.read.get(), kLifelineFd}};
        spawned = spawn(request);
        output->write.reset();
    }
    if (!spawned) {
        end_group(job.name, 0);
        return spawned.error();
    }
    auto status = wait_for(job, spawned->pid, spawned->pidfd.get(), output->read.get());
    const bool out_of_memory =
        order.in_cgroup && status && *status != 0 && confinement_.cgroups.oom_kills(job.name) > 0;
    end_group(job.name, spawned->pid);
    if (!status) return status.error();
    if (*status == 0) return {};
    if (out_of_memory) {
        return Error(Errc::function_failed,
                     fmt::format("the build command `{}` ended out of memory (limit {} MiB; "
                                 "build.memory in hearth.yaml or the Environment's "
                                 "spec.builder.container.resources.limits.memory raises it)",
                                 job.shown, job.memory_bytes >> 20),
                     "", "build");
    }
    return explain(job, *status);
}

/// Passes the output on until the command ends. Answers its wait status. Errors: cancelled,
/// deadline_exceeded, too_large (past a bound); the command is dead then, too.
Result<int> ProcessBuilder::wait_for(Job& job, pid_t pid, int pidfd, int output) {
    LineCutter cutter;
    std::optional<Error> cut_off;
    bool open = true, ended = false;
    const auto drain = [&] {
        char buffer[16 * 1024];
        // Bounded, so that a command that only writes is still stopped in time.
        for (int rounds = 0; open && rounds < 64; ++rounds) {
            const ssize_t n = read(output, buffer, sizeof buffer);
            if (n == 0) open = false;
            if (n <= 0) break;
            cutter.feed(std::string_view(buffer, static_cast<std::size_t>(n)), job.sink);
        }
    };
    while (!ended) {
        if (job.stopped) cut_off = Error(Errc::cancelled, "the build was cancelled", "", "build");
        if (!cut_off && job.deadline.passed()) {
            cut_off = Error(Errc::deadline_exceeded,
                            fmt::format("the build command `{}` did not end in time", job.shown),
                            "", "build");
        }
        if (auto room = job.disk->look(); !cut_off && room.has_error()) cut_off = room.error();
        if (cut_off) break;
        pollfd waits[3] = {{pidfd, POLLIN, 0}, {job.bell.get(), POLLIN, 0}, {output, POLLIN, 0}};
        if (poll(waits, open ? 3 : 2, milliseconds_left(job.deadline, *job.disk)) < 0 &&
            errno != EINTR) {
            cut_off = base::from_errno(errno, "wait for the build command");
            break;
        }
        ended = (waits[0].revents & POLLIN) != 0;
        drain();
    }
    if (!ended) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    drain();
    cutter.finish(job.sink);
    if (cut_off) return *cut_off;
    return status;
}

/// Ends what the command left running in the background, and the control group.
void ProcessBuilder::end_group(const std::string& name, pid_t pid) {
    if (pid > 0) kill(-pid, SIGKILL);
    if (!confinement_.cgroups.any()) return;
    for (int tries = 0; tries < kLeftoverTries; ++tries) {
        confinement_.cgroups.kill_all(name);
        if (confinement_.cgroups.remove(name)) return;
        std::this_thread::sleep_for(kLeftoverPause);
    }
    log_.log(telemetry::Level::error, "backend", "processes of a build did not end although killed",
             {{"group", name}});
}

Error ProcessBuilder::explain(const Job& job, int status) const {
    const DecodedStatus decoded = decode_wait_status(status, confinement_.sandbox.works);
    std::string how = decoded.signalled ? fmt::format("by signal {}", decoded.code)
                                        : fmt::format("with exit code {}", decoded.code);
    // 126 and 127 are how shells and exec-instance tell of a program that is not there.
    if (!decoded.signalled && (decoded.code == 126 || decoded.code == 127) && !job.remedy.empty())
        how += "; if a program is missing: " + job.remedy;
    return Error(Errc::function_failed,
                 fmt::format("the build command `{}` ended {}", job.shown, how), "", "build");
}

}  // namespace hearth::backend
