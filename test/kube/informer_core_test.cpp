#include "kube/informer_core.hpp"

#include "support/catch.hpp"
#include "support/kube_fixture.hpp"
#include "support/kube_objects.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using kube::InformerCore;
using kube::WatchEnd;
using Do = InformerCore::Next::Do;
using Event = kube::WatchEvent::Type;
using Words = std::vector<std::string>;

namespace {

kube::ObjectList list_of(std::vector<boost::json::object> items, std::string version) {
    kube::ObjectList list;
    list.items = std::move(items);
    list.resource_version = std::move(version);
    return list;
}

/// A core with its clock and what it has told.
struct Rig {
    InformerCore core{800ms, 30'000ms, 1};
    base::SteadyTime now{1h};
    Words words;

    void keep(const std::vector<kube::Notice>& notices) {
        for (const auto& notice : notices) words.push_back(test::KubeNotices::word_of(notice));
    }
    void listed(std::vector<boost::json::object> items, std::string version) {
        std::vector<kube::Notice> notices;
        core.listed(list_of(std::move(items), std::move(version)), now, notices);
        keep(notices);
    }
    void event(Event type, boost::json::object object) {
        std::vector<kube::Notice> notices;
        core.event(test::watch_event(type, std::move(object)), now, notices);
        keep(notices);
    }
    Words told() { return std::exchange(words, {}); }
    void pass_pause() {
        REQUIRE(core.next().what == Do::wait);
        now += core.next().pause;
        core.waited();
    }
};

}  // namespace

TEST_CASE("informer core: list, watch, and what came", "[kube]") {
    Rig rig;
    CHECK(rig.core.next().what == Do::list);
    CHECK_FALSE(rig.core.synced());
    rig.listed({test::pod_object("a", "1"), test::pod_object("b", "2")}, "10");
    CHECK(rig.told() == Words{"added ns/a@1", "added ns/b@2", "synced"});
    CHECK(rig.core.next().what == Do::watch);
    CHECK(rig.core.next().resource_version == "10");
    rig.core.watching(rig.now);
    rig.event(Event::added, test::pod_object("c", "11"));
    rig.event(Event::modified, test::pod_object("a", "12"));
    rig.event(Event::modified, test::pod_object("a", "12"));
    rig.event(Event::deleted, test::pod_object("b", "13"));
    rig.event(Event::deleted, test::pod_object("never-seen", "14"));
    CHECK(rig.told() == Words{"added ns/c@11", "modified ns/a@12", "deleted ns/b@13"});
    rig.event(Event::bookmark, test::pod_object("", "20"));
    CHECK(rig.told().empty());
    rig.now += 5min;
    rig.core.watch_ended(WatchEnd::closed, rig.now);
    CHECK(rig.core.next().what == Do::watch);
    CHECK(rig.core.next().resource_version == "20");
}

TEST_CASE("informer core: a new list tells what was missed", "[kube]") {
    Rig rig;
    rig.listed({test::pod_object("a", "1"), test::pod_object("b", "2"), test::pod_object("c", "3")},
               "10");
    rig.core.watching(rig.now);
    rig.told();
    rig.now += 10s;
    rig.core.watch_ended(WatchEnd::expired, rig.now);
    CHECK(rig.core.next().what == Do::list);
    rig.listed({test::pod_object("a", "1"), test::pod_object("c", "30", "another"),
                test::pod_object("d", "31")},
               "40");
    CHECK(rig.told() ==
          Words{"deleted? ns/b@2", "deleted ns/c@3", "added ns/c@30", "added ns/d@31"});
    CHECK(rig.core.next().resource_version == "40");
}

TEST_CASE("informer core: an object made again under its name", "[kube]") {
    Rig rig;
    rig.listed({test::pod_object("a", "1", "old")}, "10");
    rig.core.watching(rig.now);
    rig.told();
    rig.event(Event::added, test::pod_object("a", "11", "new"));
    CHECK(rig.told() == Words{"deleted ns/a@1", "added ns/a@11"});
    // The late deletion of the old one does not touch the new one.
    rig.event(Event::deleted, test::pod_object("a", "12", "old"));
    CHECK(rig.told().empty());
    CHECK(rig.core.find("ns/a") != nullptr);
}

TEST_CASE("informer core: snapshots do not change, and are not copied without need", "[kube]") {
    Rig rig;
    rig.listed({test::pod_object("a", "1")}, "10");
    const auto first = rig.core.snapshot();
    CHECK(rig.core.snapshot() == first);
    rig.event(Event::deleted, test::pod_object("a", "11"));
    CHECK(first->count("ns/a") == 1);
    CHECK(rig.core.snapshot()->empty());
}

TEST_CASE("informer core: an expired version that comes again at once waits", "[kube]") {
    Rig rig;
    rig.listed({}, "10");
    rig.core.watch_ended(WatchEnd::expired, rig.now);
    CHECK(rig.core.next().what == Do::wait);
    rig.pass_pause();
    CHECK(rig.core.next().what == Do::list);
}

TEST_CASE("informer core: errors within the stream lead to a new list in the end", "[kube]") {
    Rig rig;
    rig.listed({}, "10");
    for (int i = 0; i < InformerCore::kMostRefusals - 1; ++i) {
        rig.core.watching(rig.now);
        rig.core.watch_ended(WatchEnd::refused, rig.now);
        rig.pass_pause();
        CHECK(rig.core.next().what == Do::watch);
    }
    rig.core.watching(rig.now);
    rig.core.watch_ended(WatchEnd::refused, rig.now);
    rig.pass_pause();
    CHECK(rig.core.next().what == Do::list);
}

TEST_CASE("informer core: ten minutes of outage", "[kube]") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        InformerCore core(800ms, 30'000ms, seed);
        base::SteadyTime now{1h};
        std::vector<kube::Notice> notices;
        core.listed(list_of({test::pod_object("a", "1")}, "10"), now, notices);
        core.watching(now);
        now += 1h;
        core.watch_ended(WatchEnd::closed, now);
        // From now on nobody listens; a connection is refused at once.
        const auto back = now + 10min;
        int attempts = 0;
        while (now < back) {
            if (core.next().what == Do::wait) {
                now += core.next().pause;
                CHECK(core.next().pause <= 30s);
                core.waited();
                continue;
            }
            // The place in the stream is kept, so that no list is needed afterwards.
            REQUIRE(core.next().what == Do::watch);
            REQUIRE(core.next().resource_version == "10");
            ++attempts;
            core.watch_failed(now);
        }
        CHECK(attempts <= 40);
        CHECK(attempts >= 15);
        // Within 30 s of its return it is asked.
        CHECK(now - back <= 30s);
        CHECK(core.find("ns/a") != nullptr);
        // Two good minutes later pauses are short again.
        core.watching(now);
        now += 2min;
        core.watch_ended(WatchEnd::refused, now);
        CHECK(core.next().pause <= 800ms);
    }
}

