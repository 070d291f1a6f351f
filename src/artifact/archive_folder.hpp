#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "artifact/disk.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/artifact/archive_store.hpp"

namespace hearth::artifact {

/// An upload's file under tmp/ until it has been placed; goes with the object.
/// Thread: one at a time.
struct TempFile {
    TempFile(base::UniqueFd opened, std::filesystem::path at)
        : fd(std::move(opened)), path(std::move(at)) {}
    ~TempFile();
    TempFile(const TempFile&) = delete;
    TempFile& operator=(const TempFile&) = delete;

    Result<void> append(std::string_view bytes);

    base::UniqueFd fd;
    std::filesystem::path path;  ///< empty once placed
    Sha256 hash;
    std::uint64_t bytes = 0;
};

/// The folder on disk and what is known of it. Everything here blocks, so it runs on the pool;
/// shared with the jobs there, which may outlive the store. Thread: any.
class ArchiveFolder {
 public:
    using Waiter = std::shared_ptr<aio::OneShot<Result<std::filesystem::path>>>;

    ArchiveFolder(std::filesystem::path folder, ArchiveLimits limits, telemetry::Logger& log);

    /// Makes the folders, learns what is unpacked. Returns what a run before this one left under
    /// tmp/.
    Result<std::vector<std::filesystem::path>> prepare();

    Result<std::shared_ptr<TempFile>> begin();
    /// Syncs, checks the digest and gives the file its name.
    Result<ArchiveInfo> place(TempFile& file, const std::string& expected_digest);
    Result<ArchiveInfo> put(const std::string& bytes);
    Result<ArchiveInfo> info(const std::string& digest) const;
    Result<std::vector<ArchiveInfo>> list() const;
    Result<std::vector<std::string>> collect(const std::set<std::string>& named,
                                             std::int64_t min_age_seconds);

    std::filesystem::path known(const std::string& digest) const;
    /// True for the first waiter of a digest, who then has to get unpack_and_answer run.
    bool wait_for(const std::string& digest, Waiter waiter);
    void unpack_and_answer(const std::string& digest);
    void answer(const std::string& digest, const Result<std::filesystem::path>& result);

    const ArchiveLimits& limits() const { return limits_; }
    std::filesystem::path packed(const std::string& digest) const { return folder_ / digest; }

 private:
    std::filesystem::path plain_mark(const std::string& digest) const {
        return unpacked_ / (digest + ".plain");
    }
    Result<void> drop_after_boot();
    Result<void> learn_unpacked();
    void remember(const std::string& digest, bool plain);
    Result<std::filesystem::path> unpack(const std::string& digest);
    Result<bool> unpack_into(const std::string& digest, const std::filesystem::path& folder);
    bool remove_archive(const std::string& digest, std::int64_t younger_than_unix);

    const std::filesystem::path folder_;
    const std::filesystem::path tmp_;
    const std::filesystem::path unpacked_;
    const ArchiveLimits limits_;
    telemetry::Logger& log_;

    /// Naming and removing an archive exclude each other, so that one just uploaded again is not
    /// collected.
    std::mutex names_mutex_;
    mutable std::shared_mutex known_mutex_;
    std::unordered_map<std::string, std::filesystem::path> known_;
    std::mutex flights_mutex_;
    std::map<std::string, std::vector<Waiter>> flights_;
};

}  // namespace hearth::artifact
