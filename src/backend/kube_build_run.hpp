#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "backend/kube_build_stream.hpp"
#include "backend/kube_pod_book.hpp"
#include "backend/kube_runner_client.hpp"
#include "backend/line_cutter.hpp"
#include "hearth/backend/builder.hpp"

namespace hearth::backend {

/// One build in a pod from its order to its end. Thread: any; take() and conclude() are for the one
/// exchange with the agent.
class KubeBuild {
 public:
    /// `file`: where the result is put.
    KubeBuild(BuildOrder wanted, LineSink sink, Deadline until, PodEntryPtr pod,
              std::filesystem::path file, BuildWords what);

    const BuildOrder order;
    const Deadline deadline;
    const PodEntryPtr entry;
    const BuildWords words;
    std::string token;  ///< of this pod's agent; set before the exchange

    /// Lines of the builder's own.
    void say(std::string_view text);
    /// From now on nothing is taken and nothing is said.
    void abandon();
    /// The exchange begins: from now on the agent is to be heard.
    void begin();
    /// When the agent was last heard.
    std::chrono::steady_clock::time_point heard() const;
    /// The exchange's end, told once.
    void tell(Result<void> outcome);
    std::optional<Result<void>> outcome() const;
    /// What was made; its file goes with the last copy.
    BuildOutput output() const;

    void answered(int status);
    /// A piece of the answer. False: the exchange is to stop.
    bool take(std::string_view bytes);
    Result<void> conclude(const std::optional<Error>& broken);

 private:
    Result<void> write(std::string_view bytes);

    mutable std::mutex mutex_;
    LineSink sink_;
    LineCutter cutter_;
    BuildStreamReader reader_;
    const std::filesystem::path file_;
    std::shared_ptr<void> hold_;
    std::ofstream out_;
    std::uint64_t written_ = 0;
    int status_ = 0;       ///< of the agent's answer; 0: none yet
    std::string refusal_;  ///< an answer other than 200
    std::optional<Error> fault_;
    std::optional<Result<void>> outcome_;
    std::chrono::steady_clock::time_point heard_ = std::chrono::steady_clock::now();
};
using KubeBuildPtr = std::shared_ptr<KubeBuild>;

/// Sends the source to the agent and takes what comes back, until the agent has had its say.
/// Errors: those of build_fault() and agent_error(); unavailable when the connection broke.
Task<Result<void>> send_build(KubeBuildPtr build, RunnerAddress agent, PackedArchive source);

}  // namespace hearth::backend
