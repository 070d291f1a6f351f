#include "hearth/store/sqlite_ledger.hpp"

#include <fmt/format.h>

#include <mutex>

#include "hearth/base/failpoint.hpp"
#include "store/sqlite.hpp"

namespace hearth::store {
namespace {

using catalog::LedgerRow;
using catalog::LedgerWrite;

constexpr std::int64_t kApplicationId = 0x48525454;  // "HRTT"
constexpr std::int64_t kVersion = 1;
constexpr std::string_view kSchema = R"(BEGIN IMMEDIATE;
CREATE TABLE ledger (
  uid TEXT NOT NULL,
  item TEXT NOT NULL,
  mark INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (uid, item)
) STRICT, WITHOUT ROWID;
PRAGMA application_id={};
PRAGMA user_version={};
COMMIT;)";

Result<void> prepare(Database& database) {
    auto version = database.integer("PRAGMA user_version");
    if (!version) return version.error();
    auto application = database.integer("PRAGMA application_id");
    if (!application) return application.error();
    if (*version == kVersion && *application == kApplicationId) return {};
    auto tables = database.integer("SELECT count(*) FROM sqlite_schema");
    if (!tables) return tables.error();
    if (*version != 0 || *application != 0 || *tables != 0) {
        return Error(Errc::internal,
                     fmt::format("{} is not this hearth's: it is another program's or a newer "
                                 "release's; start that one, or move the file away, with which the "
                                 "triggers forget what they did last",
                                 database.file().string()),
                     {}, "store");
    }
    auto made = database.run(fmt::format(fmt::runtime(kSchema), kApplicationId, kVersion));
    if (made.has_error()) database.rollback();
    return made;
}

/// The database and its statements; one thread at a time.
class LedgerFile {
 public:
    explicit LedgerFile(Database database) : database_(std::move(database)) {}

    Result<void> prepare_statements() {
        struct Wanted {
            Statement& statement;
            std::string_view sql;
        };
        const Wanted all[] = {
            {load_, "SELECT uid, item, mark, value FROM ledger ORDER BY uid, item"},
            {claim_,
             "INSERT INTO ledger (uid, item, mark, value) VALUES (?1, ?2, ?3, ?4) "
             "ON CONFLICT DO UPDATE SET mark = ?3, value = ?4 WHERE mark < ?3 RETURNING 1"},
            {put_,
             "INSERT INTO ledger (uid, item, mark, value) VALUES (?1, ?2, ?3, ?4) "
             "ON CONFLICT DO UPDATE SET mark = max(mark, ?3), value = ?4"},
            {reset_,
             "INSERT OR REPLACE INTO ledger (uid, item, mark, value) VALUES (?1, ?2, ?3, ?4)"},
            {remove_, "DELETE FROM ledger WHERE uid = ?1 AND item = ?2"},
            {forget_, "DELETE FROM ledger WHERE uid = ?1"},
        };
        for (const auto& wanted : all) {
            auto made = database_.prepare(wanted.sql);
            if (!made) return made.error();
            wanted.statement = std::move(*made);
        }
        return {};
    }

    Result<std::vector<LedgerRow>> load() {
        std::lock_guard lock(mutex_);
        std::vector<LedgerRow> rows;
        while (true) {
            auto more = load_.step();
            if (!more) return more.error();
            if (!*more) return rows;
            rows.emplace_back(std::string(load_.text(0)), std::string(load_.text(1)),
                              load_.integer(2), std::string(load_.text(3)));
        }
    }

    Result<std::vector<bool>> write(const std::vector<LedgerWrite>& writes) {
        std::lock_guard lock(mutex_);
        if (auto begun = database_.run("BEGIN IMMEDIATE"); begun.has_error()) return begun.error();
        std::vector<bool> answers;
        for (const auto& write : writes) {
            auto done = apply(write);
            if (!done) {
                database_.rollback();
                return done.error();
            }
            answers.push_back(*done);
        }
        auto committed = base::failpoint("ledger.before_commit");
        if (!committed.has_error()) committed = database_.run("COMMIT");
        if (committed.has_error()) {
            database_.rollback();
            return committed.error();
        }
        if (auto after = base::failpoint("ledger.after_commit"); after.has_error())
            return after.error();
        return answers;
    }

 private:
    Result<bool> apply(const LedgerWrite& write) {
        const auto& row = write.row;
        using Type = LedgerWrite::Type;
        if (write.type == Type::remove || write.type == Type::forget) {
            Statement& statement = write.type == Type::remove ? remove_ : forget_;
            statement.bind(1, row.trigger);
            if (write.type == Type::remove) statement.bind(2, row.item);
            if (auto done = statement.run(); done.has_error()) return done.error();
            return true;
        }
        Statement& statement = write.type == Type::claim ? claim_
                               : write.type == Type::put ? put_
                                                         : reset_;
        statement.bind(1, row.trigger).bind(2, row.item).bind(3, row.mark).bind(4, row.value);
        auto changed = statement.step();
        if (!changed) return changed.error();
        if (*changed) statement.reset();
        return write.type != Type::claim || *changed;
    }

    std::mutex mutex_;
    Database database_;
    Statement load_, claim_, put_, reset_, remove_, forget_;
};

class SqliteLedger final : public catalog::TriggerLedger {
 public:
    SqliteLedger(std::shared_ptr<LedgerFile> file, aio::BlockingPool& pool)
        : file_(std::move(file)), pool_(pool) {}

    Task<Result<std::vector<LedgerRow>>> load() override {
        auto work = [file = file_] { return file->load(); };
        co_return co_await pool_.run(std::move(work));
    }
    Task<Result<std::vector<bool>>> write(std::vector<LedgerWrite> writes) override {
        auto work = [file = file_, writes = std::move(writes)] { return file->write(writes); };
        co_return co_await pool_.run(std::move(work));
    }

 private:
    std::shared_ptr<LedgerFile> file_;  // a write whose caller went away still has it
    aio::BlockingPool& pool_;
};

}  // namespace

Result<std::unique_ptr<catalog::TriggerLedger>> open_sqlite_ledger(
    const std::filesystem::path& path, aio::BlockingPool& pool) {
    auto database = Database::open(path);
    if (!database) {
        const Error& error = database.error();
        return is_damage(error) ? damaged(path, "ledger", error.message) : error;
    }
    if (auto ready = prepare(*database); ready.has_error()) return ready.error();
    auto file = std::make_shared<LedgerFile>(std::move(*database));
    if (auto ready = file->prepare_statements(); ready.has_error()) return ready.error();
    return std::unique_ptr<catalog::TriggerLedger>(
        std::make_unique<SqliteLedger>(std::move(file), pool));
}

}  // namespace hearth::store
