#include "hearth/artifact/archive_store.hpp"

#include <fmt/format.h>

#include "artifact/archive_folder.hpp"

namespace hearth::artifact {
namespace {

namespace fs = std::filesystem;

/// Fewer, larger jobs on the pool; also what an upload holds in memory.
constexpr std::size_t kUploadBuffer = 256 * 1024;

Error too_large(std::uint64_t limit) {
    return Error(Errc::too_large, fmt::format("the archive is larger than {} bytes", limit), {},
                 "artifact");
}

class DiskUpload final : public Upload {
 public:
    DiskUpload(std::shared_ptr<ArchiveFolder> folder, std::shared_ptr<TempFile> file,
               aio::BlockingPool& pool)
        : folder_(std::move(folder)), file_(std::move(file)), pool_(pool) {}

    ~DiskUpload() override {
        if (!file_) return;
        // Freeing a large file takes a while; a full pool makes this thread do it after all.
        std::function<void()> drop = [file = std::move(file_)]() mutable { file.reset(); };
        if (pool_.submit(drop).has_error()) return;
    }

    Task<Result<void>> write(std::span<const char> bytes) override {
        if (failed_) co_return *failed_;
        taken_ += bytes.size();
        if (taken_ > folder_->limits().packed_bytes) {
            co_return fail(too_large(folder_->limits().packed_bytes));
        }
        // The job may outlive a cancelled caller, so it gets bytes of its own.
        buffer_.append(bytes.data(), bytes.size());
        if (buffer_.size() < kUploadBuffer) co_return Result<void>();
        auto job = [file = file_, chunk = std::move(buffer_)]() -> Result<void> {
            return file->append(chunk);
        };
        buffer_.clear();
        auto done = co_await pool_.run(std::move(job));
        if (done.has_error()) co_return fail(done.error());
        co_return Result<void>();
    }

    Task<Result<ArchiveInfo>> finish(std::string expected_digest) override {
        if (failed_) co_return *failed_;
        auto job = [folder = folder_, file = std::move(file_), rest = std::move(buffer_),
                    expected = std::move(expected_digest)]() -> Result<ArchiveInfo> {
            if (auto done = file->append(rest); done.has_error()) return done.error();
            return folder->place(*file, expected);
        };
        failed_ = Error(Errc::internal, "the upload has been finished already", {}, "artifact");
        auto placed = co_await pool_.run(std::move(job));
        co_return placed;
    }

 private:
    Error fail(Error error) {
        failed_ = error;
        buffer_.clear();
        return error;
    }

    std::shared_ptr<ArchiveFolder> folder_;
    std::shared_ptr<TempFile> file_;
    aio::BlockingPool& pool_;
    std::string buffer_;
    std::uint64_t taken_ = 0;
    std::optional<Error> failed_;
};

class DiskArchiveStore final : public ArchiveStore {
 public:
    DiskArchiveStore(std::shared_ptr<ArchiveFolder> folder, aio::BlockingPool& pool)
        : folder_(std::move(folder)), pool_(pool) {}

    Task<Result<std::unique_ptr<Upload>>> begin_upload() override {
        auto job = [folder = folder_] { return folder->begin(); };
        auto file = co_await pool_.run(std::move(job));
        if (!file) co_return file.error();
        std::unique_ptr<Upload> upload =
            std::make_unique<DiskUpload>(folder_, std::move(*file), pool_);
        co_return upload;
    }

    Task<Result<ArchiveInfo>> put(std::string bytes) override {
        if (bytes.size() > folder_->limits().packed_bytes) {
            co_return too_large(folder_->limits().packed_bytes);
        }
        auto job = [folder = folder_, bytes = std::move(bytes)] { return folder->put(bytes); };
        auto placed = co_await pool_.run(std::move(job));
        co_return placed;
    }

    Task<Result<ArchiveInfo>> info(std::string digest) override {
        auto job = [folder = folder_, digest = std::move(digest)] { return folder->info(digest); };
        auto answer = co_await pool_.run(std::move(job));
        co_return answer;
    }

    Task<Result<std::vector<ArchiveInfo>>> list() override {
        auto job = [folder = folder_] { return folder->list(); };
        auto answer = co_await pool_.run(std::move(job));
        co_return answer;
    }

    Task<Result<fs::path>> packed_path(std::string digest) override {
        auto there = co_await info(digest);
        if (!there) co_return there.error();
        co_return folder_->packed(digest);
    }

    Task<Result<fs::path>> unpacked(std::string digest) override {
        if (fs::path there = folder_->known(digest); !there.empty()) co_return there;
        auto executor = co_await aio::net::this_coro::executor;
        auto waiter = std::make_shared<aio::OneShot<Result<fs::path>>>(executor);
        if (folder_->wait_for(digest, waiter)) start_unpacking(digest);
        auto answer = co_await waiter->wait(Deadline::never());
        if (!answer) co_return Error(Errc::cancelled, "the caller went away", {}, "artifact");
        co_return std::move(*answer);
    }

    fs::path unpacked_now(const std::string& digest) const override {
        return folder_->known(digest);
    }

    Task<Result<std::vector<std::string>>> collect(std::set<std::string> named,
                                                   std::int64_t min_age_seconds) override {
        auto job = [folder = folder_, named = std::move(named), min_age_seconds] {
            return folder->collect(named, min_age_seconds);
        };
        auto removed = co_await pool_.run(std::move(job));
        co_return removed;
    }

 private:
    /// On the pool, whoever of the waiters goes away meanwhile.
    void start_unpacking(const std::string& digest) {
        auto queued =
            pool_.submit([folder = folder_, digest] { folder->unpack_and_answer(digest); });
        if (queued.has_error()) folder_->answer(digest, queued.error());
    }

    std::shared_ptr<ArchiveFolder> folder_;
    aio::BlockingPool& pool_;
};

}  // namespace

Result<std::unique_ptr<ArchiveStore>> open_archive_store(fs::path folder, ArchiveLimits limits,
                                                         aio::BlockingPool& pool,
                                                         telemetry::Logger& log) {
    auto shared = std::make_shared<ArchiveFolder>(std::move(folder), limits, log);
    auto stale = shared->prepare();
    if (!stale) return stale.error();
    if (!stale->empty()) {
        log.log(telemetry::Level::info, "artifact", "removing what an earlier run left unfinished",
                {{"count", std::to_string(stale->size())}});
        const auto sweep = [paths = std::move(*stale)] {
            for (const fs::path& path : paths) remove_tree(path);
        };
        if (pool.submit(sweep).has_error()) sweep();
    }
    return std::unique_ptr<ArchiveStore>(
        std::make_unique<DiskArchiveStore>(std::move(shared), pool));
}

}  // namespace hearth::artifact
