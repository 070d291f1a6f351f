#pragma once

#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#include "hearth/artifact/archive_store.hpp"
#include "support/catch.hpp"
#include "support/lasting_loop.hpp"
#include "support/temp_dir.hpp"

namespace hearth::test {

/// An archive store in a folder of its own.
class ArchiveFixture {
 public:
    explicit ArchiveFixture(artifact::ArchiveLimits limits = {}) : limits_(limits) { open(); }

    void open() {
        store.reset();
        auto opened = artifact::open_archive_store(folder(), limits_, pool, log);
        if (!opened) throw std::runtime_error(opened.error().message);
        store = std::move(*opened);
    }
    std::filesystem::path folder() const { return dir.path() / "archives"; }

    Result<artifact::ArchiveInfo> put(std::string bytes) {
        return run_lasting(store->put(std::move(bytes)));
    }
    Result<std::filesystem::path> unpacked(const std::string& digest) {
        return run_lasting(store->unpacked(digest));
    }
    /// Puts and unpacks.
    Result<std::filesystem::path> unpack(std::string bytes) {
        auto info = put(std::move(bytes));
        if (!info) return info.error();
        return unpacked(info->digest);
    }
    /// Every path below the fixture's folder but the packed archives and the boot mark.
    std::set<std::string> tree() const {
        std::set<std::string> paths;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.path())) {
            const auto path = entry.path().lexically_relative(dir.path()).string();
            const bool packed = path.starts_with("archives/") && path.size() == 9 + 64;
            if (!packed && !path.ends_with(".boot")) paths.insert(path);
        }
        return paths;
    }

    TempDir dir;
    aio::BlockingPool pool{4, 1024};
    telemetry::Logger log{static_cast<telemetry::Level>(99), telemetry::Logger::Format::text};
    std::unique_ptr<artifact::ArchiveStore> store;

 private:
    artifact::ArchiveLimits limits_;
};

inline std::string slurp(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline unsigned mode_of(const std::filesystem::path& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return 0;
    return info.st_mode & 07777;
}

}  // namespace hearth::test
