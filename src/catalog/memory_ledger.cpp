#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "hearth/catalog/trigger_ledger.hpp"

namespace hearth::catalog {
namespace {

class MemoryLedger final : public TriggerLedger {
 public:
    Task<Result<std::vector<LedgerRow>>> load() override {
        std::lock_guard lock(mutex_);
        std::vector<LedgerRow> rows;
        for (const auto& [key, row] : rows_) rows.push_back(row);
        co_return rows;
    }

    Task<Result<std::vector<bool>>> write(std::vector<LedgerWrite> writes) override {
        std::lock_guard lock(mutex_);
        std::vector<bool> done;
        for (auto& write : writes) done.push_back(apply(std::move(write)));
        co_return done;
    }

 private:
    using Key = std::pair<std::string, std::string>;

    bool apply(LedgerWrite write) {
        const Key key(write.row.trigger, write.row.item);
        const auto present = rows_.find(key);
        switch (write.type) {
            case LedgerWrite::Type::claim:
                if (present != rows_.end() && present->second.mark >= write.row.mark) return false;
                [[fallthrough]];
            case LedgerWrite::Type::put:
                if (present != rows_.end())
                    write.row.mark = std::max(write.row.mark, present->second.mark);
                [[fallthrough]];
            case LedgerWrite::Type::reset:
                rows_.insert_or_assign(key, std::move(write.row));
                return true;
            case LedgerWrite::Type::remove:
                rows_.erase(key);
                return true;
            case LedgerWrite::Type::forget:
                std::erase_if(rows_, [&](const auto& row) { return row.first.first == key.first; });
                return true;
        }
        return false;
    }

    std::mutex mutex_;
    std::map<Key, LedgerRow> rows_;
};

}  // namespace

std::unique_ptr<TriggerLedger> make_memory_ledger() {
    return std::make_unique<MemoryLedger>();
}

}  // namespace hearth::catalog