namespace {

/// A cluster's collection with its history, as etcd and the watch cache have it.
struct Collection {
    struct Change {
        Event type;
        boost::json::object object;
        int version;
    };
    std::map<std::string, boost::json::object> objects;
    std::vector<Change> history;
    int version = 10, oldest = 10, uids = 0;

    void change(std::mt19937_64& random) {
        const auto name = std::string(1, static_cast<char>('a' + random() % 6));
        ++version;
        const auto text = std::to_string(version);
        const auto found = objects.find(name);
        if (found == objects.end()) {
            auto made = test::pod_object(name, text, "uid" + std::to_string(++uids));
            history.push_back({Event::added, made, version});
            objects[name] = std::move(made);
        } else if (random() % 2 == 0) {
            found->second["metadata"].as_object()["resourceVersion"] = text;
            history.push_back({Event::modified, found->second, version});
        } else {
            auto last = found->second;
            last["metadata"].as_object()["resourceVersion"] = text;
            history.push_back({Event::deleted, std::move(last), version});
            objects.erase(found);
        }
    }
};

/// What a listener makes of the notices; checks that they are consistent.
struct Mirror {
    std::map<std::string, boost::json::object> objects;
    void take(const std::vector<kube::Notice>& notices) {
        for (const auto& notice : notices) {
            if (notice.kind == kube::Notice::Kind::synced) continue;
            const auto name = kube::metadata_text(*notice.object, "name");
            const bool known = objects.count(name) == 1;
            if (notice.kind == kube::Notice::Kind::deleted) {
                REQUIRE(known);
                objects.erase(name);
                continue;
            }
            REQUIRE(known == (notice.kind == kube::Notice::Kind::modified));
            if (known) {
                REQUIRE(kube::metadata_text(objects[name], "uid") ==
                        kube::metadata_text(*notice.object, "uid"));
                REQUIRE(std::stoi(kube::metadata_text(objects[name], "resourceVersion")) <
                        std::stoi(kube::metadata_text(*notice.object, "resourceVersion")));
            }
            objects[name] = *notice.object;
        }
    }
};

}  // namespace

