#pragma once

#include <boost/json/object.hpp>

#include <string>

#include "runner/body.hpp"
#include "runner/configuration.hpp"
#include "runner/environment.hpp"
#include "runner/order.hpp"
#include "runner/token_file.hpp"

namespace hearth::runner {

/// What this pod is: generic, or loaded with one function's code, once. Thread: the loop's.
class Instance {
 public:
    enum class State { generic, loading, loaded, failed };
    struct Times {
        std::chrono::milliseconds unpack{0}, load{0};
    };

    Instance(const Configuration& configuration, Environment& environment, TokenFile& token,
             Executor executor);

    /// Unpacks, writes the settings, loads. `archive` is read as far as it is needed. Only what
    /// failed after the environment or the settings were touched makes the instance `failed`.
    /// Errors: 400 `invalid_argument`, 408 `cancelled` (the sender broke off), 409 `loaded`,
    /// `loading`, `failed` or `unknown_archive`, 422 `function_failed`, 502 `environment_gone` or
    /// `peer_failed`, 504 `deadline_exceeded`, 507 `no_space`, 500 `io`.
    Task<Result<Times>> load(LoadOrder order, Body& archive);
    /// Errors: 500 `io`, 507 `no_space`.
    Result<void> replace_settings(const Settings& settings);

    /// The document of GET /v1/state.
    Task<boost::json::object> describe();
    /// What GET /readyz says.
    Task<bool> ready();
    std::string archive_folder(const std::string& digest) const;

 private:
    Task<Result<void>> obtain(const LoadOrder& order, Body& archive, Clock::time_point deadline);
    Task<Result<void>> download(const LoadOrder& order, Clock::time_point deadline);
    Task<Result<void>> unpack(const LoadOrder& order, Body& archive, Clock::time_point deadline);
    Task<Result<void>> insert(const LoadOrder& order, Clock::time_point deadline);
    Result<std::string> code_path(const LoadOrder& order) const;
    Task<bool> alive();

    const Configuration& configuration_;
    Environment& environment_;
    TokenFile& token_;
    Executor executor_;
    std::string userfunc_;
    State state_ = State::generic;
    std::string identity_, digest_;
    boost::json::object function_;
};

}  // namespace hearth::runner
