#include "hearth/store/sqlite_run_journal.hpp"

#include "store/migrations.hpp"
#include "store/run_tables.hpp"
#include "store/table_reader.hpp"
#include "store/table_writer.hpp"

namespace hearth::store {
namespace {

using catalog::RunRow;

using RunReader = TableReader<RunReads>;
using RunWriter = TableWriter<RunTables>;

class SqliteRunJournal final : public catalog::RunJournal {
 public:
    SqliteRunJournal(std::shared_ptr<RunReader> reader, std::unique_ptr<RunWriter> writer,
                     aio::BlockingPool& pool)
        : reader_(std::move(reader)), pool_(pool), writer_(std::move(writer)) {}

    Task<Result<catalog::AcceptedRun>> create(catalog::NewRun run) override {
        auto work = [run = std::move(run)](RunTables& tables) { return tables.create(run); };
        return writer_->write<catalog::AcceptedRun>(std::move(work));
    }
    Task<Result<void>> append(catalog::RunAppend append) override {
        auto work = [append = std::move(append)](RunTables& tables) {
            return tables.append(append);
        };
        return writer_->write<void>(std::move(work));
    }
    Task<Result<std::vector<RunRow>>> unfinished() override {
        return read_with([](RunReads& reads) { return reads.unfinished(); });
    }
    Task<Result<RunRow>> find(std::string id) override {
        return read_with([id = std::move(id)](RunReads& reads) { return reads.find(id); });
    }
    Task<Result<catalog::RunLog>> read(std::string id) override {
        return read_with([id = std::move(id)](RunReads& reads) { return reads.read(id); });
    }
    Result<std::string> value(std::int64_t seq, const std::string& digest) override {
        return reader_->run([&](RunReads& reads) { return reads.value(seq, digest); });
    }
    Task<Result<std::vector<RunRow>>> list(catalog::RunQuery query) override {
        return read_with([query = std::move(query)](RunReads& reads) { return reads.list(query); });
    }
    Task<Result<void>> remove(std::string id) override {
        auto work = [id = std::move(id)](RunTables& tables) { return tables.remove(id); };
        return writer_->write<void>(std::move(work));
    }
    Task<Result<std::size_t>> trim(catalog::RunRetention retention) override {
        std::size_t removed = 0;
        for (;;) {
            auto work = [retention](RunTables& tables) { return tables.trim(retention); };
            auto part = co_await writer_->write<std::size_t>(std::move(work));
            if (!part) co_return part;
            if (*part == 0) co_return removed;
            removed += *part;
        }
    }

 private:
    template <class Read>
    auto read_with(Read read) -> Task<std::invoke_result_t<Read&, RunReads&>> {
        auto work = [reader = reader_, read = std::move(read)] { return reader->run(read); };
        return pool_.run(std::move(work));
    }

    std::shared_ptr<RunReader> reader_;
    aio::BlockingPool& pool_;
    std::unique_ptr<RunWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<catalog::RunJournal>> open_sqlite_run_journal(
    const RunJournalOptions& options, aio::BlockingPool& pool, telemetry::Logger& log,
    telemetry::Registry& metrics) {
    GroupCommitOptions commits;
    commits.thread = "run-writer";
    commits.prefix = "runs";
    commits.series = "hearth_run_store";
    commits.what = "workflow runs";
    commits.queue = options.write_queue;
    commits.group = 512;
    auto writer = open_table_writer<RunTables>(options.file, "run", run_migration_steps(),
                                               std::move(commits), metrics, log);
    if (!writer) return writer.error();
    auto reader = RunReader::open(options.file);
    if (!reader)
        return is_damage(reader.error()) ? damaged(options.file, "run", reader.error().message)
                                         : reader.error();
    return std::unique_ptr<catalog::RunJournal>(
        std::make_unique<SqliteRunJournal>(std::move(*reader), std::move(*writer), pool));
}

}  // namespace hearth::store
