#include "cli/dev_session.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "cli/build_follow.hpp"
#include "cli/deployment.hpp"
#include "cli/objects.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

constexpr auto kCallLimit = std::chrono::seconds(60);
constexpr std::size_t kMostShown = 400;

std::int64_t milliseconds_since(SourceWatch::Clock::time_point from) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(SourceWatch::Clock::now() - from)
        .count();
}

/// Whether any object of an apply's answer came about or changed.
bool anything_new(const json::object& answer) {
    const auto* results = answer.if_contains("results");
    if (!results || !results->is_array()) return true;
    return std::any_of(
        results->get_array().begin(), results->get_array().end(), [](const json::value& result) {
            return result.is_object() && text_at(result.get_object(), "action") != "unchanged";
        });
}

}  // namespace

void DevSession::print(const std::string& line) {
    std::lock_guard lock(printing_);
    context_.terminal.out << line << std::endl;
}

Result<json::object> DevSession::send(bool& built_anew) {
    Deployment deployment(context_, client_, arguments_.deploy);
    if (auto done = deployment.prepare(); done.has_error()) return done.error();
    if (const auto package = deployment.to_build()) {
        auto sent = deployment.send_source();
        if (!sent) return sent.error();
        remember(*sent);
        built_anew = anything_new(*sent);
        auto built = follow_build(context_, client_, *package, context_.terminal.out);
        if (!built) return built.error();
        const auto state = text_at(*built, "buildstatus");
        if (state != "succeeded")
            return Error(Errc::function_failed,
                         "the build " + state + ": " + text_at(*built, "error"));
    }
    auto answer = deployment.send();
    if (!answer || !built_anew) return answer;
    // The build has put it in place already.
    if (auto loaded = deployment.try_load(); loaded.has_error()) {
        broken_is_live_ = true;
        return loaded.error();
    }
    return answer;
}

void DevSession::deploy(std::optional<SourceWatch::Clock::time_point> changed_at,
                        const std::string& changed_name) {
    bool built_anew = false;
    broken_is_live_ = false;
    auto answer = send(built_anew);
    if (!answer) {
        report_failure(answer.error(), changed_name);
        return;
    }
    remember(*answer);
    const bool first = !deployed_;
    deployed_ = true;
    const Terminal& terminal = context_.terminal;
    if (changed_at && !built_anew && !anything_new(*answer)) {
        print(terminal.paint(Paint::dim, changed_name + " saved, nothing new in it"));
        return;
    }
    if (arguments_.call) call_function();
    if (changed_at)
        print(terminal.paint(Paint::green, changed_name + " is live, " +
                                               std::to_string(milliseconds_since(*changed_at)) +
                                               " ms after it was saved"));
    if (!first) return;
    const auto* urls = answer->if_contains("urls");
    if (!urls || !urls->is_array()) return;
    for (const auto& url : urls->get_array()) {
        if (url.is_string())
            print(terminal.paint(Paint::bold, "live at " + std::string(url.get_string())));
    }
}

void DevSession::report_failure(const Error& error, const std::string& name) {
    const Terminal& terminal = context_.terminal;
    std::string text = (name.empty() ? "" : name + ": ") + error.message;
    if (!error.detail.empty()) text += "\n" + error.detail;
    const std::string serving = !deployed_        ? ""
                                : broken_is_live_ ? "calls fail until it loads; "
                                                  : "the code of before goes on serving; ";
    print(terminal.paint(Paint::red, strip_escapes(text)) + "\n" +
          terminal.paint(Paint::dim, serving + "waiting for the next save"));
}

void DevSession::call_function() {
    http::ClientRequest request;
    const std::string path =
        arguments_.call->starts_with('/') ? *arguments_.call : "/" + *arguments_.call;
    request.target =
        object_target(context_.settings.ns, "functions", arguments_.deploy.name) + "/call" + path;
    int status = 0;
    std::string body;
    const auto on_head = [&](const http::ClientResponse& head) {
        status = head.status;
        return true;
    };
    const auto on_data = [&](std::string_view bytes) {
        body += bytes;
        return body.size() <= kMostShown;
    };
    auto response = client_.stream(std::move(request), kCallLimit, on_head, on_data);
    if (!response) {
        print(context_.terminal.paint(Paint::red, response.error().message));
        return;
    }
    if (body.size() > kMostShown) body = body.substr(0, kMostShown) + " …";
    while (body.ends_with('\n')) body.pop_back();
    print(context_.terminal.paint(status < 400 ? Paint::bold : Paint::red, std::to_string(status)) +
          "  " + strip_escapes(body));
}

void DevSession::remember(const json::object& answer) {
    const auto* results = answer.if_contains("results");
    if (!results || !results->is_array()) return;
    for (const auto& item : results->get_array()) {
        const auto* result = item.if_object();
        if (!result || text_at(*result, "action") != "created") continue;
        made_.emplace_back(text_at(*result, "kind"), text_at(*result, "name"));
    }
}

void DevSession::remove_made() {
    for (auto it = made_.rbegin(); it != made_.rend(); ++it) {
        auto kind = kind_named(it->first);
        if (!kind) continue;
        auto gone = client_.send(
            "DELETE", object_target(context_.settings.ns, model::table(*kind).plural, it->second),
            "");
        const std::string label = std::string(model::table(*kind).singular) + "/" + it->second;
        // A function takes its package and routes along.
        if (!gone && gone.error().code == Errc::not_found) continue;
        print(gone ? label + "  deleted" : label + "  left: " + gone.error().message);
    }
    made_.clear();
}

}  // namespace hearth::cli
