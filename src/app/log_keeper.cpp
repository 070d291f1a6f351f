#include "app/log_keeper.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <set>

#include "hearth/aio/one_shot.hpp"

namespace hearth::app {
namespace {

constexpr std::chrono::milliseconds kLook{200};
constexpr std::string_view kSuffix = ".log", kOlderSuffix = ".1.log";

/// Namespaces and names that have files in the folder of the logs. Blocks on the disk.
std::vector<std::pair<std::string, std::string>> logged_names(const std::filesystem::path& folder) {
    std::vector<std::pair<std::string, std::string>> names;
    std::error_code failed;
    for (const auto& ns : std::filesystem::directory_iterator(folder, failed)) {
        std::error_code unreadable;
        for (const auto& file : std::filesystem::directory_iterator(ns.path(), unreadable)) {
            std::string name = file.path().filename().string();
            if (!name.ends_with(kSuffix) || name.ends_with(kOlderSuffix)) continue;
            name.resize(name.size() - kSuffix.size());
            names.emplace_back(ns.path().filename().string(), std::move(name));
        }
    }
    return names;
}

}  // namespace

LogKeeper::LogKeeper(telemetry::FunctionLog& log, std::filesystem::path folder,
                     catalog::Catalog& catalog, executor::Executor& executor,
                     aio::BlockingPool& pool)
    : log_(log), folder_(std::move(folder)), catalog_(catalog), executor_(executor), pool_(pool) {
    subscription_ = catalog_.subscribe(
        [this](const std::vector<catalog::Change>& changes) { on_changes(changes); });
}

void LogKeeper::on_changes(const std::vector<catalog::Change>& changes) {
    std::lock_guard lock(mutex_);
    for (const auto& change : changes) {
        if (change.type != catalog::Change::Type::removed) continue;
        if (change.record->kind != model::Kind::function) continue;
        removed_.emplace_back(change.record->metadata.ns, change.record->metadata.name);
    }
}

std::vector<LogKeeper::Name> LogKeeper::take_removed() {
    std::lock_guard lock(mutex_);
    return std::exchange(removed_, {});
}

std::vector<LogKeeper::Name> LogKeeper::take_quiet(std::vector<Name>& late) const {
    std::set<Name> alive;
    for (const auto& instance : executor_.instances())
        alive.emplace(instance.ns, instance.function);
    std::vector<Name> quiet, left;
    for (auto& name : late) {
        // What was made anew under the same name writes there now.
        if (catalog_.find(model::Kind::function, name.first, name.second)) continue;
        (alive.contains(name) ? left : quiet).push_back(std::move(name));
    }
    late = std::move(left);
    return quiet;
}

Task<std::vector<LogKeeper::Name>> LogKeeper::find_orphans() {
    auto look = [folder = folder_]() -> Result<std::vector<Name>> { return logged_names(folder); };
    auto names = co_await pool_.run(std::move(look));
    std::vector<Name> orphans;
    if (!names) co_return orphans;
    for (auto& name : *names) {
        if (!catalog_.find(model::Kind::function, name.first, name.second))
            orphans.push_back(std::move(name));
    }
    co_return orphans;
}

Task<void> LogKeeper::forget(std::vector<Name> names) {
    auto work = [&log = log_, names = std::move(names)]() -> Result<void> {
        for (const auto& [ns, name] : names) log.forget(ns, name);
        return {};
    };
    const auto done = co_await pool_.run(std::move(work));
    static_cast<void>(done);  // only when the daemon ends; the next start finds what is left
}

Task<void> LogKeeper::run() {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    auto orphans = co_await find_orphans();
    if (!orphans.empty()) co_await forget(std::move(orphans));
    std::vector<Name> late;
    while (co_await aio::sleep_until(Deadline::after(kLook))) {
        auto quiet = late.empty() ? std::vector<Name>() : take_quiet(late);
        if (!quiet.empty()) co_await forget(std::move(quiet));
        auto removed = take_removed();
        if (removed.empty()) continue;
        late.insert(late.end(), removed.begin(), removed.end());
        co_await forget(std::move(removed));
    }
}

}  // namespace hearth::app
