#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backend/confinement.hpp"
#include "backend/job_thread.hpp"
#include "backend/output_reader.hpp"
#include "backend/spawn.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/backend/backend.hpp"
#include "hearth/telemetry/function_log.hpp"

namespace hearth::backend {

/// What every instance works with; all of it outlives them.
struct InstanceContext {
    aio::Executor loop;  ///< the backend's own loop
    const Confinement& confinement;
    telemetry::FunctionLog& function_log;
    JobThread& janitor;  ///< removes what is left of ended instances
    std::function<void(const InstanceExit&)>
        on_exit;                                 ///< on the loop, as soon as the process has ended
    std::function<void(std::uint64_t)> on_gone;  ///< on the janitor, when nothing of it is left
};

/// A process that was started for an instance.
struct StartedProcess {
    pid_t pid = 0;
    base::UniqueFd pidfd;
    bool own_child = true;  ///< else a zygote's child, whose status others reap
    base::UniqueFd out, err;
    base::UniqueFd info;  ///< bubblewrap's info pipe, if there is one
};

/// One instance from the order to start it until nothing of it is left.
/// Thread: any, unless said otherwise.
class ManagedInstance : public std::enable_shared_from_this<ManagedInstance> {
 public:
    ManagedInstance(InstanceContext& context, std::uint64_t id, std::string name,
                    InstanceFolder folder, bool in_cgroup);

    std::uint64_t id() const { return id_; }
    const std::string& name() const { return name_; }
    const InstanceFolder& folder() const { return folder_; }
    bool in_cgroup() const { return in_cgroup_; }

    /// Around making its folder and group. False: it was given up meanwhile, make nothing.
    bool begin_prepare();
    void end_prepare();
    /// Before a process is started for it. False: it was given up meanwhile, start nothing.
    bool begin_launch();
    /// Watches the process from now on. Call once after begin_launch(); when none could be started
    /// call abandon().
    void adopt(StartedProcess process);
    void abandon();
    /// Whoever wanted it does not any more, at whatever stage it is.
    void give_up();
    /// SIGTERM to its group now, SIGKILL after `grace`. Repeated calls can only shorten it.
    void terminate(std::chrono::milliseconds grace);
    /// False when something of it is still there at the deadline.
    Task<bool> wait_gone(Deadline deadline);
    bool wait_gone_blocking(Deadline deadline);
    /// Set once the process has ended.
    std::optional<InstanceExit> ended() const;
    /// The same, waiting for news that are on their way.
    Task<std::optional<InstanceExit>> wait_ended(Deadline deadline);

    /// Its output belongs to this function from now on.
    void set_function(std::string ns, std::string function);
    void attribute(std::string_view request_id);
    void set_memory_limit(std::uint64_t bytes);
    /// The exit status a zygote reaped, as wait(2) gives it.
    void note_wait_status(int status);
    bool is_process(pid_t pid) const;
    /// Of the runtime itself, 0 while not known.
    pid_t runtime_pid() const;
    std::optional<InstanceUsage> usage() const;

 private:
    using Descriptor = OutputReader::Descriptor;
    using Timer = aio::net::basic_waitable_timer<
        std::chrono::steady_clock, aio::net::wait_traits<std::chrono::steady_clock>, aio::Executor>;

    void watch(StartedProcess process);
    void read_info();
    void process_ended();
    void conclude(int wait_status, bool status_known);
    InstanceExit make_exit(int wait_status, bool status_known) const;
    void report(const InstanceExit& exit);
    void take_line(OutputLine line);
    void send_signal(int number);
    void kill_all();
    void clean_up();

    InstanceContext& context_;
    const std::uint64_t id_;
    const std::string name_;
    const InstanceFolder folder_;
    const bool in_cgroup_;

    // Of the loop only.
    std::shared_ptr<OutputReader> output_;
    Descriptor pidfd_;
    Descriptor info_;
    Timer kill_timer_;
    std::string info_text_;
    OutputBudget budget_;
    std::size_t status_tries_ = 0;

    mutable std::mutex mutex_;
    pid_t pid_ = 0;
    pid_t inner_pid_ = 0;  ///< first process of the sandbox, leader of the runtime's group
    bool own_child_ = true;
    bool preparing_ = false;
    bool launching_ = false;
    bool given_up_ = false;
    bool stopping_ = false;
    bool over_ = false;  ///< the process has ended; no signal may be sent any more
    bool gone_ = false;
    std::optional<int> reaped_status_;
    std::optional<InstanceExit> exit_;
    std::string ns_, function_, request_id_;
    std::uint64_t memory_limit_ = 0;
    std::optional<std::chrono::steady_clock::time_point> kill_at_;
    std::vector<std::shared_ptr<aio::OneShot<bool>>> gone_waiters_, end_waiters_;
    mutable std::condition_variable gone_condition_;
};

}  // namespace hearth::backend
