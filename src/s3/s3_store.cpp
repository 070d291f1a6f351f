#include "s3/s3_store.hpp"

#include <fmt/format.h>

namespace hearth::s3 {
namespace {

namespace fs = std::filesystem;
using artifact::ArchiveInfo;

/// Younger than this in the bucket, an archive is not sent again: nothing collects it yet.
constexpr std::int64_t kFreshSeconds = 600;
constexpr auto kFirstPause = std::chrono::milliseconds(100);
constexpr int kTries = 4;

/// Bytes of a folder or file. Blocks.
std::uint64_t size_of(const fs::path& path) {
    std::error_code error;
    if (!fs::is_directory(path, error)) return fs::file_size(path, error);
    std::uint64_t bytes = 0;
    for (auto at = fs::recursive_directory_iterator(path, error);
         !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
        std::error_code vanished;
        if (at->is_regular_file(vanished)) bytes += at->file_size(vanished);
    }
    return bytes;
}

class UploadSink final : public http::BodySink {
 public:
    explicit UploadSink(artifact::Upload& upload) : upload_(upload) {}
    Task<Result<void>> write(std::string_view bytes) override {
        const std::span<const char> span(bytes.data(), bytes.size());
        co_return co_await upload_.write(span);
    }

 private:
    artifact::Upload& upload_;
};

/// To the cache first, then to the bucket.
class Upload final : public artifact::Upload {
 public:
    Upload(S3ArchiveStore& store, std::unique_ptr<artifact::Upload> upload)
        : store_(store), upload_(std::move(upload)) {}
    Task<Result<void>> write(std::span<const char> bytes) override {
        co_return co_await upload_->write(bytes);
    }
    Task<Result<ArchiveInfo>> finish(std::string expected_digest) override {
        auto placed = co_await upload_->finish(std::move(expected_digest));
        if (!placed) co_return placed.error();
        ArchiveInfo info = std::move(*placed);
        co_return co_await store_.bring(std::move(info), true);
    }

