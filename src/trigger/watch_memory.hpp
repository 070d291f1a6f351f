#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hearth/catalog/trigger_ledger.hpp"
#include "hearth/kube/informer.hpp"
#include "hearth/model/trigger_specs.hpp"

namespace hearth::trigger {

/// How far a watch was told, and of which objects: what its rows in the ledger say. Pure.
///
/// Rows are changed after an event has been delivered, so that a daemon that dies goes on with the
/// events that were not.
class WatchMemory {
 public:
    explicit WatchMemory(std::string uid) : uid_(std::move(uid)) {}

    /// A row of the ledger that is this trigger's.
    void read(const catalog::LedgerRow& row);
    /// What is watched; another one than before forgets everything.
    /// Writes to do so: for the ledger, before anything else.
    std::vector<catalog::LedgerWrite> watch(const model::KubernetesWatchTriggerSpec& spec,
                                            const std::string& ns);
    /// True until the first list of objects has been told.
    bool is_new() const { return revision_.empty(); }
    kube::InformerResume resume() const;

    /// A notice has been dealt with; its writes for the ledger.
    std::vector<catalog::LedgerWrite> dealt_with(const kube::Notice& notice);
    void count_event(bool delivered, std::string error, std::string when);
    const std::string& revision() const { return revision_; }

    struct Counts {
        std::uint64_t delivered = 0, given_up = 0, relists = 0;
        std::string last_event, last_error, last_relist;
    };
    const Counts& counts() const { return counts_; }
    void count_relist(std::string when);

 private:
    catalog::LedgerWrite head() const;

    std::string uid_;
    std::string target_;  ///< what is watched, as a text
    std::string revision_;
    Counts counts_;
    std::map<std::string, kube::KnownObject> known_;  ///< by "ns/name"
};

/// ADDED, MODIFIED or DELETED; empty for notices without an object.
std::string_view event_word(const kube::Notice& notice);
/// Whether the function wants to know.
bool is_wanted(const model::KubernetesWatchTriggerSpec& spec, const kube::Notice& notice,
               bool still_new);

}  // namespace hearth::trigger
