#include <boost/json.hpp>

#include <functional>

#include "api/handlers.hpp"
#include "api/paging.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/base/quantity.hpp"

namespace hearth::api {

namespace json = boost::json;
using catalog::CallRecord;
using catalog::CallState;

namespace {

constexpr std::int64_t kLongestWaitMs = 60'000;
constexpr std::uint64_t kLargestEdit = 90u << 20;  // base64 of the largest body there can be

Error no_calls() {
    return Error(Errc::unsupported, "this daemon makes no asynchronous calls", {}, "api");
}

std::string time_text(catalog::UnixMs ms) {
    return base::to_rfc3339(base::WallTime(std::chrono::milliseconds(ms)));
}

void put_time(json::object& into, const char* key, catalog::UnixMs ms) {
    if (ms > 0) into[key] = time_text(ms);
}

void put_body(json::object& into, const std::string& body) {
    if (catalog::is_text(body)) {
        into["body"] = body;
    } else {
        into["bodyBase64"] = base::base64_encode(body);
    }
}

json::array headers_json(const catalog::CallHeaders& headers) {
    json::array out;
    for (const auto& [name, value] : headers) {
        json::object field;
        field["name"] = name;
        field["value"] = catalog::is_text(value) ? value : "base64:" + base::base64_encode(value);
        out.push_back(std::move(field));
    }
    return out;
}

json::object call_json(const CallRecord& record) {
    json::object out;
    out["id"] = record.call.id;
    out["namespace"] = record.request.ns;
    if (!record.request.function.empty()) out["function"] = record.request.function;
    if (!record.request.url.empty()) out["url"] = record.request.url;
    out["state"] = catalog::call_state_text(record.state);
    if (!record.reason.empty()) out["reason"] = record.reason;
    if (!record.message.empty()) out["message"] = record.message;
    out["origin"] = record.origin;
    if (!record.idempotency_key.empty()) out["idempotencyKey"] = record.idempotency_key;
    out["depth"] = record.depth;
    out["attempts"] = record.call.attempts;
    put_time(out, "created", record.created);
    if (record.state == CallState::waiting) put_time(out, "due", record.call.due);
    put_time(out, "expires", record.call.expires);
    put_time(out, "ended", record.ended);
    return out;
}

json::object whole_json(const CallRecord& record) {
    auto out = call_json(record);
    json::array history;
    for (const auto& attempt : record.attempts) {
        json::object one;
        one["number"] = attempt.number;
        put_time(one, "started", attempt.started);
        put_time(one, "ended", attempt.ended);
        if (attempt.status > 0) one["status"] = attempt.status;
        if (!attempt.error.empty()) one["error"] = attempt.error;
        if (!attempt.component.empty()) one["component"] = attempt.component;
        history.push_back(std::move(one));
    }
    out["history"] = std::move(history);
    json::object request;
    request["method"] = record.request.method;
    request["target"] = record.request.target;
    request["headers"] = headers_json(record.request.headers);
    put_body(request, record.request.body);
    out["request"] = std::move(request);
    if (record.result.status > 0) {
        json::object result;
        result["status"] = record.result.status;
        result["headers"] = headers_json(record.result.headers);
        result["truncated"] = record.result.truncated;
        put_body(result, record.result.body);
        out["result"] = std::move(result);
    }
    return out;
}

Result<catalog::CallQuery> query_of(const Request& request) {
    catalog::CallQuery query;
    query.ns = request.ns;
    query.function = request.query("function").value_or("");
    if (const auto state = request.query("state")) {
        query.state = catalog::call_state_of(*state);
        if (!query.state)
            return Error(Errc::invalid_argument,
                         "the query parameter state must be waiting, running, succeeded or failed",
                         {}, "api");
    }
    return query;
}

/// The call of the path, if it is of the path's namespace. Errors: not_found.
Task<Result<CallRecord>> named_call(Context& context, const Request& request, Deadline deadline) {
    auto record = co_await context.ports.calls->await_end(request.name, deadline);
    if (record && record->request.ns != request.ns)
        co_return Error(Errc::not_found,
                        "there is no call \"" + request.name + "\" in namespace " + request.ns);
    co_return record;
}

Result<catalog::CallEdit> edit_of(const std::string& text) {
    const auto wrong = [](std::string message) {
        return Error(Errc::invalid_argument, std::move(message), {}, "api");
    };
    boost::system::error_code ec;
    const auto value = json::parse(text, ec);
    if (ec || !value.is_object()) return wrong("the body must be a JSON object");
    catalog::CallEdit edit;
    for (const auto& member : value.get_object()) {
        const auto key = std::string_view(member.key());
        const auto* word = member.value().if_string();
        if (key == "headers" && member.value().is_object()) {
            http::HeaderList checked;
            auto& headers = edit.headers.emplace();
            for (const auto& header : member.value().get_object()) {
                const auto* content = header.value().if_string();
                if (content == nullptr || !checked.add(header.key(), *content))
                    return wrong("headers: \"" + std::string(header.key()) +
                                 "\" is no header with a text as its value");
                headers.emplace_back(header.key(), *content);
            }
            continue;
        }
        if (word == nullptr) return wrong("\"" + std::string(key) + "\" must be a text");
        if (key == "body") {
            edit.body = std::string(*word);
        } else if (key == "bodyBase64") {
            if (!base::base64_decode(*word, edit.body.emplace()))
                return wrong("bodyBase64 is no base64");
        } else if (key == "method") {
            edit.method = std::string(*word);
        } else if (key == "target" && word->starts_with('/')) {
            edit.target = std::string(*word);
        } else {
            return wrong(
                "\"" + std::string(key) +
                "\" is not known here or not usable; there are method, target (begins with "
                "/), headers, body and bodyBase64");
        }
    }
    return edit;
}

json::object removed(std::size_t count) {
    json::object body;
    body["removed"] = count;
    return body;
}

/// Does `change` to the call that the request names, and answers what it has become.
Task<Reply> change_call(Context& context, Request& request, int status,
                        const std::function<Task<Result<void>>()>& change) {
    const auto at_once = Deadline::after(std::chrono::milliseconds(0));
    auto record = co_await named_call(context, request, at_once);
    if (!record) co_return problem(request.id, record.error());
    request.audit_object = "Call " + request.ns + "/" + request.name;
    auto done = co_await change();
    if (done.has_error()) co_return problem(request.id, done.error());
    record = co_await named_call(context, request, at_once);
    if (!record) co_return problem(request.id, record.error());
    co_return json_reply(status, whole_json(*record));
}

}  // namespace

Task<Reply> handle_list_calls(Context& context, Request& request) {
    if (context.ports.calls == nullptr) co_return problem(request.id, no_calls());
    auto query = query_of(request);
    if (!query) co_return problem(request.id, query.error());
    read_page(request, *query);
    const auto limit = query->limit;
    auto page = co_await context.ports.calls->list(std::move(*query));
    if (!page) co_return problem(request.id, page.error());
    json::array items;
    for (const auto& record : *page) items.push_back(call_json(record));
    json::object body;
    body["kind"] = "CallList";
    body["continue"] = page->size() < limit ? "" : std::to_string(page->back().call.seq);
    body["items"] = std::move(items);
    co_return json_reply(200, body);
}

Task<Reply> handle_get_call(Context& context, Request& request) {
    if (context.ports.calls == nullptr) co_return problem(request.id, no_calls());
    std::int64_t wait = 0;
    if (const auto text = request.query("wait")) {
        auto ms = base::parse_duration_ms(*text);
        if (!ms)
            co_return problem(request.id, Error(Errc::invalid_argument,
                                                "the query parameter wait: " + ms.error().message));
        wait = std::min(*ms, kLongestWaitMs);
    }
    const auto deadline = Deadline::after(std::chrono::milliseconds(wait));
    auto record = co_await named_call(context, request, deadline);
    if (!record) co_return problem(request.id, record.error());
    co_return json_reply(200, whole_json(*record));
}

Task<Reply> handle_edit_call(Context& context, Request& request) {
    if (context.ports.calls == nullptr) co_return problem(request.id, no_calls());
    auto text = co_await request.exchange.read_body_all(kLargestEdit);
    if (!text) co_return problem(request.id, text.error());
    auto edit = edit_of(*text);
    if (!edit) co_return problem(request.id, edit.error());
    const std::function<Task<Result<void>>()> change = [&] {
        return context.ports.calls->edit(request.name, std::move(*edit));
    };
    co_return co_await change_call(context, request, 200, change);
}

Task<Reply> handle_redrive_call(Context& context, Request& request) {
    if (context.ports.calls == nullptr) co_return problem(request.id, no_calls());
    const std::function<Task<Result<void>>()> change = [&] {
        return context.ports.calls->redrive(request.name);
    };
    co_return co_await change_call(context, request, 202, change);
}

Task<Reply> handle_delete_call(Context& context, Request& request) {
    if (context.ports.calls == nullptr) co_return problem(request.id, no_calls());
    const auto at_once = Deadline::after(std::chrono::milliseconds(0));
    auto record = co_await named_call(context, request, at_once);
    if (!record) co_return problem(request.id, record.error());
    request.audit_object = "Call " + request.ns + "/" + request.name;
    if (record->ended == 0) {
        request.audit_detail = "cancelled";
        auto done = co_await context.ports.calls->cancel(request.name);
        if (done.has_error()) co_return problem(request.id, done.error());
        co_return json_reply(200, removed(0));
    }
    catalog::CallQuery query;
    query.id = request.name;
    auto count = co_await context.ports.calls->purge(std::move(query));
    if (!count) co_return problem(request.id, count.error());
    co_return json_reply(200, removed(*count));
}

Task<Reply> handle_purge_calls(Context& context, Request& request) {
    if (context.ports.calls == nullptr) co_return problem(request.id, no_calls());
    auto query = query_of(request);
    if (!query) co_return problem(request.id, query.error());
    request.audit_object = "calls of " + request.ns;
    auto count = co_await context.ports.calls->purge(std::move(*query));
    if (!count) co_return problem(request.id, count.error());
    request.audit_detail = std::to_string(*count) + " removed";
    co_return json_reply(200, removed(*count));
}

}  // namespace hearth::api
