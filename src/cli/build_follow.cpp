#include "cli/build_follow.hpp"

#include <boost/json.hpp>

#include "cli/failure.hpp"
#include "cli/objects.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

Result<json::object> state_of(Context& context, Client& client, const std::string& package) {
    auto state = client.get(build_target(context, package));
    if (!state) return state.error();
    if (!state->is_object()) return Error(Errc::io, "the daemon's answer is no JSON object");
    return std::move(state->get_object());
}

}  // namespace

std::string build_target(const Context& context, const std::string& package) {
    return object_target(context.settings.ns, "packages", package) + "/build";
}

Result<json::object> follow_build(Context& context, Client& client, const std::string& package,
                                  std::ostream& out) {
    auto state = state_of(context, client, package);
    if (!state) return state;
    const std::string status = text_at(*state, "buildstatus");
    if (status == "none") return state;
    if (const auto why = text_at(*state, "reason"); status == "pending" && !why.empty())
        context.terminal.err << "hearth: " << why << '\n';
    std::string target = build_target(context, package) + "/log";
    add_query(target, "follow", "true");
    std::string pending;
    const auto print = [&](std::string_view bytes) {
        pending += bytes;
        const auto end = pending.rfind('\n');
        if (end == std::string::npos) return true;
        out << strip_escapes(std::string_view(pending).substr(0, end + 1)) << std::flush;
        pending.erase(0, end + 1);
        return out.good();
    };
    auto streamed = client.text(target, print);
    // A build that never began has no log.
    if (streamed.has_error() && streamed.error().code != Errc::not_found) return streamed.error();
    if (!pending.empty()) out << strip_escapes(pending) << '\n';
    return state_of(context, client, package);
}

int build_outcome(Context& context, const json::object& build) {
    const std::string status = text_at(build, "buildstatus");
    if (status == "succeeded" || status == "none") return kDone;
    const std::string name = text_at(build, "namespace") + "/" + text_at(build, "package");
    std::string message = "the build of package " + name;
    message += status == "failed" ? " failed: " + text_at(build, "error")
                                  : " is " + status + "; follow it with `hearth package logs -f " +
                                        text_at(build, "package") + "`";
    context.terminal.fail(Error(Errc::function_failed, std::move(message)));
    return kFailed;
}

}  // namespace hearth::cli
