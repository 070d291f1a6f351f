#include "api/fetch.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>

#include <algorithm>
#include <map>

#include "api/packages.hpp"
#include "hearth/model/package_build.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::api {
namespace {

/// Of one request; packages.fetchesAtOnce bounds those of all requests together.
constexpr std::size_t kAtOnce = 4;

/// One archive to be fetched.
struct Order {
    std::size_t package = 0;  ///< position in Incoming::wanted
    std::string which;        ///< "deployment" or "source"
    std::string url;
    std::string sha256;  ///< lower-case; empty: not known
    std::uint64_t bytes = 0;
    std::string digest;  ///< of what the store has now
    Order() = default;   // a constructor, so that g++ 12.2 handles it in coroutines

    std::string path(std::string_view field) const {
        return "spec." + which + "." + std::string(field);
    }
};

/// Passes a body on to the store and remembers whose fault an error is.
class StoreSink final : public http::BodySink {
 public:
    explicit StoreSink(artifact::Upload& upload) : upload_(upload) {}
    Task<Result<void>> write(std::string_view bytes) override {
        const std::span<const char> piece(bytes.data(), bytes.size());
        auto written = co_await upload_.write(piece);
        if (written.has_error()) failed_ = true;
        co_return written;
    }
    bool failed() const { return failed_; }

 private:
    artifact::Upload& upload_;
    bool failed_ = false;
};

/// What came of one order: an error is the address's fault unless `store` says otherwise.
struct Outcome {
    std::optional<Error> error;
    std::string field = "url";
    bool store = false;
    Outcome() = default;
};

Outcome failed(Error error, bool store, std::string field = "url") {
    Outcome outcome;
    outcome.error = std::move(error);
    outcome.store = store;
    outcome.field = std::move(field);
    return outcome;
}

std::vector<Order> orders_of(const Incoming& incoming) {
    std::vector<Order> orders;
    for (std::size_t i = 0; i < incoming.wanted.size(); ++i) {
        const auto& resource = incoming.wanted[i].resource;
        if (resource.kind != model::Kind::package) continue;
        const auto spec = model::decode_package(resource);
        if (!spec) continue;
        for (const auto which : kArchiveFields) {
            const auto& archive = which == "deployment" ? spec->deployment : spec->source;
            if (archive.type != model::Archive::Type::url || !is_web_address(archive.url)) continue;
            Order order;
            order.package = i;
            order.which = which;
            order.url = archive.url;
            order.sha256 = archive.sha256;
            orders.push_back(std::move(order));
        }
    }
    return orders;
}

Task<Outcome> download(Context& context, Order& order, http::WebAddress address) {
    auto begun = co_await context.archives.begin_upload();
    if (!begun) co_return failed(begun.error(), true);
    auto upload = std::move(*begun);
    StoreSink sink(*upload);
    const auto limit = context.options.max_archive_bytes;
    const auto deadline = Deadline::after(context.options.fetch_timeout);
    auto got = co_await context.ports.web->get(std::move(address), sink, limit, deadline);
    if (!got) {
        Error error = got.error();
        if (error.code == Errc::forbidden) error.message += " (packages.allowPrivateAddresses)";
        const bool full = sink.failed() && error.code != Errc::too_large;
        co_return failed(std::move(error), full || got.error().code == Errc::cancelled);
    }
    if (got->bytes == 0)
        co_return failed(Error(Errc::unavailable, got->address.to_string() + " sent no bytes"),
                         false);
    const std::string expected = order.sha256;
    auto info = co_await upload->finish(expected);
    if (!info) {
        const bool other = info.error().code == Errc::invalid_argument;
        co_return failed(info.error(), !other, other ? "checksum.sum" : "url");
    }
    order.digest = info->digest;
    order.bytes = info->bytes;
    context.log.log(telemetry::Level::info, "api", "fetched an archive",
                    {{"url", got->address.to_string()},
                     {"digest", order.digest},
                     {"bytes", std::to_string(order.bytes)}});
    co_return Outcome();
}

Task<Outcome> fetch(Context& context, Order& order) {
    if (!order.sha256.empty()) {
        const std::string known = order.sha256;
        const auto there = co_await context.archives.info(known);
        if (!there.has_error()) {
            order.digest = there->digest;
            order.bytes = there->bytes;
            co_return Outcome();
        }
        if (there.error().code != Errc::not_found) co_return failed(there.error(), true);
    }
    auto address = http::WebAddress::parse(order.url);
    if (!address) co_return failed(address.error(), false);
    if (!context.ports.web)
        co_return failed(Error(Errc::unsupported,
                               "this server fetches no archives from an address; upload the "
                               "archive (POST /api/v1/archives) and name it as archive://SHA256"),
                         false);
    co_return co_await download(context, order, std::move(*address));
}

/// The package as it is stored: by digest, with the address as a note.
void settle(Incoming& incoming, const Order& order) {
    auto& wanted = incoming.wanted[order.package];
    auto& resource = wanted.resource;
    resource.spec[order.which] = model::stored_archive(order.digest);
    const bool counts = order.which == "deployment" || !resource.spec.contains("deployment");
    if (counts) resource.spec["size"] = static_cast<std::int64_t>(order.bytes);
    const auto address = http::WebAddress::parse(order.url);
    resource.metadata.annotations[std::string(kFetchedFrom) + order.which] =
        address ? address->to_string() : order.url;
    if (order.sha256.empty())
        wanted.warnings.push_back(order.path("checksum") +
                                  ": is missing, so whatever the address gives is taken; add "
                                  "{type: sha256, sum: " +
                                  order.digest + "}");
}

/// The distinct archives of one request, each fetched once. Thread: one shard.
class Fetches {
 public:
    struct Item {
        std::size_t order = 0;           ///< the first that wants it
        std::optional<Outcome> outcome;  ///< none: not tried
    };

