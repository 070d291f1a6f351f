#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/kube/informer.hpp"

namespace hearth::kube {

/// List and watch as a pure state machine: (state, event, now) → (state, notices), and what to do
/// next. Its rules follow client-go's reflector: watch from the list's resourceVersion, which
/// bookmarks move on; a broken watch goes on from it, an expired one lists again. Pauses between
/// failures double from `first` to `most`, less up to a third by chance, and begin anew after two
/// good minutes; with the defaults ten minutes of outage cost at most 34 requests. Lists are always
/// of what is true now, so that no object goes back in time, whichever API server answers.
class InformerCore {
 public:
    using Time = base::SteadyTime;
    using Span = std::chrono::milliseconds;
    using Objects = std::map<std::string, ObjectPtr>;
    static constexpr Span kGoodTime{120'000};
    /// In-stream failures in a row after which the list itself is made again.
    static constexpr int kMostRefusals = 3;

    InformerCore(Span first_pause, Span longest_pause, std::uint64_t seed)
        : first_(first_pause), longest_(longest_pause), random_(seed) {}
    /// Before anything else: goes on where another one stood.
    void resume(const InformerResume& from);
    /// Notices `relisted` and `progress` are made as well.
    void tell_progress() { tells_progress_ = true; }

    struct Next {
        enum class Do { list, watch, wait } what = Do::list;
        Span pause{0};
        std::string resource_version;  ///< to watch from
    };
    const Next& next() const { return next_; }

    /// A pause is over.
    void waited();
    void listed(ObjectList list, Time now, std::vector<Notice>& notices);
    void list_failed(Time now);
    /// The server has accepted the watch.
    void watching(Time now);
    void event(WatchEvent event, Time now, std::vector<Notice>& notices);
    void watch_ended(WatchEnd end, Time now);
    /// The request for a watch itself failed.
    void watch_failed(Time now);

    /// Unchanging; made anew only when something has changed.
    std::shared_ptr<const Objects> snapshot();
    ObjectPtr find(const std::string& key) const;
    std::size_t size() const { return objects_.size(); }
    bool synced() const { return synced_; }
    /// When the server last told something; nothing before the first list.
    std::optional<Time> heard() const { return heard_; }

 private:
    void put(boost::json::object object, std::vector<Notice>& notices);
    void drop(const std::string& key, ObjectPtr last, bool certain, std::vector<Notice>& notices);
    void pause_before(Next::Do then);

    const Span first_, longest_;
    Objects objects_;
    std::shared_ptr<const Objects> snapshot_;  ///< null: something has changed since
    Next next_;
    Next::Do after_pause_ = Next::Do::list;
    std::string revision_;
    bool synced_ = false, tells_progress_ = false;
    int failures_ = 0, refusals_ = 0;
    std::optional<Time> watching_since_, heard_;
    bool fresh_list_ = false;  ///< nothing has come of the last list yet
    std::mt19937_64 random_;
};

}  // namespace hearth::kube
