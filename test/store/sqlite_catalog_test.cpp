#include <boost/asio/co_spawn.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <future>
#include <set>

#include "store/store_fixture.hpp"

using namespace hearth;

TEST_CASE("store: SQLite keeps the catalog's contract", "[store]") {
    test::StoreFixture fixture;
    test::check_catalog_contract([&] { return fixture.open(); });
}

TEST_CASE("store: everything is there after a restart", "[store]") {
    test::StoreFixture fixture;
    std::vector<std::string> before;
    {
        const auto store = fixture.open();
        catalog::Mutation full = test::put("full", R"({"text":"ä \u0000 \" \n","list":[1,2.5]})");
        full.resource.metadata.labels = {{"team", "red"}, {"empty", ""}};
        full.resource.metadata.annotations = {{"note", "a \"quoted\" one"}};
        REQUIRE(test::write(*store, {full, test::put("gone"),
                                     test::put("s", R"({"data":{}})", "b", model::Kind::secret)})
                    .has_value());
        REQUIRE(test::write(*store, {test::drop("gone")}).has_value());
        before = test::dump(*store);
    }
    const auto store = fixture.open();
    CHECK(test::dump(*store) == before);
    CHECK(before.size() == 2);
    CHECK(store->revision() == 4);
    auto next = test::write(*store, {test::put("next")});
    REQUIRE(next.has_value());
    CHECK(next->front().revision == 5);
}

TEST_CASE("store: replay reaches over a restart, as far as the history goes", "[store]") {
    test::StoreFixture fixture;
    fixture.options.history = 5;
    {
        const auto store = fixture.open();
        for (int i = 1; i <= 6; ++i) {
            REQUIRE(test::write(*store, {test::put("f", "{\"v\":" + std::to_string(i) + "}")})
                        .has_value());
        }
        REQUIRE(test::write(*store, {test::drop("f")}).has_value());
        REQUIRE(test::write(*store, {test::put("f", R"({"v":8})")}).has_value());
    }
    const auto store = fixture.open();
    CHECK(store->changes_since(2, 0).too_old);
    const auto since = store->changes_since(3, 0);
    REQUIRE(since.changes.size() == 5);
    CHECK(since.changes[0].record->spec_text == R"({"v":4})");
    CHECK(since.changes[0].record->metadata.generation == 4);
    CHECK(since.changes[3].type == catalog::Change::Type::removed);
    CHECK(since.changes[3].record->metadata.revision == 6);
    CHECK(since.changes[4].type == catalog::Change::Type::added);
    CHECK(since.changes[4].record == store->find(model::Kind::function, "default", "f"));
    CHECK(test::ask_sqlite(fixture.options.file, "SELECT count(*) FROM history") == "5");
}

TEST_CASE("store: a second daemon on the same file is refused by pid", "[store]") {
    test::StoreFixture fixture;
    const auto first = fixture.open();
    for (int i = 0; i < 100; ++i) {
        const auto second = fixture.try_open();
        REQUIRE(second.has_error());
        CHECK(second.error().code == Errc::conflict);
        CHECK_THAT(second.error().message, Catch::Contains("in use by another hearth daemon (pid " +
                                                           std::to_string(::getpid()) + ")"));
    }
    REQUIRE(test::write(*first, {test::put("still-works")}).has_value());
}

TEST_CASE("store: the file is nobody else's to read", "[store]") {
    test::StoreFixture fixture;
    const auto store = fixture.open();
    REQUIRE(test::write(*store, {test::put("x")}).has_value());
    for (const char* suffix : {"", "-wal", ".lock"}) {
        struct stat info {};
        REQUIRE(::stat((fixture.options.file.string() + suffix).c_str(), &info) == 0);
        CHECK((info.st_mode & 0777) == 0600);
    }
}

namespace {

/// Holds the writer's thread inside a subscriber, so that a test decides what waits for the next
/// commit.
struct Gate {
    std::promise<void> entered;
    std::promise<void> open;
    bool used = false;