 private:
    S3ArchiveStore& store_;
    const std::unique_ptr<artifact::Upload> upload_;
};

}  // namespace

S3ArchiveStore::S3ArchiveStore(S3Options options, std::unique_ptr<artifact::ArchiveStore> cache,
                               std::unique_ptr<Bucket> bucket, aio::Executor background,
                               aio::BlockingPool& pool, telemetry::Logger& log,
                               telemetry::Registry& metrics)
    : options_(std::move(options)),
      cache_(std::move(cache)),
      bucket_(std::move(bucket)),
      background_(background),
      pool_(pool),
      log_(log),
      cached_(metrics.gauge("hearth_s3_cache_bytes",
                            "Disk taken by the archives of the store that are kept here")),
      tasks_(log) {}

S3ArchiveStore::~S3ArchiveStore() {
    stop(Deadline::after(std::chrono::seconds(5)));
}

void S3ArchiveStore::stop(Deadline deadline) {
    tasks_.cancel();
    tasks_.join_blocking(deadline);
}

void S3ArchiveStore::start() {
    tasks_.spawn(background_, "s3-stock", take_stock());
}

std::optional<ArchiveInfo> S3ArchiveStore::known(const std::string& digest) const {
    const std::lock_guard lock(mutex_);
    const auto at = stored_.find(digest);
    return at == stored_.end() ? std::nullopt : std::optional<ArchiveInfo>(at->second);
}

void S3ArchiveStore::remember(ArchiveInfo info) {
    const std::lock_guard lock(mutex_);
    const std::string digest = info.digest;
    stored_.insert_or_assign(digest, std::move(info));
}

Task<Result<std::unique_ptr<artifact::Upload>>> S3ArchiveStore::begin_upload() {
    auto begun = co_await cache_->begin_upload();
    if (!begun) co_return begun.error();
    std::unique_ptr<artifact::Upload> upload = std::make_unique<Upload>(*this, std::move(*begun));
    co_return upload;
}

Task<Result<ArchiveInfo>> S3ArchiveStore::put(std::string bytes) {
    auto placed = co_await cache_->put(std::move(bytes));
    if (!placed) co_return placed.error();
    ArchiveInfo info = std::move(*placed);
    co_return co_await bring(std::move(info), false);
}

Task<Result<ArchiveInfo>> S3ArchiveStore::bring(ArchiveInfo info, bool refresh) {
    const std::string digest = info.digest;
    const auto wall = clock_.wall().time_since_epoch();
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(wall).count();
    {
        const std::lock_guard lock(mutex_);
        book_.packed(digest, info.bytes, clock_.now());
    }
    if (const auto there = known(digest)) {
        if (!refresh || now - there->created_unix < kFreshSeconds) co_return *there;
    }
    auto file = co_await cache_->packed_path(digest);
    if (!file) co_return file.error();
    const auto deadline = Deadline::after(options_.timeout);
    auto sent = co_await bucket_->put(digest, *file, info.bytes, digest, deadline);
    if (!sent) co_return sent.error();
    info.created_unix = now;
    remember(info);
    trim_if_full();
    co_return info;
}

Task<Result<ArchiveInfo>> S3ArchiveStore::info(std::string digest) {
    if (const auto there = known(digest)) co_return *there;
    if (!artifact::is_digest(digest)) co_return co_await cache_->info(digest);
    auto found = co_await bucket_->find(digest, Deadline::after(options_.timeout));
    if (!found) co_return found.error();
    if (!*found) {
        // Of before there was a bucket, or of an upload that did not get through to it.
        auto local = co_await cache_->info(digest);
        if (!local) co_return local.error();
        ArchiveInfo info = std::move(*local);
        co_return co_await bring(std::move(info), false);
    }
    ArchiveInfo info;
    info.digest = digest;
    info.bytes = (*found)->bytes;
    info.created_unix = (*found)->modified_unix;
    remember(info);
    co_return info;
}

Task<Result<std::vector<ArchiveInfo>>> S3ArchiveStore::list() {
    auto objects = co_await bucket_->list(Deadline::after(options_.timeout));
    if (!objects) co_return objects.error();
    std::vector<ArchiveInfo> archives;
    for (const auto& object : *objects) {
        if (!artifact::is_digest(object.key)) continue;
        ArchiveInfo info;
        info.digest = object.key;
        info.bytes = object.bytes;
        info.created_unix = object.modified_unix;
        remember(info);
        archives.push_back(std::move(info));
    }
    co_return archives;
}

Task<Result<fs::path>> S3ArchiveStore::packed_path(std::string digest) {
    {
        const std::lock_guard lock(mutex_);
        book_.used(digest, clock_.now());
    }
    auto local = co_await cache_->packed_path(digest);
    if (local || local.error().code != Errc::not_found || !artifact::is_digest(digest))
        co_return local;
    auto fetched = co_await fetch(digest);
    if (!fetched) co_return fetched.error();
    co_return co_await cache_->packed_path(digest);
}

fs::path S3ArchiveStore::unpacked_now(const std::string& digest) const {
    const std::lock_guard lock(mutex_);
    book_.used(digest, clock_.now());
    return cache_->unpacked_now(digest);
}

Task<Result<fs::path>> S3ArchiveStore::unpacked(std::string digest) {
    if (fs::path there = unpacked_now(digest); !there.empty()) co_return there;
    auto packed = co_await packed_path(digest);
    if (!packed) co_return packed.error();
    auto unpacked = co_await unpack_and_measure(digest);
    if (unpacked || unpacked.error().code != Errc::io) co_return unpacked;
    // Damaged on this disk; the bucket's copy takes its place.
    auto fetched = co_await fetch(digest);
    if (!fetched) co_return unpacked;
    co_return co_await unpack_and_measure(digest);
}

Task<Result<fs::path>> S3ArchiveStore::unpack_and_measure(std::string digest) {
    auto unpacked = co_await cache_->unpacked(digest);
    if (!unpacked) co_return unpacked.error();
    auto measure = [path = *unpacked]() -> Result<std::uint64_t> { return size_of(path); };
    auto bytes = co_await pool_.run(std::move(measure));
    {
        const std::lock_guard lock(mutex_);
        if (bytes) book_.unpacked(digest, *bytes, clock_.now());
    }
    trim_if_full();
    co_return unpacked;
}

/// Waits for the one transfer of this digest, whoever began it.
Task<Result<void>> S3ArchiveStore::fetch(std::string digest) {
    const auto executor = co_await aio::net::this_coro::executor;
    auto waiter = std::make_shared<aio::OneShot<Answer>>(executor);
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        auto& waiters = flights_[digest];
        first = waiters.empty();
        waiters.push_back(waiter);
    }
    if (first) tasks_.spawn(background_, "s3-fetch", fetch_and_answer(digest));
    auto answer = co_await waiter->wait(Deadline::after(options_.timeout));
    if (answer) co_return *answer;
    co_return Error(
        Errc::deadline_exceeded,
        fmt::format("archive {} did not come from bucket {} in time", digest, options_.bucket), {},
        "s3");
}

Task<void> S3ArchiveStore::fetch_and_answer(std::string digest) {
    const auto deadline = Deadline::after(options_.timeout);
    auto pause = kFirstPause;
    Result<void> outcome;
    for (int tried = 1;; ++tried) {
        outcome = co_await transfer(digest, deadline);
        const bool again = outcome.has_error() && outcome.error().code == Errc::unavailable;
        if (!again || tried == kTries || deadline.left() < pause) break;
        if (!co_await aio::sleep_until(Deadline::after(pause))) break;
        pause *= 2;
    }
    std::vector<Waiter> waiters;
    {
        const std::lock_guard lock(mutex_);
        const auto at = flights_.find(digest);
        waiters.swap(at->second);
        flights_.erase(at);
        if (outcome.has_error() && outcome.error().code == Errc::not_found) stored_.erase(digest);
    }
    for (const auto& waiter : waiters) waiter->deliver(outcome);
}

