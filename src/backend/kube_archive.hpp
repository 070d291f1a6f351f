#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "backend/kube_tar.hpp"
#include "hearth/aio/blocking_pool.hpp"

namespace hearth::backend {

/// A package as it is sent to runners.
struct PackedArchive {
    std::shared_ptr<const TarPlan> plan;
    std::shared_ptr<const std::string>
        bytes;  ///< the whole tar when it is small; else it is read from the plan
};

/// Packages ready to be sent, by digest: walked once, small ones kept in memory, the longest unused
/// ones forgotten. Thread: any.
class ArchiveCache {
 public:
    static constexpr std::uint64_t kSmall = 1u << 20;
    ArchiveCache(aio::BlockingPool& pool, std::uint64_t bytes) : pool_(pool), capacity_(bytes) {}
    /// Errors: not_found, io, exhausted (the pool's queue).
    Task<Result<PackedArchive>> get(std::string digest, std::string path);
    std::uint64_t bytes() const;

 private:
    struct Kept {
        PackedArchive archive;
        std::uint64_t cost = 0;
        std::list<std::string>::iterator order;
    };
    bool find(const std::string& digest, PackedArchive& archive);
    void keep(const std::string& digest, const PackedArchive& archive);

    aio::BlockingPool& pool_;
    const std::uint64_t capacity_;
    mutable std::mutex mutex_;
    std::uint64_t used_ = 0;
    std::list<std::string> order_;  // longest unused first
    std::unordered_map<std::string, Kept> kept_;
};

}  // namespace hearth::backend
