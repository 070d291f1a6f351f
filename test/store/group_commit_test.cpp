#include "store/group_commit.hpp"

#include <condition_variable>
#include <future>

#include "hearth/aio/shards.hpp"
#include "hearth/aio/task_group.hpp"
#include "store/fault_vfs.hpp"
#include "store/store_fixture.hpp"

using namespace hearth;

namespace {

/// A table of numbers behind a group commit, and what its hooks were told.
class Numbers final : public store::GroupHooks {
 public:
    explicit Numbers(std::size_t queue = 100) {
        store::GroupCommitOptions options;
        options.thread = "numbers";
        options.prefix = "numbers";
        options.series = "numbers";
        options.what = "numbers";
        options.queue = queue;
        CHECK(database_.run("CREATE TABLE number (n INTEGER PRIMARY KEY); CREATE TABLE undone (n)")
                  .has_value());
        auto savepoint = store::Savepoint::prepare(database_).value();
        commits_ = std::make_unique<store::GroupCommit>(database_, std::move(savepoint), *this,
                                                        std::move(options), fixture_.metrics,
                                                        fixture_.log);
    }

    Result<void> add(int n) {
        return database_.run("INSERT INTO number VALUES (" + std::to_string(n) + ")");
    }
    /// All of `works` at once; those after the first wait until it runs and share the next commit.
    std::vector<Result<int>> write(std::vector<std::function<Result<int>()>> works) {
        std::vector<std::optional<Result<int>>> slots(works.size());
        auto one = [](store::GroupCommit& commits, std::function<Result<int>()> work,
                      std::optional<Result<int>>& slot) -> Task<void> {
            slot = co_await commits.write<int>(std::move(work));
        };
        std::promise<void> running, queued;
        auto first = [&]() -> Result<int> {
            running.set_value();
            queued.get_future().wait();
            return works.front()();
        };
        group_.spawn(shards_.at(0).executor(), "first", one(*commits_, first, slots.front()));
        running.get_future().wait();
        for (std::size_t i = 1; i < works.size(); ++i)
            group_.spawn(shards_.at(0).executor(), "one", one(*commits_, works[i], slots[i]));
        // The shard has one thread, so this comes after all of them have queued.
        boost::asio::post(shards_.at(0).executor(), [&] { queued.set_value(); });
        REQUIRE(group_.join_blocking(Deadline::after(std::chrono::seconds(20))));
        std::vector<Result<int>> answers;
        for (auto& slot : slots) answers.push_back(*slot);
        return answers;
    }
    Result<int> write_one(std::function<Result<int>()> work) {
        std::vector<std::function<Result<int>()>> works;
        works.push_back(std::move(work));
        return write(std::move(works)).front();
    }
    std::string ask(const std::string& sql) { return test::ask_sqlite(fixture_.options.file, sql); }
    std::uint64_t counter(const std::string& name) { return fixture_.counter(name); }

    void begin() override { changed_now_ = true; }
    bool changed() const override { return changed_now_; }
    void committed() override { ++told_; }
    Result<void> note_undone() override { return database_.run("INSERT INTO undone VALUES (1)"); }

    bool changed_now_ = true;
    int told_ = 0;

 private:
    test::StoreFixture fixture_;
    store::Database database_ = store::Database::open(fixture_.options.file).value();
    aio::Shards shards_{1};
    aio::TaskGroup group_{fixture_.log};
    std::unique_ptr<store::GroupCommit> commits_;
};

}  // namespace

TEST_CASE("group commit: writes that wait share a commit, one that fails is undone alone",
          "[store]") {
    Numbers numbers;
    const auto good = [&](int n) {
        return [&numbers, n]() -> Result<int> {
            if (auto done = numbers.add(n); done.has_error()) return done.error();
            return n;
        };
    };
    const auto bad = [&]() -> Result<int> {
        CHECK(numbers.add(7).has_value());
        return Error(Errc::conflict, "not this one");
    };
    const auto answers = numbers.write({good(1), good(2), bad, good(3), good(2)});
    CHECK(answers[0].value() == 1);
    CHECK(answers[1].value() == 2);
    CHECK(answers[2].error().message == "not this one");
    CHECK(answers[3].value() == 3);
    CHECK_THAT(answers[4].error().message, Catch::Contains("UNIQUE"));
    CHECK(numbers.ask("SELECT group_concat(n) FROM number") == "1,2,3");
    CHECK(numbers.counter("numbers_commits_total") == 2);
    CHECK(numbers.counter("numbers_writes_total") == 5);
    CHECK(numbers.counter("numbers_failures_total") == 1);
    CHECK(numbers.told_ == 2);
}

TEST_CASE("group commit: of a commit that fails nothing is kept, and it is overwritten",
          "[store][fault]") {
    test::FaultVfs vfs;
    Numbers numbers;
    // The page of the row and its commit frame are one write each way; the fsync comes after both.
    for (int operation = 1; operation <= 8; ++operation) {
        INFO("operation " << operation);
        vfs.arm(operation, SQLITE_IOERR_FSYNC, test::FaultVfs::Lasting::once);
        const auto before = numbers.told_;
        const auto answer = numbers.write_one([&, operation]() -> Result<int> {
            if (auto done = numbers.add(operation); done.has_error()) return done.error();
            return operation;
        });
        const bool failed = vfs.happened();
        vfs.disarm();
        CHECK(answer.has_value() == !failed);
        CHECK(numbers.told_ == before + (failed ? 0 : 1));
        CHECK(numbers.ask("SELECT count(*) FROM number WHERE n = " + std::to_string(operation)) ==
              (failed ? "0" : "1"));
    }
    CHECK(numbers.counter("numbers_failures_total") > 1);
    CHECK(numbers.ask("SELECT count(*) > 0 FROM undone") == "1");
}

TEST_CASE("group commit: a group that changed nothing is not committed", "[store]") {
    Numbers numbers;
    const auto answer = numbers.write_one([&]() -> Result<int> {
        numbers.changed_now_ = false;
        return 5;
    });
    CHECK(answer.value() == 5);
    CHECK(numbers.counter("numbers_commits_total") == 0);
    CHECK(numbers.told_ == 0);
}

TEST_CASE("group commit: past its bound a write is refused at once", "[store]") {
    Numbers numbers(2);
    const auto good = []() -> Result<int> { return 1; };
    const auto answers = numbers.write({good, good, good, good});
    CHECK(answers[1].has_value());
    CHECK(answers[2].has_value());
    REQUIRE(answers[3].has_error());
    CHECK(answers[3].error().code == Errc::exhausted);
    CHECK(answers[3].error().message ==
          "too many writes of numbers are waiting; try again in a moment");
}
