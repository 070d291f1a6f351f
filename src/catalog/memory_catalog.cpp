#include <mutex>

#include "hearth/base/clock.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/catalog/change_log.hpp"
#include "hearth/catalog/plan.hpp"
#include "hearth/catalog/resource_index.hpp"

namespace hearth::catalog {
namespace {

constexpr std::size_t kHistory = 10'000;

class MemoryCatalog final : public Catalog {
 public:
    RecordPtr find(model::Kind kind, std::string_view ns, std::string_view name) const override {
        return index_.find(kind, ns, name);
    }
    std::vector<RecordPtr> list(const ListQuery& query) const override {
        return index_.list(query);
    }
    std::size_t count(model::Kind kind) const override { return index_.count(kind); }
    std::int64_t revision() const override { return index_.revision(); }

    Task<Result<std::vector<Change>>> write(std::vector<Mutation> mutations) override {
        co_return write_now(mutations);
    }

    ChangesSince changes_since(std::int64_t revision, std::size_t limit) const override {
        return log_.since(revision, limit);
    }
    Subscription subscribe(std::function<void(const std::vector<Change>&)> on_changes) override {
        return subscribers_.add(std::move(on_changes));
    }

 private:
    Result<std::vector<Change>> write_now(const std::vector<Mutation>& mutations) {
        std::lock_guard lock(writer_);
        const Lookup present = [this](model::Kind kind, std::string_view ns,
                                      std::string_view name) {
            return index_.find(kind, ns, name);
        };
        auto changes = plan_changes(mutations, present, index_.revision() + 1,
                                    base::to_rfc3339(std::chrono::system_clock::now()));
        if (!changes || changes->empty()) return changes;
        log_.append(*changes);
        index_.apply(*changes);
        subscribers_.notify(*changes);
        return changes;
    }

    std::mutex
        writer_;  // serialises whole writes, subscribers included, so that they see revision order
    ResourceIndex index_;
    ChangeLog log_{kHistory};
    Subscribers subscribers_;
};

}  // namespace

std::unique_ptr<Catalog> make_memory_catalog() {
    return std::make_unique<MemoryCatalog>();
}

}  // namespace hearth::catalog
