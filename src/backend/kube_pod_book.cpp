#include "backend/kube_pod_book.hpp"

#include <charconv>

#include "backend/kube_names.hpp"

namespace hearth::backend {
namespace {

int number_of(const std::string& text, int otherwise) {
    int value = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

std::optional<PodOrigin> origin_of(const PodView& pod) {
    using namespace kube_names;
    PodOrigin origin;
    origin.runtime_hash = pod.annotation(kRuntimeHash);
    if (origin.runtime_hash.empty()) return std::nullopt;
    origin.environment_ns = pod.annotation(kEnvironmentNs);
    origin.environment = pod.annotation(kEnvironment);
    origin.function_ns = pod.annotation(kFunctionNs);
    origin.function = pod.annotation(kFunction);
    origin.workload = pod.label(kWorkload);
    origin.container = pod.annotation(kWorkloadKind) == "container";
    origin.contract = number_of(pod.annotation(kContract), origin.contract);
    origin.env_at_load = pod.annotation(kEnvAtLoad) == "true";
    const int port = number_of(pod.annotation(kPort), origin.port);
    if (port <= 0 || port > 65535) return std::nullopt;
    origin.port = static_cast<std::uint16_t>(port);
    return origin;
}

void wake(PodEntry& entry) {
    std::vector<std::shared_ptr<aio::OneShot<bool>>> waiters;
    {
        std::lock_guard lock(entry.mutex);
        waiters.swap(entry.waiters);
    }
    for (const auto& waiter : waiters) waiter->deliver(true);
}

std::shared_ptr<aio::OneShot<bool>> register_waiter(PodEntry& entry, aio::Executor executor) {
    auto waiter = std::make_shared<aio::OneShot<bool>>(executor);
    std::lock_guard lock(entry.mutex);
    entry.waiters.push_back(waiter);
    return waiter;
}

PodEntryPtr PodBook::add(std::string ns, std::string name, PodOrigin origin) {
    std::lock_guard lock(mutex_);
    auto entry =
        std::make_shared<PodEntry>(next_id_++, std::move(ns), std::move(name), std::move(origin));
    by_id_[entry->id] = entry;
    by_key_[entry->key()] = entry;
    size_.set(static_cast<std::int64_t>(by_id_.size()));
    return entry;
}

void PodBook::remove(const PodEntry& entry) {
    std::lock_guard lock(mutex_);
    const auto named = by_key_.find(entry.key());
    if (named != by_key_.end() && named->second->id == entry.id) by_key_.erase(named);
    by_id_.erase(entry.id);
    size_.set(static_cast<std::int64_t>(by_id_.size()));
}

PodEntryPtr PodBook::find(std::uint64_t id) const {
    std::lock_guard lock(mutex_);
    const auto it = by_id_.find(id);
    return it == by_id_.end() ? nullptr : it->second;
}

PodEntryPtr PodBook::find(const std::string& key) const {
    std::lock_guard lock(mutex_);
    const auto it = by_key_.find(key);
    return it == by_key_.end() ? nullptr : it->second;
}

std::vector<PodEntryPtr> PodBook::all() const {
    std::lock_guard lock(mutex_);
    std::vector<PodEntryPtr> entries;
    entries.reserve(by_id_.size());
    for (const auto& [id, entry] : by_id_) entries.push_back(entry);
    return entries;
}

std::vector<PodEntryPtr> PodBook::of_workload(const std::string& ns,
                                              const std::string& workload) const {
    std::vector<PodEntryPtr> entries;
    std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : by_id_)
        if (entry->origin.workload == workload && entry->ns == ns) entries.push_back(entry);
    return entries;
}

std::size_t PodBook::size() const {
    std::lock_guard lock(mutex_);
    return by_id_.size();
}

PodEntryPtr PodBook::with_archive(const std::string& ns, const std::string& node,
                                  const std::string& digest, std::uint64_t except) const {
    for (const auto& entry : all()) {
        if (entry->id == except || entry->ns != ns) continue;
        std::lock_guard lock(entry->mutex);
        if (entry->stage == PodEntry::Stage::held && entry->digest == digest &&
            entry->view.node == node && !entry->view.ip.empty())
            return entry;
    }
    return nullptr;
}

}  // namespace hearth::backend
