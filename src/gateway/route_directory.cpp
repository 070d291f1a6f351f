#include "gateway/route_directory.hpp"

#include <fmt/format.h>

namespace hearth::gateway {

namespace {
constexpr std::string_view kModule = "gateway";
constexpr std::string_view kTrigger = "http_trigger";
}  // namespace

RouteDirectory::RouteDirectory(catalog::Catalog& catalog, telemetry::Logger& log,
                               telemetry::Registry& metrics)
    : catalog_(catalog),
      log_(log),
      routes_(metrics.gauge("hearth_gateway_routes", "Routes in the table.")) {}

void RouteDirectory::start() {
    subscription_ = catalog_.subscribe([this](const auto& changes) { on_changes(changes); });
    catalog::ListQuery query;
    query.kind = model::Kind::http_trigger;
    // Without our lock: a change that arrives meanwhile is held back, so that the writer never
    // waits for this list.
    const auto records = catalog_.list(query);
    std::lock_guard lock(mutex_);
    for (const auto& record : records) put(*record);
    for (const auto& change : held_back_) apply(change);
    held_back_.clear();
    held_back_.shrink_to_fit();
    loading_ = false;
    generation_.fetch_add(1, std::memory_order_release);
    routes_.set(static_cast<std::int64_t>(table_.size()));
}

RouteDirectory::Snapshot RouteDirectory::snapshot() const {
    std::lock_guard lock(mutex_);
    return Snapshot{generation_.load(std::memory_order_relaxed), table_};
}

void RouteDirectory::on_changes(const std::vector<catalog::Change>& changes) {
    std::lock_guard lock(mutex_);
    if (loading_) {
        held_back_.insert(held_back_.end(), changes.begin(), changes.end());
        return;
    }
    for (const auto& change : changes) apply(change);
    // Functions count as well: shards keep their slots by route.
    generation_.fetch_add(1, std::memory_order_release);
    routes_.set(static_cast<std::int64_t>(table_.size()));
}

void RouteDirectory::apply(const catalog::Change& change) {
    const auto& record = *change.record;
    if (record.kind == model::Kind::http_trigger) {
        if (change.type == catalog::Change::Type::removed) {
            remove(model::qualified(record.metadata));
        } else {
            put(record);
        }
    } else if (record.kind == model::Kind::secret) {
        const auto found = secrets_.find(model::qualified(record.metadata));
        if (found == secrets_.end()) return;
        const auto secret = found->second.lock();
        if (!secret) {
            secrets_.erase(found);
            return;
        }
        const bool removed = change.type == catalog::Change::Type::removed;
        secret->update(removed ? nullptr : change.record, change.revision);
    }
}

void RouteDirectory::put(const catalog::Record& record) {
    const auto qualified = model::qualified(record.metadata);
    remove(qualified);
    const auto spec = record.decode(model::decode_http_trigger);
    auto route = spec ? make_route(++last_id_, record.metadata, *spec,
                                   [this](std::string_view ns, std::string_view name) {
                                       return secret(ns, name);
                                   })
                      : Result<RoutePtr>(spec.error());
    if (!route) {
        log_.log(telemetry::Level::error, kModule, "a route cannot be served",
                 {{kTrigger, qualified}, {telemetry::kErr, route.error().message}});
        return;
    }
    table_.insert(*route);
    by_name_.insert(*route);
    report_rivals(**route);
}

void RouteDirectory::remove(const std::string& qualified) {
    const auto found = by_name_.find(std::string_view(qualified));
    if (found == by_name_.end()) return;
    table_.erase(**found);
    by_name_.erase(found);
}

void RouteDirectory::report_rivals(const Route& route) {
    for (const auto* other : table_.rivals(route)) {
        if (other == &route || (other->methods & route.methods) == 0) continue;
        const auto* first = other->before(route) ? other : &route;
        const auto* second = first == other ? &route : other;
        const auto common = static_cast<Methods>(first->methods & second->methods);
        log_.log(telemetry::Level::warn, kModule,
                 fmt::format("two routes take the same requests; the older one, {}, wins",
                             first->qualified),
                 {{kTrigger, second->qualified},
                  {"path", route.path},
                  {"methods", method_list(common)}});
        return;
    }
}

std::shared_ptr<EdgeSecret> RouteDirectory::secret(std::string_view ns, std::string_view name) {
    auto& kept = secrets_[fmt::format("{}/{}", ns, name)];
    auto secret = kept.lock();
    if (!secret) {
        secret = std::make_shared<EdgeSecret>(std::string(ns), std::string(name));
        kept = secret;
    }
    return secret;
}

}  // namespace hearth::gateway