Task<Result<void>> S3ArchiveStore::transfer(std::string digest, Deadline deadline) {
    auto upload = co_await cache_->begin_upload();
    if (!upload) co_return upload.error();
    UploadSink sink(**upload);
    auto got = co_await bucket_->get(digest, sink, options_.max_archive_bytes, deadline);
    if (!got) co_return got.error();
    auto placed = co_await (*upload)->finish(digest);
    if (!placed && placed.error().code == Errc::invalid_argument)
        co_return Error(Errc::io,
                        fmt::format("archive {} is damaged in bucket {} (other bytes than its "
                                    "SHA-256 says); upload it again",
                                    digest, options_.bucket),
                        {}, "s3");
    if (!placed) co_return placed.error();
    log_.log(telemetry::Level::info, "s3", "fetched an archive",
             {{"digest", digest}, {"bytes", std::to_string(placed->bytes)}});
    {
        const std::lock_guard lock(mutex_);
        book_.packed(digest, placed->bytes, clock_.now());
    }
    trim_if_full();
    co_return Result<void>();
}

Task<Result<std::vector<std::string>>> S3ArchiveStore::collect(std::set<std::string> named,
                                                               std::int64_t min_age_seconds) {
    auto objects = co_await bucket_->list(Deadline::after(options_.timeout));
    if (!objects) co_return objects.error();
    const auto wall = clock_.wall().time_since_epoch();
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(wall).count();
    std::set<std::string> removed;
    for (const auto& object : *objects) {
        if (!artifact::is_digest(object.key) || named.contains(object.key)) continue;
        // The store's clock may be ahead: without an age its time says nothing.
        if (min_age_seconds > 0 && object.modified_unix > now - min_age_seconds) continue;
        {
            // Before the object goes: whoever asks from now on looks.
            const std::lock_guard lock(mutex_);
            stored_.erase(object.key);
        }
        auto done = co_await bucket_->remove(object.key, Deadline::after(options_.timeout));
        if (!done) co_return done.error();
        removed.insert(object.key);
    }
    auto dropped = co_await cache_->collect(std::move(named), min_age_seconds);
    if (!dropped) co_return dropped.error();
    const std::lock_guard lock(mutex_);
    for (const auto& digest : *dropped) {
        book_.gone(digest);
        removed.insert(digest);
    }
    co_return std::vector<std::string>(removed.begin(), removed.end());
}

Task<void> S3ArchiveStore::take_stock() {
    auto archives = co_await cache_->list();
    if (!archives) co_return;
    for (const auto& info : *archives) {
        auto measure = [path = cache_->unpacked_now(info.digest)]() -> Result<std::uint64_t> {
            return path.empty() ? 0 : size_of(path);
        };
        auto bytes = co_await pool_.run(std::move(measure));
        const std::lock_guard lock(mutex_);
        book_.packed(info.digest, info.bytes, {});
        if (bytes) book_.unpacked(info.digest, *bytes, {});
    }
    trim_if_full();
}

void S3ArchiveStore::trim_if_full() {
    {
        const std::lock_guard lock(mutex_);
        cached_.set(static_cast<double>(book_.bytes()));
        if (trimming_ || book_.bytes() <= options_.cache_bytes) return;
        trimming_ = true;
    }
    tasks_.spawn(background_, "s3-trim", trim());
}

/// Takes the longest unused archives out of the cache, after seeing that the bucket has them.
Task<void> S3ArchiveStore::trim() {
    std::vector<std::string> victims;
    {
        const std::lock_guard lock(mutex_);
        victims = book_.victims(options_.cache_bytes, clock_.now() - options_.least_stay);
    }
    std::set<std::string> going;
    for (const auto& digest : victims) {
        auto there = co_await info(digest);
        if (there) going.insert(digest);
    }
    auto archives = co_await cache_->list();
    if (archives && !going.empty()) {
        std::set<std::string> staying;
        for (const auto& info : *archives)
            if (!going.contains(info.digest)) staying.insert(info.digest);
        // What has come since the list is young, and so stays too.
        auto removed = co_await cache_->collect(std::move(staying), options_.least_stay.count());
        const std::lock_guard lock(mutex_);
        if (removed)
            for (const auto& digest : *removed) book_.gone(digest);
    }
    const std::lock_guard lock(mutex_);
    cached_.set(static_cast<double>(book_.bytes()));
    trimming_ = false;
}

}  // namespace hearth::s3
