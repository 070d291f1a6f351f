#include "trigger/watch_memory.hpp"

#include "support/catch.hpp"
#include "support/kube_objects.hpp"

using namespace hearth;
using namespace hearth::trigger;
using Kind = kube::Notice::Kind;
using Type = catalog::LedgerWrite::Type;

namespace {

kube::Notice notice(Kind kind, const std::string& name, const std::string& version,
                    std::string revision = {}) {
    kube::Notice made;
    made.kind = kind;
    if (!name.empty())
        made.object = std::make_shared<const boost::json::object>(test::pod_object(name, version));
    made.revision = std::move(revision);
    return made;
}

model::KubernetesWatchTriggerSpec pods() {
    model::KubernetesWatchTriggerSpec spec;
    spec.api_version = "v1";
    spec.kind = "Pod";
    spec.function = "f";
    return spec;
}

/// A ledger as the writes leave it.
struct Rows {
    std::map<std::string, std::string> rows;
    void take(const std::vector<catalog::LedgerWrite>& writes) {
        for (const auto& write : writes) {
            if (write.type == Type::forget) rows.clear();
            if (write.type == Type::remove) rows.erase(write.row.item);
            if (write.type == Type::put) rows[write.row.item] = write.row.value;
        }
    }
    WatchMemory read() const {
        WatchMemory memory("uid");
        for (const auto& [item, value] : rows)
            memory.read(catalog::LedgerRow("uid", item, 0, value));
        return memory;
    }
};

}  // namespace

TEST_CASE("watch memory: goes on from what was dealt with", "[trigger][unit]") {
    Rows rows;
    WatchMemory memory("uid");
    rows.take(memory.watch(pods(), "ns"));
    CHECK(memory.is_new());
    rows.take(memory.dealt_with(notice(Kind::added, "a", "1")));
    rows.take(memory.dealt_with(notice(Kind::added, "b", "2")));
    // A crash before the list was told: what was told is known, and a list comes again.
    CHECK(rows.read().is_new());
    CHECK(rows.read().resume().known.size() == 2);
    rows.take(memory.dealt_with(notice(Kind::synced, "", "", "10")));
    rows.take(memory.dealt_with(notice(Kind::modified, "a", "11", "11")));
    rows.take(memory.dealt_with(notice(Kind::deleted, "b", "12", "12")));
    memory.count_event(true, "", "now");
    rows.take(memory.dealt_with(notice(Kind::progress, "", "", "20")));
    auto again = rows.read();
    CHECK_FALSE(again.is_new());
    CHECK(again.watch(pods(), "ns").empty());
    const auto resume = again.resume();
    CHECK(resume.revision == "20");
    REQUIRE(resume.known.size() == 1);
    CHECK(resume.known.front().name == "a");
    CHECK(resume.known.front().uid == "uid-a");
    CHECK(resume.known.front().resource_version == "11");
    CHECK(again.counts().delivered == 1);
    SECTION("another selector is another watch") {
        auto other = pods();
        other.label_selector = "app=x";
        rows.take(again.watch(other, "ns"));
        CHECK(again.is_new());
        CHECK(rows.read().resume().known.empty());
    }
}

TEST_CASE("watch memory: which events call the function", "[trigger][unit]") {
    auto spec = pods();
    CHECK(is_wanted(spec, notice(Kind::added, "a", "1"), true));
    CHECK(is_wanted(spec, notice(Kind::deleted, "a", "1"), false));
    CHECK_FALSE(is_wanted(spec, notice(Kind::synced, "", "", "1"), false));
    CHECK_FALSE(is_wanted(spec, notice(Kind::progress, "", "", "1"), false));
    spec.skip_existing = true;
    CHECK_FALSE(is_wanted(spec, notice(Kind::added, "a", "1"), true));
    CHECK(is_wanted(spec, notice(Kind::added, "a", "1"), false));
    spec.modified = false;
    CHECK_FALSE(is_wanted(spec, notice(Kind::modified, "a", "1"), false));
}