    Fetches(Context& context, std::vector<Order>& orders) : context_(context), orders_(orders) {
        std::map<std::string, std::size_t> known;
        for (std::size_t i = 0; i < orders.size(); ++i) {
            const auto [at, fresh] =
                known.emplace(orders[i].url + " " + orders[i].sha256, items_.size());
            item_of_.push_back(at->second);
            if (fresh) items_.push_back(Item{i, std::nullopt});
        }
    }

    std::size_t count() const { return items_.size(); }
    const Item& of(std::size_t order) const { return items_[item_of_[order]]; }

    /// Takes one after the other, until none is left or one makes trying more of them useless.
    Task<void> work() {
        while (!stop_ && next_ < items_.size()) {
            Item& item = items_[next_++];
            Outcome outcome = co_await fetch(context_, orders_[item.order]);
            // Further ones may take as long, and whoever waits can mend this one first.
            if (outcome.error && (outcome.store || outcome.error->code == Errc::deadline_exceeded))
                stop_ = true;
            item.outcome = std::move(outcome);
        }
    }

 private:
    Context& context_;
    std::vector<Order>& orders_;
    std::vector<Item> items_;
    std::vector<std::size_t> item_of_;  ///< by order
    std::size_t next_ = 0;
    bool stop_ = false;
};

/// Returns when all that were begun have ended, cancelled or not: they work on the caller's frame.
Task<void> run_all(Fetches& fetches) {
    const std::size_t workers = std::min(kAtOnce, fetches.count());
    if (workers <= 1) {
        co_await fetches.work();
        co_return;
    }
    const aio::Executor executor = co_await aio::net::this_coro::executor;
    const auto begin = [&] {
        return aio::net::co_spawn(executor, fetches.work(), aio::net::deferred);
    };
    std::vector<decltype(begin())> tasks;
    for (std::size_t i = 0; i < workers; ++i) tasks.push_back(begin());
    auto group = aio::net::experimental::make_parallel_group(std::move(tasks));
    auto all = group.async_wait(aio::net::experimental::wait_for_all(), aio::use_task);
    const auto [order, thrown] = co_await std::move(all);
    for (const auto& each : thrown)
        if (each) std::rethrow_exception(each);
}

}  // namespace

Task<std::optional<Refusal>> fetch_archives(Context& context, Incoming& incoming) {
    auto orders = orders_of(incoming);
    Fetches fetches(context, orders);
    co_await run_all(fetches);
    std::vector<model::Fault> faults;
    for (std::size_t i = 0; i < orders.size(); ++i) {
        auto& order = orders[i];
        const auto& first = fetches.of(i);
        if (!first.outcome) continue;  // broken off: another one's error is told
        if (!first.outcome->error) {
            order.digest = orders[first.order].digest;
            order.bytes = orders[first.order].bytes;
            continue;
        }
        const Outcome& outcome = *first.outcome;
        if (outcome.store) {
            Refusal refusal;
            refusal.error = *outcome.error;
            co_return refusal;
        }
        if (first.order == i)
            faults.push_back(fault_at(incoming.wanted[order.package], order.path(outcome.field),
                                      outcome.error->message));
    }
    if (faults.empty()) {
        for (const auto& order : orders) settle(incoming, order);
        co_return std::nullopt;
    }
    Refusal refusal;
    refusal.error = Error(Errc::invalid_argument, model::to_string(faults.front()), {}, "api");
    refusal.status = 422;
    refusal.faults = std::move(faults);
    co_return refusal;
}

}  // namespace hearth::api
