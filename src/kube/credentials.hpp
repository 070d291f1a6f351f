#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/deadline.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/kube/access.hpp"

namespace hearth::kube {

/// What a request shows of itself, and what it trusts.
struct Credential {
    std::string authorization;             ///< the header's value; empty: none
    std::string ca_pem;                    ///< empty: the system's
    std::string certificate_pem, key_pem;  ///< of the client; empty: none
    std::uint64_t version = 0;             ///< counts renewals
    Credential() = default;
};

/// What a credential program printed.
struct ExecResult {
    std::string token, certificate_pem, key_pem;
    std::optional<std::chrono::system_clock::time_point> expires;
};

/// Runs the program and reads the ExecCredential it prints. Blocks up to a minute. Errors:
/// unavailable (what the program said on its standard error is in the message).
Result<ExecResult> run_exec_credential(const Access& access);
/// Reads an ExecCredential. Pure. Errors: unavailable.
Result<ExecResult> parse_exec_credential(const ExecCredential& exec, const std::string& output);

/// The present credential of an Access. Files are read again every minute, a program is run again
/// shortly before what it gave expires; either at once after refused(). One renewal at a time; what
/// fails keeps what there is as long as it may still be good. Thread: any.
class Credentials {
 public:
    Credentials(Access access, aio::BlockingPool& pool);

    /// Errors: unavailable (file or program: the message says why), deadline_exceeded, cancelled.
    Task<Result<Credential>> present(Deadline deadline);
    /// The server did not take the credential of this version.
    void refused(std::uint64_t version);

 private:
    using Steady = std::chrono::steady_clock;
    struct Held {
        Credential credential;
        Steady::time_point until;
        bool expires = false;  ///< at `until` it is of no use any more
    };
    class Turn;

    static Result<Held> obtain(const Access& access);
    std::optional<Result<Credential>> at_hand() const;
    void keep(const Result<Held>& obtained);
    void end_turn();

    const Access access_;
    const bool fixed_;
    aio::BlockingPool& pool_;
    mutable std::mutex mutex_;
    std::optional<Held> held_;
    std::optional<Error> failure_;
    Steady::time_point failed_until_{};
    std::uint64_t version_ = 0;
    bool renewing_ = false;
    std::vector<std::shared_ptr<aio::OneShot<bool>>> waiting_;
};

}  // namespace hearth::kube
