#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backend/confinement.hpp"
#include "hearth/backend/backend.hpp"
#include "hearth/backend/process_backend.hpp"

namespace hearth::backend {

/// Runs each environment's `check` command, confined as its instances are, on a thread of its own:
/// an interpreter takes longer to start than the daemon may. Thread: probes() from any.
class LanguageChecks {
 public:
    /// Both outlive it.
    LanguageChecks(const ProcessBackendOptions& options, const Confinement& confinement);
    ~LanguageChecks();  // joins; a check that hangs is ended after a few seconds
    LanguageChecks(const LanguageChecks&) = delete;
    LanguageChecks& operator=(const LanguageChecks&) = delete;

    /// One per environment, one more for its builder; degraded while its check is still running.
    std::vector<Probe> probes() const;

 private:
    /// One command to be run: of a runtime or of a builder.
    struct Item {
        std::string name;
        std::filesystem::path folder;
        std::vector<std::string> command;
        std::string remedy;
        Probe::State otherwise = Probe::State::missing;
    };
    Probe check(const Item& item) const;

    const ProcessBackendOptions& options_;
    const Confinement& confinement_;
    std::vector<Item> items_;
    std::atomic<bool> stopping_{false};
    mutable std::mutex mutex_;
    std::vector<Probe> done_;
    std::thread thread_;
};

/// What keeps instances apart, one line each: sandbox, user isolation, memory, CPU and process
/// limit.
std::vector<Probe> confinement_probes(const Confinement& confinement,
                                      const ProcessBackendOptions& options);

}  // namespace hearth::backend
