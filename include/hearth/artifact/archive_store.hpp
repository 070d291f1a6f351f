#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/base/result.hpp"
#include "hearth/telemetry/log.hpp"

namespace hearth::artifact {

/// Bounds on what an archive may unpack to (study: packed 100 MiB, 512 MiB unpacked, ratio 200, 20,000 entries).
struct ArchiveLimits {
    std::uint64_t packed_bytes = 256u << 20;
    std::uint64_t unpacked_bytes = 512u << 20;
    std::uint32_t entries = 20'000;
    std::uint32_t ratio = 200;            ///< applies past 1 MiB unpacked
    std::uint32_t path_bytes = 1024;
    std::uint32_t depth = 32;
};

struct ArchiveInfo {
    std::string digest;                   ///< lower-case hex SHA-256 of the packed bytes
    std::uint64_t bytes = 0;
    std::int64_t created_unix = 0;
};

/// An upload on its way to disk. Dropping it unfinished leaves nothing behind.
/// Thread: one coroutine at a time.
class Upload {
  public:
    virtual ~Upload() = default;
    /// Errors: too_large, no_space, io.
    virtual Task<Result<void>> write(std::span<const char> bytes) = 0;
    /// Makes it durable (fsync file and folder). With `expected_digest` non-empty a different one is invalid_argument.
    virtual Task<Result<ArchiveInfo>> finish(std::string expected_digest) = 0;
};

/// Content-addressed archives under DIR/archives: `<digest>` packed, `unpacked/<digest>/` shared and read-only.
/// Thread: any; disk work runs on the blocking pool.
class ArchiveStore {
  public:
    virtual ~ArchiveStore() = default;

    virtual Task<Result<std::unique_ptr<Upload>>> begin_upload() = 0;
    /// Small archives held in memory (literals, packed `files`).
    virtual Task<Result<ArchiveInfo>> put(std::string bytes) = 0;
    virtual Task<Result<ArchiveInfo>> info(std::string digest) = 0;
    virtual Task<Result<std::vector<ArchiveInfo>>> list() = 0;
    /// File with the packed bytes. Errors: not_found.
    virtual Task<Result<std::filesystem::path>> packed_path(std::string digest) = 0;
    /// Unpacks once per digest (single flight) and returns where. A package that is no archive becomes a folder
    /// with the single file `user`... the file's path is returned then. Zip, tar.gz, tar.zst and plain tar are read;
    /// refused: absolute paths, `..`, links, devices, bombs (invalid_argument naming the entry).
    virtual Task<Result<std::filesystem::path>> unpacked(std::string digest) = 0;
    /// The path if it is unpacked already; never waits.
    virtual std::filesystem::path unpacked_now(const std::string& digest) const = 0;
    /// Removes what `named` does not hold and is older than `min_age_seconds`. Returns the digests removed.
    virtual Task<Result<std::vector<std::string>>> collect(std::set<std::string> named,
                                                           std::int64_t min_age_seconds) = 0;
    /// Ends what runs in the background. Blocks; from no shard.
    virtual void stop(Deadline deadline) { (void)deadline; }
};

Result<std::unique_ptr<ArchiveStore>> open_archive_store(std::filesystem::path folder, ArchiveLimits limits,
                                                         aio::BlockingPool& pool, telemetry::Logger& log);

/// 64 lower-case hex digits, which is what makes it safe as a file's name.
bool is_digest(std::string_view text);

/// A zip of `files` whose bytes depend on the contents alone (sorted, no times), so equal files give equal digests.
/// Errors: invalid_argument for a path that is absolute or leaves its folder.
Result<std::string> pack_files(const std::map<std::string, std::string>& files);
/// The same of a folder into the file `to`, with the executable bit. Links to files of the folder become copies; what
/// is no file and links that lead elsewhere are left out and named in the answer. Blocks.
/// Errors: invalid_argument (names no archive can hold, past `limits`, no file at all), io, no_space.
Result<std::vector<std::string>> pack_tree(const std::filesystem::path& folder, const std::filesystem::path& to,
                                           const ArchiveLimits& limits);
/// The same of what another archive holds, so that its bytes depend on the contents alone, too. Blocks.
/// Errors: as pack_tree(), and invalid_argument for what is no archive.
Result<std::vector<std::string>> repack(const std::filesystem::path& archive, const std::filesystem::path& to,
                                        const ArchiveLimits& limits);
/// The same as a tar, in which `programs` may be executed.
Result<std::string> tar_files(const std::map<std::string, std::string>& files,
                              const std::set<std::string>& programs = {});
/// Text files of a packed archive for showing code; at most `limit` bytes in all.
Result<std::map<std::string, std::string>> read_files(const std::filesystem::path& packed, std::uint64_t limit);

}  // namespace hearth::artifact
