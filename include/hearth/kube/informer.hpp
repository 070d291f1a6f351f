#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/aio/shards.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/kube/client.hpp"

namespace hearth::kube {

/// An object as it was at one resourceVersion; never changed afterwards.
using ObjectPtr = std::shared_ptr<const boost::json::object>;

/// An object as it was told before, without what was in it.
struct KnownObject {
    std::string ns, name, uid, resource_version;
};

/// Where an informer of before stood.
struct InformerResume {
    std::vector<KnownObject> known;
    std::string revision;  ///< watched on from here; empty: a list tells how things differ
};

struct InformerOptions {
    ResourceType type;
    std::string ns;  ///< empty: all namespaces
    std::string label_selector, field_selector;
    std::string name;  ///< in logs and metrics; empty: the type's plural
    std::size_t page = 500;
    std::chrono::seconds watch_min{
        300};  ///< a watch lasts this long up to twice as long, then goes on anew
    std::chrono::milliseconds silence_probe{20'000}, probe_timeout{10'000},
        max_silence{150'000};  ///< as WatchOptions'
    std::chrono::milliseconds backoff_first{800}, backoff_max{30'000};
    InformerResume resume;
    bool tell_progress = false;  ///< notices `relisted` and `progress` as well
    InformerOptions() = default;
};

struct Notice {
    enum class Kind {
        added,
        modified,
        deleted,  ///< `object` is the last known state; one made again under its name is told as
                  ///< deleted, then added
        synced,   ///< once: all that was there at the start has been told; no object. Not when it
                  ///< went on from a revision of before
        relisted,  ///< what was missed has been told as differences; no object
        progress,  ///< nothing happened up to `revision`; no object
    } kind = Kind::added;
    ObjectPtr object;
    std::string revision;  ///< to go on from once this has been dealt with; empty: the one before
    bool certain = true;  ///< deleted: the server said so; false: a new list merely lacked it
    Notice() = default;
};

/// A local copy of a collection, kept current by list and watch.
///
/// Resumes at the last resourceVersion, lists anew when that has expired (both forms of 410), backs
/// off with jitter, and notices a dead path within 45 s. Before anything is destroyed on the word
/// of this copy, ask Client::get.
class Informer {
 public:
    /// Runs on the first shard. `client` outlives it.
    static std::unique_ptr<Informer> make(Client& client, InformerOptions options,
                                          aio::Shards& shards, const base::Clock& clock,
                                          telemetry::Logger& log, telemetry::Registry& metrics);
    virtual ~Informer() = default;

    /// Calls `handler` on the first shard, in the order of the changes, one at a time. Call once.
    virtual void start(std::function<void(const Notice&)> handler) = 0;
    /// All objects known now by "ns/name" ("/name" for cluster-wide kinds). Unchanging; made anew
    /// only after changes. Thread: any.
    virtual std::shared_ptr<const std::map<std::string, ObjectPtr>> snapshot() const = 0;
    /// One of them; null when there is none. Thread: any.
    virtual ObjectPtr find(const std::string& key) const = 0;
    /// The first list is in. Thread: any.
    virtual bool synced() const = 0;
    /// A watch is open: what is known is current. Thread: any.
    virtual bool connected() const = 0;
    /// Since the server last told something (a list, an event, a bookmark); a minute is normal
    /// where nothing happens. max() before the first list. Thread: any.
    virtual std::chrono::milliseconds age() const = 0;
    /// Why the last list or watch failed; empty when the one after it worked. Thread: any.
    virtual std::string trouble() const = 0;
    /// No handler is called once it has returned. Blocks; call from no shard.
    virtual void stop() = 0;
};

/// metadata.KEY of an object as text, or empty.
std::string metadata_text(const boost::json::object& object, std::string_view key);
/// "ns/name" of an object's metadata.
std::string object_key(const boost::json::object& object);

}  // namespace hearth::kube
