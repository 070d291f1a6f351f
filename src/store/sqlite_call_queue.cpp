#include "hearth/store/sqlite_call_queue.hpp"

#include "store/call_tables.hpp"
#include "store/migrations.hpp"
#include "store/table_reader.hpp"
#include "store/table_writer.hpp"

namespace hearth::store {
namespace {

using catalog::AcceptedCall;
using catalog::CallRecord;
using catalog::PendingCall;
using catalog::UnixMs;

using CallReader = TableReader<CallReads>;
using CallWriter = TableWriter<CallTables>;

class SqliteCallQueue final : public catalog::CallQueue {
 public:
    SqliteCallQueue(std::shared_ptr<CallReader> reader, std::unique_ptr<CallWriter> writer,
                    aio::BlockingPool& pool)
        : reader_(std::move(reader)), pool_(pool), writer_(std::move(writer)) {}

    Task<Result<AcceptedCall>> accept(catalog::NewCall call) override {
        auto work = [call = std::move(call)](CallTables& tables) { return tables.accept(call); };
        return writer_->write<AcceptedCall>(std::move(work));
    }
    Task<Result<bool>> begin(std::int64_t seq, int number, UnixMs now) override {
        auto work = [=](CallTables& tables) { return tables.begin(seq, number, now); };
        return writer_->write<bool>(std::move(work));
    }
    Task<Result<std::vector<PendingCall>>> settle(catalog::CallSettlement settlement) override {
        auto work = [settlement = std::move(settlement)](CallTables& tables) {
            return tables.settle(settlement);
        };
        return writer_->write<std::vector<PendingCall>>(std::move(work));
    }
    Task<Result<std::vector<PendingCall>>> recover(UnixMs now) override {
        auto work = [=](CallTables& tables) { return tables.recover(now); };
        return writer_->write<std::vector<PendingCall>>(std::move(work));
    }
    Task<Result<CallRecord>> find(std::string id) override {
        auto work = [reader = reader_, id = std::move(id)] {
            return reader->run([&](CallReads& reads) { return reads.find(id); });
        };
        return pool_.run(std::move(work));
    }
    Task<Result<std::vector<CallRecord>>> list(catalog::CallQuery query) override {
        auto work = [reader = reader_, query = std::move(query)] {
            return reader->run([&](CallReads& reads) { return reads.list(query); });
        };
        return pool_.run(std::move(work));
    }
    Task<Result<void>> edit(std::string id, catalog::CallEdit edit) override {
        auto work = [id = std::move(id), edit = std::move(edit)](CallTables& tables) {
            return tables.edit(id, edit);
        };
        return writer_->write<void>(std::move(work));
    }
    Task<Result<PendingCall>> redrive(std::string id, UnixMs now, UnixMs expires) override {
        auto work = [id = std::move(id), now, expires](CallTables& tables) {
            return tables.redrive(id, now, expires);
        };
        return writer_->write<PendingCall>(std::move(work));
    }
    Task<Result<std::size_t>> purge(catalog::CallQuery query) override {
        std::size_t removed = 0;
        for (;;) {
            auto work = [query](CallTables& tables) { return tables.purge(query); };
            auto part = co_await writer_->write<std::size_t>(std::move(work));
            if (!part) co_return part;
            if (*part == 0) co_return removed;
            removed += *part;
        }
    }
    Task<Result<std::size_t>> trim(catalog::CallRetention retention) override {
        std::size_t removed = 0;
        for (;;) {
            auto work = [retention](CallTables& tables) { return tables.trim(retention); };
            auto part = co_await writer_->write<std::size_t>(std::move(work));
            if (!part) co_return part;
            if (*part == 0) co_return removed;
            removed += *part;
        }
    }

 private:
    std::shared_ptr<CallReader> reader_;
    aio::BlockingPool& pool_;
    std::unique_ptr<CallWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<catalog::CallQueue>> open_sqlite_call_queue(const CallQueueOptions& options,
                                                                   aio::BlockingPool& pool,
                                                                   telemetry::Logger& log,
                                                                   telemetry::Registry& metrics) {
    GroupCommitOptions commits;
    commits.thread = "call-writer";
    commits.prefix = "calls";
    commits.series = "hearth_call_store";
    commits.what = "calls";
    commits.queue = options.write_queue;
    commits.group = 512;
    auto writer = open_table_writer<CallTables>(options.file, "call", call_migration_steps(),
                                                std::move(commits), metrics, log);
    if (!writer) return writer.error();
    auto reader = CallReader::open(options.file);
    if (!reader)
        return is_damage(reader.error()) ? damaged(options.file, "call", reader.error().message)
                                         : reader.error();
    return std::unique_ptr<catalog::CallQueue>(
        std::make_unique<SqliteCallQueue>(std::move(*reader), std::move(*writer), pool));
}

}  // namespace hearth::store
