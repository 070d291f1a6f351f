#include "backend/kube_archive.hpp"

namespace hearth::backend {
namespace {

constexpr std::uint64_t kCostOfEntry = 200;

Result<PackedArchive> pack(const std::string& path) {
    auto plan = plan_tar(path);
    if (!plan) return plan.error();
    PackedArchive archive;
    archive.plan = std::make_shared<const TarPlan>(std::move(*plan));
    if (archive.plan->bytes > ArchiveCache::kSmall) return archive;
    auto bytes = std::make_shared<std::string>();
    bytes->reserve(archive.plan->bytes);
    TarReader reader(archive.plan);
    for (;;) {
        auto piece = reader.next();
        if (!piece) return piece.error();
        if (piece->empty()) break;
        bytes->append(*piece);
    }
    archive.bytes = std::move(bytes);
    return archive;
}

}  // namespace

Task<Result<PackedArchive>> ArchiveCache::get(std::string digest, std::string path) {
    PackedArchive archive;
    if (find(digest, archive)) co_return archive;
    auto work = [path] { return pack(path); };
    auto packed = co_await pool_.run(std::move(work));
    if (!packed) co_return packed.error();
    keep(digest, *packed);
    co_return packed;
}

bool ArchiveCache::find(const std::string& digest, PackedArchive& archive) {
    std::lock_guard lock(mutex_);
    const auto it = kept_.find(digest);
    if (it == kept_.end()) return false;
    order_.splice(order_.end(), order_, it->second.order);
    archive = it->second.archive;
    return true;
}

void ArchiveCache::keep(const std::string& digest, const PackedArchive& archive) {
    std::lock_guard lock(mutex_);
    if (digest.empty() || kept_.contains(digest)) return;
    Kept kept;
    kept.archive = archive;
    kept.cost = archive.plan->entries.size() * kCostOfEntry;
    if (archive.bytes) kept.cost += archive.bytes->size();
    used_ += kept.cost;
    kept.order = order_.insert(order_.end(), digest);
    kept_.emplace(digest, std::move(kept));
    while (used_ > capacity_ && !order_.empty()) {
        const auto oldest = kept_.find(order_.front());
        used_ -= oldest->second.cost;
        kept_.erase(oldest);
        order_.pop_front();
    }
}

std::uint64_t ArchiveCache::bytes() const {
    std::lock_guard lock(mutex_);
    return used_;
}

}  // namespace hearth::backend
