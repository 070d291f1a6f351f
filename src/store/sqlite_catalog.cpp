#include "hearth/store/sqlite_catalog.hpp"

#include <fmt/format.h>

#include <chrono>

#include "hearth/catalog/change_log.hpp"
#include "hearth/catalog/plan.hpp"
#include "hearth/catalog/resource_index.hpp"
#include "store/lease_file.hpp"
#include "store/migrations.hpp"
#include "store/sqlite.hpp"
#include "store/tables.hpp"
#include "store/writer.hpp"

namespace hearth::store {
namespace {

using catalog::Change;
using catalog::RecordPtr;

class SqliteCatalog final : public catalog::Catalog {
 public:
    SqliteCatalog(LeaseFile lease, std::size_t history) : lease_(std::move(lease)), log_(history) {}
    ~SqliteCatalog() override {
        if (!writer_) return;
        writer_.reset();
        lease_.settle();
    }

    Result<void> load(Tables& tables, State& state, telemetry::Logger& log) {
        auto objects = tables.load_objects(state);
        if (!objects) return objects.error();
        for (const auto& record : objects->records) {
            if (record->damage) report(log, record->load().error().message);
        }
        lost_ = std::move(objects->lost);
        for (const auto& text : lost_) report(log, text);
        index_.load(std::move(objects->records), state.revision);
        auto history = tables.load_history(
            state, [this](model::Kind kind, std::string_view ns, std::string_view name) {
                return index_.find(kind, ns, name);
            });
        if (!history) return history.error();
        if (history->damaged > 0)
            report(log, fmt::format("{} rows of table history are not what was written: changes up "
                                    "to revision {} cannot be watched again",
                                    history->damaged, history->floor));
        log_.load(std::move(history->changes), history->floor);
        return {};
    }

    void start(std::unique_ptr<Database> database, Tables tables, Savepoint savepoint,
               const State& state, const StoreOptions& options, telemetry::Registry& metrics,
               telemetry::Logger& log) {
        const Writer::Limits limits{options.write_queue, options.history};
        const Outputs outputs{lease_, log_, index_, subscribers_};
        writer_ =
            std::make_unique<Writer>(std::move(database), std::move(tables), std::move(savepoint),
                                     state, limits, outputs, metrics, log);
    }

    RecordPtr find(model::Kind kind, std::string_view ns, std::string_view name) const override {
        return index_.find(kind, ns, name);
    }
    std::vector<RecordPtr> list(const catalog::ListQuery& query) const override {
        return index_.list(query);
    }
    std::size_t count(model::Kind kind) const override { return index_.count(kind); }
    std::int64_t revision() const override { return index_.revision(); }
    std::vector<std::string> lost_rows() const override { return lost_; }

    Task<WriteResult> write(std::vector<catalog::Mutation> mutations) override {
        return writer_->write(std::move(mutations));
    }

    catalog::ChangesSince changes_since(std::int64_t revision, std::size_t limit) const override {
        return log_.since(revision, limit);
    }
    Subscription subscribe(std::function<void(const std::vector<Change>&)> on_changes) override {
        return subscribers_.add(std::move(on_changes));
    }

 private:
    static void report(telemetry::Logger& log, const std::string& what) {
        log.log(telemetry::Level::error, "store", "the database is damaged",
                {{telemetry::kErr, what}});
    }

    std::vector<std::string> lost_;
    LeaseFile lease_;
    catalog::ResourceIndex index_;
    catalog::ChangeLog log_;
    catalog::Subscribers subscribers_;
    std::unique_ptr<Writer> writer_;  // last: it writes to all of the above until it is gone
};

Error with_table(const Database& database, const Error& error) {
    return is_damage(error) ? damaged(database.file(), "sqlite_schema", error.message) : error;
}

Error lost_writes(const std::filesystem::path& file, const State& state,
                  std::int64_t acknowledged) {
    return damaged(file, "state",
                   fmt::format("it ends at revision {}, but {} was acknowledged before the daemon "
                               "was killed. If an older backup was put here on purpose, remove "
                               "{}.lock and start again; otherwise {}-wal was damaged or lost",
                               state.revision, acknowledged, file.string(), file.string()));
}

}  // namespace

Result<std::unique_ptr<catalog::Catalog>> open_sqlite_catalog(const StoreOptions& options,
                                                              telemetry::Logger& log,
                                                              telemetry::Registry& metrics) {
    const auto started = std::chrono::steady_clock::now();
    auto lease = LeaseFile::take(options.file);
    if (!lease) return lease.error();
    auto opened = Database::open(options.file);
    if (!opened) {
        const Error& error = opened.error();
        return is_damage(error) ? damaged(options.file, "sqlite_schema", error.message) : error;
    }
    auto database = std::make_unique<Database>(std::move(*opened));
    if (auto done = migrate(*database, migration_steps()); done.has_error()) {
        return with_table(*database, done.error());
    }
    auto tables = Tables::prepare(*database);
    if (!tables) return tables.error();
    auto savepoint = Savepoint::prepare(*database);
    if (!savepoint) return savepoint.error();
    auto state = tables->load_state();
    if (!state) return state.error();
    if (state->revision < lease->acknowledged()) {
        return lost_writes(options.file, *state, lease->acknowledged());
    }
    auto store = std::make_unique<SqliteCatalog>(std::move(*lease), options.history);
    if (auto done = store->load(*tables, *state, log); done.has_error()) return done.error();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - started);
    log.log(telemetry::Level::info, "store", "database loaded",
            {{"file", options.file.string()},
             {"objects", std::to_string(state->objects)},
             {"revision", std::to_string(state->revision)},
             {telemetry::kDurationMs, std::to_string(took.count())}});
    store->start(std::move(database), std::move(*tables), std::move(*savepoint), *state, options,
                 metrics, log);
    return std::unique_ptr<catalog::Catalog>(std::move(store));
}

}  // namespace hearth::store
