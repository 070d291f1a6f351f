#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hearth/model/schedule.hpp"
#include "hearth/model/trigger_specs.hpp"
#include "trigger/timer_record.hpp"

namespace hearth::trigger {

using model::Slot;

/// A timer as its object says.
struct TimerDefinition {
    std::string uid, ns, name;
    std::int64_t generation = 0;
    Slot created;
    model::TimeTriggerSpec spec;
    model::Schedule schedule;
};

/// All timers as a pure state machine: (state, event, now) → (state, effects); `now` is the wall
/// clock.
///
/// A slot is fired at most once: it is claimed in the ledger first, and a claim is given once.
/// Slots that pass while nobody looks (a stopped daemon, a machine asleep, a clock put forward) are
/// worth one call at most, for the newest of them. A clock put back repeats nothing; when it goes
/// back more than a day, what was fired under the wrong date counts no more.
class TimerCore {
 public:
    /// Calls of one timer at once, with concurrencyPolicy Allow.
    static constexpr std::size_t kMostRuns = 32;
    static constexpr std::chrono::hours kWrongClock{24};
    static constexpr std::chrono::seconds kClaimRetry{1};

    struct Claim {
        std::string uid;
        Slot slot;
        bool regardless = false;  ///< the ledger's mark is of a wrong clock
    };
    struct Start {
        std::string uid;
        std::uint64_t run = 0;
        Slot slot;
    };
    struct Cancel {
        std::uint64_t run = 0;
    };
    struct Effects {
        std::vector<Claim> claims;
        std::vector<Cancel> cancels;  ///< before the starts
        std::vector<Start> starts;
        std::uint64_t missed = 0, left_out = 0;  ///< slots of this step
    };

    /// New, changed or read at the start; `kept` is what the ledger has of it.
    void put(TimerDefinition definition, std::optional<TimerRecord> kept, Slot now);
    /// Its runs go on.
    void remove(const std::string& uid);
    /// Looks what is due.
    Effects step(Slot now);
    /// The ledger's answer to a claim: true, false (somebody else's) or an error, after which it is
    /// tried again.
    void claimed(const Claim& claim, const Result<bool>& answer, Slot now, Effects& effects);
    void finished(std::uint64_t run, TimerOutcome outcome);

    /// When step() has something to do next.
    std::optional<Slot> next_step() const;
    const TimerDefinition* find(const std::string& uid) const;
    /// Null: no such timer.
    const TimerRecord* record(const std::string& uid) const;
    std::size_t running(const std::string& uid) const;
    /// Timers whose record has changed since their last claim or the last call of this.
    std::vector<std::string> take_dirty();
    std::size_t size() const { return timers_.size(); }

 private:
    struct Timer {
        TimerDefinition definition;
        TimerRecord record;          ///< record.slot: everything up to here is dealt with
        std::optional<Slot> wake;    ///< its place in order_
        std::optional<Slot> before;  ///< while a claim is out: where `slot` was
        std::set<std::uint64_t> runs;
        bool mark_is_wrong = false, dirty = false;
    };

    void schedule(const std::string& uid, Timer& timer, std::optional<Slot> wake);
    void due(const std::string& uid, Timer& timer, Slot now, Effects& effects);
    bool leaves_out(Timer& timer, Slot newest, Slot now);

    std::map<std::string, Timer> timers_;
    std::set<std::pair<Slot, std::string>> order_;
    std::map<std::uint64_t, std::string> runs_;  ///< run → uid
    std::uint64_t last_run_ = 0;
    std::optional<Slot> last_step_;
};

}  // namespace hearth::trigger
