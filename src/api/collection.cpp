#include <boost/json.hpp>

#include <charconv>

#include "api/handlers.hpp"
#include "api/one_object.hpp"
#include "api/present.hpp"
#include "api/selector.hpp"
#include "hearth/model/kinds.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

constexpr std::size_t kPage = 500;

struct Page {
    std::vector<catalog::RecordPtr> records;
    std::string next;  ///< `continue` of the next page; empty: this is the last
};

/// Walks the catalog in chunks until the page is full, because a selector may leave most objects
/// out.
Page collect_page(const catalog::Catalog& catalog, catalog::ListQuery query,
                  const LabelSelector& selector, std::size_t limit) {
    Page page;
    query.limit = selector.empty() ? limit + 1 : kPage;
    for (;;) {
        const auto chunk = catalog.list(query);
        for (const auto& record : chunk) {
            if (!selector.matches(record->metadata.labels)) continue;
            if (page.records.size() == limit) {
                page.next = model::qualified(page.records.back()->metadata);
                return page;
            }
            page.records.push_back(record);
        }
        if (chunk.size() < query.limit) return page;
        query.after = model::qualified(chunk.back()->metadata);
    }
}

bool valid_continue(std::string_view text) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '/';
    };
    return text.find('/') != std::string_view::npos &&
           std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace

Task<Reply> handle_list(Context& context, Request& request) {
    catalog::ListQuery query;
    query.kind = request.operation.kind;
    query.ns = request.ns.empty() ? request.access.scope() : request.ns;
    std::size_t limit = kPage;
    if (const auto text = request.query("limit")) {
        std::from_chars(text->data(), text->data() + text->size(), limit);
        if (limit < 1 || limit > kPage) {
            co_return problem(request.id, Error(Errc::invalid_argument, "limit must be 1 to 500"));
        }
    }
    if (const auto after = request.query("continue")) {
        if (!valid_continue(*after)) {
            co_return problem(request.id,
                              Error(Errc::invalid_argument,
                                    "continue must be metadata.continue of the page before"));
        }
        query.after = *after;
    }
    const auto selector = LabelSelector::parse(request.query("labelSelector").value_or(""));
    if (!selector) co_return problem(request.id, selector.error());
    const bool reveal = request.flag("reveal");
    if (reveal && !request.access.has(Role::admin)) {
        co_return problem(request.id, Error(Errc::forbidden, "reveal needs the role admin"));
    }

    const auto revision = context.catalog.revision();
    const auto page = collect_page(context.catalog, query, *selector, limit);
    StatusReader reader(context);
    json::array items;
    items.reserve(page.records.size());
    for (const auto& record : page.records) {
        items.push_back(shown_record(*record, reader, reveal));
    }
    json::object metadata;
    metadata["revision"] = revision;
    metadata["continue"] = page.next;
    json::object body;
    body["apiVersion"] = "hearth/v1";
    body["kind"] = std::string(model::table(*query.kind).name) + "List";
    body["metadata"] = std::move(metadata);
    body["items"] = std::move(items);
    co_return json_reply(200, body);
}

Task<Reply> handle_create(Context& context, Request& request) {
    if (*request.operation.kind == model::Kind::api_token)
        co_return co_await handle_create_token(context, request);
    std::optional<Reply> refused;
    auto reading = co_await reading_of(context, request, refused);
    if (!reading) co_return std::move(*refused);
    auto incoming = co_await read_body(context, std::move(*reading));
    if (!incoming) co_return problem(request.id, incoming.error());
    OneWrite demands;
    demands.must_create = true;
    co_return co_await write_one(context, request, std::move(*incoming), demands);
}

}  // namespace hearth::api
