#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend/confinement.hpp"
#include "backend/job_thread.hpp"
#include "backend/output_reader.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/telemetry/log.hpp"

namespace hearth::backend {

/// How a zygote is started.
struct ZygoteRecipe {
    std::string name;  ///< of the environment
    ResolvedCommand command;
    std::map<std::string, std::string> env;
    bool network = true;
};

/// One instance asked of a zygote.
struct ForkOrder {
    std::string name;
    boost::json::object packet;                ///< as env-images/README.md describes it
    std::shared_ptr<base::UniqueFd> out, err;  ///< write ends of the instance's pipes
};

struct ForkedChild {
    pid_t pid = 0;  ///< as the daemon sees it
    base::UniqueFd pidfd;
};
using ForkAnswer = aio::OneShot<Result<ForkedChild>>;

struct EndedChild {
    std::string name;  ///< of the instance; empty when the zygote only tells its pid
    pid_t pid = 0;
    int status = 0;
};

/// One pre-imported process that forks instances. Thread: the loop's.
class Zygote : public std::enable_shared_from_this<Zygote> {
 public:
    /// A child of it was reaped with this status, where it tells.
    using ChildEnded = std::function<void(const EndedChild&)>;

    Zygote(aio::Executor loop, JobThread& spawner, const Confinement& confinement,
           telemetry::Logger& log, ZygoteRecipe recipe, ChildEnded child_ended);

    /// Starts it if need be; the answer is an error when there is none now or it dies first.
    void fork(ForkOrder order, std::shared_ptr<ForkAnswer> answer);
    void stop();
    bool stopped_for_good() const { return state_ == State::stopped; }
    std::chrono::steady_clock::time_point last_use() const { return last_use_; }
    /// The process of it, 0 when none runs. Thread: any.
    pid_t pid() const { return pid_.load(); }

 private:
    using Descriptor = OutputReader::Descriptor;
    using Timer = aio::net::basic_waitable_timer<
        std::chrono::steady_clock, aio::net::wait_traits<std::chrono::steady_clock>, aio::Executor>;
    enum class State { idle, starting, ready, stopped };
    struct Waiting {
        ForkOrder order;
        std::shared_ptr<ForkAnswer> answer;
    };
    struct Process;

    void start();
    void started(std::shared_ptr<Process> process);
    void read_packets();
    void take_packet(std::string_view packet, base::UniqueFd pidfd);
    void answer_fork(ForkAnswer& answer, pid_t told, base::UniqueFd pidfd);
    void send(Waiting waiting);
    void note_refusal(const std::string& why);
    void died(const std::string& why);
    void fail_all(const Error& error);
    void kill_process();

    aio::Executor loop_;
    JobThread& spawner_;
    const Confinement& confinement_;
    telemetry::Logger& log_;
    const ZygoteRecipe recipe_;
    ChildEnded child_ended_;
    State state_ = State::idle;
    std::shared_ptr<OutputReader> output_;
    Descriptor socket_;
    Descriptor pidfd_;
    Timer start_timer_;
    std::atomic<pid_t> pid_{0};
    std::vector<Waiting> waiting_;                                ///< until it is ready
    std::map<std::string, std::shared_ptr<ForkAnswer>> answers_;  ///< sent, by instance name
    unsigned failures_ = 0;
    unsigned refusals_ = 0;  ///< forks that failed, one after the other
    std::chrono::steady_clock::time_point not_before_{};
    std::chrono::steady_clock::time_point last_use_{};
};

}  // namespace hearth::backend
