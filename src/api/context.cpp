#include "api/context.hpp"

#include <algorithm>
#include <charconv>

#include "api/openapi.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::api {

std::shared_ptr<Wakeup> Streams::open() {
    std::lock_guard lock(mutex_);
    if (ended_.load() || open_.size() >= kMostOpen) return nullptr;
    open_.push_back(std::make_shared<Wakeup>());
    return open_.back();
}

void Streams::close(const std::shared_ptr<Wakeup>& stream) {
    std::lock_guard lock(mutex_);
    std::erase(open_, stream);
}

void Streams::end_all() {
    std::lock_guard lock(mutex_);
    ended_.store(true);
    for (const auto& stream : open_) stream->notify();
}

Context::Context(ApiOptions o, Ports p, catalog::Catalog& c, artifact::ArchiveStore& a,
                 executor::Executor& e, backend::Backend& b, aio::BlockingPool& bp,
                 telemetry::FunctionLog& fl, telemetry::Logger& l, telemetry::Registry& m)
    : options(std::move(o)),
      ports(std::move(p)),
      catalog(c),
      archives(a),
      executor(e),
      backend(b),
      pool(bp),
      function_log(fl),
      log(l),
      metrics(m),
      started_at(base::to_rfc3339(clock.wall())),
      authenticator(catalog, clock, options.require_auth),
      sessions(clock),
      openapi_text(openapi_document(table)) {}

Surroundings Context::surroundings() const {
    Surroundings around;
    around.route_conflicts = ports.route_conflicts;
    around.new_uid = [] { return base::new_uuid(); };
    around.cluster_settings = backend.name() == "kubernetes";
    around.environment_trouble = [&backend =
                                      backend](const model::Resource& environment) -> std::string {
        const auto spec = model::decode_environment(environment);
        if (!spec) return spec.error().message;
        const auto features = backend.features(*spec);
        return features ? std::string() : features.error().message;
    };
    return around;
}

std::optional<std::string> Request::query(std::string_view parameter) const {
    auto value = http::query_parameter(exchange.request().query(), parameter);
    if (value && value->empty()) return std::nullopt;
    return value;
}

std::optional<std::string_view> Request::header(std::string_view field) const {
    return exchange.request().headers.find(field);
}

std::int64_t Request::integer(std::string_view parameter, std::int64_t fallback) const {
    std::int64_t value = fallback;
    if (const auto text = query(parameter))
        std::from_chars(text->data(), text->data() + text->size(), value);
    return value;
}

bool Request::flag(std::string_view parameter, bool fallback) const {
    const auto value = query(parameter);
    return value ? *value == "true" : fallback;
}

ObjectKey Request::key() const {
    return ObjectKey{operation.kind.value_or(model::Kind::function), ns, name};
}

}  // namespace hearth::api