TEST_CASE("informer core: whatever goes wrong, it comes to know what there is", "[kube]") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        std::mt19937_64 random(seed);
        Collection truth;
        Mirror mirror;
        InformerCore core(800ms, 30'000ms, seed);
        base::SteadyTime now{1h};
        std::vector<kube::Notice> notices;
        const auto flush = [&] {
            mirror.take(notices);
            notices.clear();
        };
        for (int step = 0; step < 200; ++step) {
            const bool calm = step > 150;
            if (!calm && random() % 3 == 0) truth.change(random);
            if (!calm && random() % 10 == 0) truth.oldest = truth.version;  // compaction
            const auto next = core.next();
            if (next.what == Do::wait) {
                now += next.pause;
                core.waited();
            } else if (next.what == Do::list) {
                if (!calm && random() % 3 == 0) {
                    core.list_failed(now);
                    continue;
                }
                std::vector<boost::json::object> items;
                for (const auto& [name, object] : truth.objects) items.push_back(object);
                core.listed(list_of(std::move(items), std::to_string(truth.version)), now, notices);
            } else if (!calm && random() % 4 == 0) {
                core.watch_failed(now);
            } else if (std::stoi(next.resource_version) < truth.oldest) {
                if (random() % 2 == 0) core.watching(now);  // in the stream, or as an answer
                core.watch_ended(WatchEnd::expired, now);
            } else {
                core.watching(now);
                const int from = std::stoi(next.resource_version);
                for (const auto& change : truth.history) {
                    if (change.version <= from) continue;
                    if (!calm && random() % 8 == 0) break;  // the connection ends within
                    core.event(test::watch_event(change.type, change.object), now, notices);
                }
                now += std::chrono::seconds(random() % 100);
                const bool refused = !calm && random() % 5 == 0;
                core.watch_ended(refused ? WatchEnd::refused : WatchEnd::closed, now);
            }
            flush();
        }
        REQUIRE(core.snapshot()->size() == truth.objects.size());
        CHECK(mirror.objects == truth.objects);
        for (const auto& [name, object] : truth.objects) CHECK(*core.find("ns/" + name) == object);
    }
}

TEST_CASE("informer core: goes on where another one stood", "[kube]") {
    Rig rig;
    kube::InformerResume from;
    from.known = {{"ns", "a", "uid-a", "1"}, {"ns", "b", "uid-b", "2"}, {"ns", "c", "uid-c", "3"}};
    SECTION("from a revision: by a watch, without a list") {
        from.revision = "10";
        rig.core.resume(from);
        rig.core.tell_progress();
        CHECK(rig.core.synced());
        CHECK(rig.core.next().what == Do::watch);
        CHECK(rig.core.next().resource_version == "10");
        rig.core.watching(rig.now);
        std::vector<kube::Notice> notices;
        const auto tell = [&](Event type, boost::json::object object) {
            rig.core.event(test::watch_event(type, std::move(object)), rig.now, notices);
        };
        tell(Event::modified, test::pod_object("a", "11"));
        tell(Event::deleted, test::pod_object("b", "12"));
        tell(Event::added, test::pod_object("c", "13", "another"));
        tell(Event::bookmark, test::pod_object("", "20"));
        REQUIRE(notices.size() == 5);
        CHECK(test::KubeNotices::word_of(notices[0]) == "modified ns/a@11");
        CHECK(notices[0].revision == "11");
        CHECK(test::KubeNotices::word_of(notices[1]) == "deleted ns/b@12");
        CHECK(test::KubeNotices::word_of(notices[2]) == "deleted ns/c@3");
        CHECK(notices[2].revision.empty());
        CHECK(test::KubeNotices::word_of(notices[3]) == "added ns/c@13");
        CHECK(notices[3].revision == "13");
        CHECK(notices[4].kind == kube::Notice::Kind::progress);
        CHECK(notices[4].revision == "20");
        notices.clear();
        rig.core.watch_ended(WatchEnd::expired, rig.now + 1min);
        CHECK(rig.core.next().what == Do::list);
        rig.core.listed(list_of({test::pod_object("a", "11"), test::pod_object("d", "25")}, "30"),
                        rig.now, notices);
        REQUIRE(notices.size() == 3);
        CHECK(test::KubeNotices::word_of(notices[0]) == "deleted? ns/c@13");
        CHECK(test::KubeNotices::word_of(notices[1]) == "added ns/d@25");
        CHECK(notices[1].revision.empty());
        CHECK(notices[2].kind == kube::Notice::Kind::relisted);
        CHECK(notices[2].revision == "30");
    }
    SECTION("without one: by a list that tells how things differ") {
        rig.core.resume(from);
        CHECK_FALSE(rig.core.synced());
        CHECK(rig.core.next().what == Do::list);
        rig.listed({test::pod_object("a", "1"), test::pod_object("b", "5")}, "10");
        CHECK(rig.told() == Words{"deleted? ns/c@3", "modified ns/b@5", "synced"});
    }
}
