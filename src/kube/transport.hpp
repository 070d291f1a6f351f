#pragma once

#include <boost/json/value.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "hearth/aio/task_group.hpp"
#include "hearth/kube/client.hpp"
#include "kube/call.hpp"
#include "kube/client_metrics.hpp"
#include "kube/connection_pool.hpp"
#include "kube/credentials.hpp"
#include "kube/request_budget.hpp"

namespace hearth::kube {

/// Takes requests to the server: budget, credentials, connections, what is repeated and when.
/// Thread: any.
class Transport {
 public:
    Transport(Access access, const ClientOptions& options, aio::Shards& shards,
              aio::BlockingPool& pool, telemetry::Logger& log, telemetry::Registry& metrics);
    ~Transport() { stop(); }

    /// Sends and waits for an answer below 400; its body is still to be read. Errors: status.hpp.
    Task<Result<Line>> open(Call call, Deadline deadline);
    /// The whole answer, parsed as it comes; what is no JSON is given as a string.
    Task<Result<boost::json::value>> fetch(Call call, Deadline deadline);
    /// Whether the server gives any answer at all.
    Task<bool> answers(Deadline deadline);

    void fence(std::function<bool()> may_write);
    const Access& access() const { return plan_.access; }
    /// Of watches' probes. Cancelled by stop().
    aio::TaskGroup& tasks() { return tasks_; }
    void stop();

 private:
    struct Attempt {
        Line line;
        ReplyHead head;
        std::uint64_t credential = 0;
    };

    Task<Result<void>> admit(Deadline deadline);
    bool fenced(const Call& call);
    Task<Result<Attempt>> attempt(Call call, Deadline deadline);
    Task<Result<Attempt>> attempt_on(Line line, HttpRequest request, std::uint64_t credential,
                                     Deadline deadline);
    Task<Result<Line>> fresh(Credential credential, Deadline deadline);
    Task<Error> refusal(Attempt& refused, Deadline deadline);
    Result<std::shared_ptr<TlsContext>> tls_for(const Credential& credential);
    void sign(HttpRequest& request, const Credential& credential) const;
    void count(const Call& call, const Result<Attempt>& result,
               std::chrono::steady_clock::time_point began);

    const ConnectionPlan plan_;
    const ClientOptions options_;
    ClientMetrics metrics_;
    Credentials credentials_;
    RequestBudget budget_;
    std::atomic<bool> stopped_{false};
    std::mutex mutex_;
    std::shared_ptr<TlsContext> tls_;
    std::shared_ptr<const std::function<bool()>> may_write_;  ///< null: always
    ConnectionPool connections_;
    aio::TaskGroup tasks_;
};

}  // namespace hearth::kube
