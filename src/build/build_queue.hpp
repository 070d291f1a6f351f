#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hearth/model/package_build.hpp"

namespace hearth::build {

struct PackageKey {
    std::string ns, name;
    auto operator<=>(const PackageKey&) const = default;
};
/// "default/hello".
std::string to_string(const PackageKey& key);

/// What the catalog says of a package now.
struct Observation {
    enum class State {
        gone,     ///< deleted
        settled,  ///< nothing to build: built, failed, or given as it is
        pending,  ///< to be built
        running,  ///< a build of it was begun, by this daemon or by one before
    } state = State::gone;
    model::BuildInput input;
    int attempts = 0;  ///< of a running one
};

/// Which package is built when. Pure: (state, event) → (state, effects). Thread: one owner.
class BuildQueue {
 public:
    /// Starts of one build at most; more would let a build that ends the daemon end it for ever.
    static constexpr int kMostAttempts = 2;

    struct Effect {
        enum class Type {
            start,  ///< run it; finished() follows
            stop,   ///< end the run; finished() follows all the same
            fail,   ///< write down that it failed, for `why`; finished() follows
        } type = Type::start;
        PackageKey key;
        std::uint64_t run = 0;
        model::BuildInput input;
        int attempts = 0;  ///< of a start: this one included
        std::string why;   ///< of stop and fail
    };
    using Effects = std::vector<Effect>;

    /// `concurrency`: runs at once, at least 1.
    explicit BuildQueue(std::size_t concurrency) : concurrency_(concurrency) {}

    void observe(const PackageKey& key, const Observation& seen, Effects& effects);
    /// False when nothing of it waits or runs.
    bool cancel(const PackageKey& key, Effects& effects);
    /// A run has ended and what became of it is written, as far as it could be. Whoever calls looks
    /// at the package again afterwards.
    void finished(std::uint64_t run, Effects& effects);
    /// Nothing is started any more; what runs is stopped.
    void close(Effects& effects);

    bool waits(const PackageKey& key) const;
    bool runs(const PackageKey& key) const;
    std::size_t running() const { return running_; }
    /// Those that run, then those that wait, in their order.
    std::vector<PackageKey> order() const;
    /// "waiting: 2 builds run, 3 before it"; empty unless it waits.
    std::string reason(const PackageKey& key) const;

 private:
    enum class Phase { waiting, running, closing };
    struct Entry {
        Phase phase = Phase::waiting;
        model::BuildInput input;
        int attempts = 0;  ///< before the next start
        std::uint64_t run = 0;
        bool stopping = false;
    };

    void add(const PackageKey& key, const Observation& seen, Effects& effects);
    void stop(const PackageKey& key, Entry& entry, std::string why, Effects& effects);
    void fail(const PackageKey& key, Entry& entry, std::string why, Effects& effects);
    void leave_line(const PackageKey& key);
    void fill(Effects& effects);

    const std::size_t concurrency_;
    std::map<PackageKey, Entry> entries_;
    std::deque<PackageKey> line_;  ///< those that wait
    std::size_t running_ = 0;
    std::uint64_t next_run_ = 1;
    bool closed_ = false;
};

}  // namespace hearth::build