    catalog::Catalog::Subscription attach(catalog::Catalog& store) {
        return store.subscribe([this](const std::vector<catalog::Change>&) {
            if (std::exchange(used, true)) return;
            entered.set_value();
            open.get_future().wait();
        });
    }
};

/// Starts `count` writes on one loop; the first alone, the others once the writer is held.
std::vector<Result<std::vector<catalog::Change>>> write_behind_gate(catalog::Catalog& store,
                                                                    int count) {
    using Answer = Result<std::vector<catalog::Change>>;
    std::vector<Answer> answers(static_cast<std::size_t>(count),
                                Answer(Error(Errc::internal, "no answer")));
    Gate gate;
    const auto held = gate.attach(store);
    auto& loop = test::lasting_loop();
    const auto start = [&](int i) {
        auto done = [&answers, i](std::exception_ptr, Answer answer) {
            answers[static_cast<std::size_t>(i)] = std::move(answer);
        };
        std::vector<catalog::Mutation> batch = {test::put("g" + std::to_string(i))};
        boost::asio::co_spawn(loop.get_executor(), store.write(std::move(batch)), done);
    };
    start(0);
    loop.poll();
    gate.entered.get_future().wait();
    for (int i = 1; i < count; ++i) start(i);
    loop.poll();
    gate.open.set_value();
    loop.run();
    return answers;
}

}  // namespace

TEST_CASE("store: writes that wait share one commit", "[store]") {
    test::StoreFixture fixture;
    const auto store = fixture.open();
    const auto answers = write_behind_gate(*store, 101);
    std::set<std::int64_t> revisions;
    for (const auto& answer : answers) {
        REQUIRE(answer.has_value());
        REQUIRE(answer->size() == 1);
        revisions.insert(answer->front().revision);
    }
    CHECK(revisions.size() == 101);
    CHECK(fixture.counter("hearth_store_writes_total") == 101);
    CHECK(fixture.counter("hearth_store_changes_total") == 101);
    CHECK(fixture.counter("hearth_store_commits_total") == 2);
}

TEST_CASE("store: one batch's conflict does not touch the others of its commit", "[store]") {
    test::StoreFixture fixture;
    const auto store = fixture.open();
    using Answer = Result<std::vector<catalog::Change>>;
    std::vector<Answer> answers(10, Answer(Error(Errc::internal, "no answer")));
    Gate gate;
    const auto held = gate.attach(*store);
    auto& loop = test::lasting_loop();
    REQUIRE_FALSE(answers.empty());
    for (std::size_t i = 0; i < answers.size(); ++i) {
        catalog::Mutation create = test::put("same", "{\"by\":" + std::to_string(i) + "}");
        create.expected_revision = 0;
        if (i == 0) create = test::put("first");
        auto done = [&answers, i](std::exception_ptr, Answer answer) {
            answers[i] = std::move(answer);
        };
        std::vector<catalog::Mutation> batch = {create, test::put("of-" + std::to_string(i))};
        boost::asio::co_spawn(loop.get_executor(), store->write(std::move(batch)), done);
        loop.poll();
        if (i == 0) gate.entered.get_future().wait();
    }
    gate.open.set_value();
    loop.run();
    CHECK(answers[1].has_value());
    for (std::size_t i = 2; i < answers.size(); ++i) {
        REQUIRE(answers[i].has_error());
        CHECK(answers[i].error().code == Errc::conflict);
        CHECK(store->find(model::Kind::function, "default", "of-" + std::to_string(i)) == nullptr);
    }
    CHECK(store->find(model::Kind::function, "default", "same")->spec_text == R"({"by":1})");
    CHECK(store->revision() == 4);
}

TEST_CASE("store: past the queue's bound a write is refused at once", "[store]") {
    test::StoreFixture fixture;
    fixture.options.write_queue = 3;
    const auto store = fixture.open();
    const auto answers = write_behind_gate(*store, 6);
    int refused = 0;
    for (const auto& answer : answers) {
        if (answer.has_error() && answer.error().code == Errc::exhausted) ++refused;
    }
    CHECK(refused == 2);
    CHECK(store->count(model::Kind::function) == 4);
}

TEST_CASE("store: what is queued when the store ends is still written", "[store]") {
    test::StoreFixture fixture;
    auto& loop = test::lasting_loop();
    int answered = 0;
    {
        const auto store = fixture.open();
        for (int i = 0; i < 20; ++i) {
            std::vector<catalog::Mutation> batch = {test::put("q" + std::to_string(i))};
            boost::asio::co_spawn(loop.get_executor(), store->write(std::move(batch)),
                                  [&](std::exception_ptr, auto answer) {
                                      if (answer.has_value()) ++answered;
                                  });
        }
        loop.poll();
    }
    loop.run();
    CHECK(answered == 20);
    CHECK(fixture.open()->count(model::Kind::function) == 20);
}
