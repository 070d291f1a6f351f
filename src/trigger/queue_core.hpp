#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace hearth::trigger {

/// How the messages of one trigger are worked off.
struct QueuePolicy {
    int max_retries = 0;
    std::chrono::milliseconds first_delay{1'000};
    std::chrono::milliseconds longest_delay{60'000};
    std::size_t batch = 1;     ///< messages of one call at most
    std::size_t window = 256;  ///< unfinished messages of one partition that are held
    bool respond = false;      ///< answers are published before a message counts as done
    bool has_error_topic = false;
};

/// What became of one call of the function.
enum class CallOutcome {
    success,
    failed,    ///< the function's doing: counts as a try
    withheld,  ///< the platform could not make the call: tried again, not counted
};

enum class PublishOutcome {
    done,
    failed,   ///< the broker is away or refuses for now
    refused,  ///< this text will never be taken, such as one that is too large
};

/// Messages that go to the function in one call and share its fate.
struct Unit {
    std::uint64_t id = 0;
    std::vector<std::int64_t> offsets;
    int attempt = 0;  ///< of the call that is next or under way, from 1
};

/// What a call's or a publication's end asks for.
struct Verdict {
    enum class Next {
        settled,      ///< done: `unit.offsets` are finished
        again_later,  ///< call it again when it is due
        publish_response,
        publish_error,
        dropped,        ///< finished without success, and nobody takes it
        publish_later,  ///< publish again when it is due
        stale,          ///< a unit that is not known (any more)
    };
    Next next = Next::stale;
    Unit unit;
};

/// The bookkeeping of one partition: which messages run, which wait for the one before with their
/// key, which wait for another try, and up to where all is done. Pure: time is passed in. Thread:
/// one owner.
///
/// Messages of one lane run one after another, a failed one holds its lane until it is settled.
/// Lane 0 is none: its messages run side by side.
class QueueCore {
 public:
    using Time = std::chrono::steady_clock::time_point;

    explicit QueueCore(QueuePolicy policy) : policy_(policy) {}

    /// A message came; offsets rise. A message at or below one already taken in is left out: false.
    bool add(std::int64_t offset, std::uint64_t lane);
    /// The next unit to call, marked as running: one whose pause is over, else new messages.
    std::optional<Unit> start(Time now);
    /// `draw` in [0, 1) spreads the pauses.
    Verdict called(std::uint64_t unit, CallOutcome outcome, Time now, double draw);
    Verdict published(std::uint64_t unit, PublishOutcome outcome, Time now, double draw);
    /// Publications whose pause is over, marked as under way.
    std::vector<Verdict> publications_due(Time now);

    /// When something becomes due by time alone.
    std::optional<Time> next_due() const;
    /// The offset that a consumer of later has to start at; nothing until a message is done.
    std::optional<std::int64_t> position() const { return position_; }
    std::size_t unfinished() const { return unfinished_; }
    std::size_t under_way() const { return under_way_; }
    bool full() const { return unfinished_ >= policy_.window; }
    /// Room enough to take messages again after full().
    bool roomy() const { return unfinished_ <= policy_.window / 2; }

 private:
    enum class Stage { calling, call_waits, responding, erring, publish_waits };
    struct Work {
        Unit unit;
        std::uint64_t lane = 0;
        Stage stage = Stage::calling;
        bool to_error = false;  ///< of a publication: to the error topic
        int stalls = 0;         ///< pauses since the last progress
        Time due{};
    };
    struct Entry {
        std::int64_t offset;
        bool done = false;
    };

    std::chrono::milliseconds pause(int times, double draw) const;
    Verdict wait(Work& work, Stage stage, int times, Time now, double draw);
    Verdict give_up(Work& work);
    Verdict finish(std::uint64_t id, Verdict::Next next);
    void mark_done(std::int64_t offset);

    QueuePolicy policy_;
    std::deque<Entry> entries_;
    std::unordered_map<std::uint64_t, std::deque<std::int64_t>> lanes_;
    std::set<std::uint64_t> busy_;     ///< lanes with a unit that is not settled; never lane 0
    std::deque<std::uint64_t> ready_;  ///< lanes with messages and no unit; lane 0 at most once
    std::unordered_map<std::uint64_t, Work> work_;
    std::multimap<Time, std::uint64_t> calls_due_, publications_due_;
    std::optional<std::int64_t> position_, newest_;
    std::size_t unfinished_ = 0, under_way_ = 0;
    std::uint64_t next_id_ = 1;
};

}  // namespace hearth::trigger
