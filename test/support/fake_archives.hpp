#pragma once

#include <atomic>

#include "hearth/artifact/archive_store.hpp"

namespace hearth::test {

/// An archive store in which every digest is unpacked at /code/DIGEST, at once or at the first
/// unpacked().
class FakeArchives final : public artifact::ArchiveStore {
 public:
    std::atomic<bool> there{true};   ///< unpacked_now() knows the path
    std::atomic<bool> fails{false};  ///< unpacked() fails
    std::atomic<std::size_t> unpacks{0};

    Task<Result<std::unique_ptr<artifact::Upload>>> begin_upload() override {
        co_return unsupported();
    }
    Task<Result<artifact::ArchiveInfo>> put(std::string) override { co_return unsupported(); }
    Task<Result<artifact::ArchiveInfo>> info(std::string) override { co_return unsupported(); }
    Task<Result<std::vector<artifact::ArchiveInfo>>> list() override { co_return unsupported(); }
    Task<Result<std::filesystem::path>> packed_path(std::string) override {
        co_return unsupported();
    }
    Task<Result<std::filesystem::path>> unpacked(std::string digest) override {
        ++unpacks;
        if (fails) co_return Error(Errc::not_found, "archive " + digest + " is not in the store");
        co_return std::filesystem::path("/code/" + digest);
    }
    std::filesystem::path unpacked_now(const std::string& digest) const override {
        return there ? std::filesystem::path("/code/" + digest) : std::filesystem::path();
    }
    Task<Result<std::vector<std::string>>> collect(std::set<std::string>, std::int64_t) override {
        co_return unsupported();
    }

 private:
    static Error unsupported() { return Error(Errc::unsupported, "not part of this double"); }
};

}  // namespace hearth::test
