#include "runner/build_agent.hpp"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/parse.hpp>

#include <array>

#include "runner/build_stream.hpp"
#include "runner/safe_path.hpp"
#include "runner/unpacking.hpp"
#include "runner/version.hpp"

namespace hearth::runner {
namespace {

constexpr std::string_view kBuildType = "application/vnd.hearth.build";
constexpr std::size_t kLongestBuildOrder = 64 * 1024;
constexpr std::int64_t kLongestBuildMs = 86'400'000;

/// Its own settings are not the command's.
bool is_own(std::string_view name) {
    return name.starts_with("HEARTH_RUNNER_") || name.starts_with("HEARTH_POD_") ||
           name == "HEARTH_BUILD_FOLDER" || name == "HEARTH_BUILD_CACHE";
}

std::map<std::string, std::string> command_env(const Configuration& configuration) {
    std::map<std::string, std::string> env;
    for (char** at = ::environ; at != nullptr && *at != nullptr; ++at) {
        const std::string_view entry = *at;
        const auto equals = entry.find('=');
        if (equals == std::string_view::npos || is_own(entry.substr(0, equals))) continue;
        env[std::string(entry.substr(0, equals))] = entry.substr(equals + 1);
    }
    const std::string& folder = configuration.build_folder;
    env.emplace("LANG", "C.UTF-8");
    env["SRC_PKG"] = folder + "/src";
    env["DEPLOY_PKG"] = folder + "/deploy";
    env["HOME"] = folder + "/home";
    env["TMPDIR"] = folder + "/tmp";
    if (!configuration.cache_folder.empty()) env["HEARTH_BUILD_CACHE"] = configuration.cache_folder;
    return env;
}

}  // namespace

Result<BuildOrder> parse_build_order(std::string_view line) {
    boost::json::error_code ec;
    const boost::json::value value = boost::json::parse(line, ec);
    const auto* object = ec ? nullptr : value.if_object();
    if (object == nullptr) return refused("the first line must be a JSON object");
    BuildOrder order;
    const auto* words = object->if_contains("command");
    if (words == nullptr || !words->is_array() || words->get_array().empty())
        return refused("command must be a list of words");
    for (const auto& word : words->get_array()) {
        if (!word.is_string() || word.get_string().empty())
            return refused("command must be a list of words");
        order.words.emplace_back(word.get_string());
    }
    const auto number = [object](const char* name, std::int64_t otherwise, std::int64_t most) {
        const auto* given = object->if_contains(name);
        const auto* count = given == nullptr ? &otherwise : given->if_int64();
        return count != nullptr && *count >= 1 && *count <= most ? *count : std::int64_t(0);
    };
    order.limit = std::chrono::milliseconds(number("timeoutMs", 0, kLongestBuildMs));
    if (order.limit.count() == 0) return refused("timeoutMs must be a number from 1 to 86400000");
    return order;
}

BuildAgent::BuildAgent(const Configuration& configuration, Executor executor,
                       std::function<void()> over)
    : configuration_(configuration),
      token_(configuration.token_file),
      executor_(executor),
      over_(std::move(over)) {}

Task<Reply> BuildAgent::answer(Call call, Body& body) {
    if (call.path == "/healthz") {
        if (call.method != "GET") co_return wrong_method("GET");
        co_return text_reply(200, "ok\n");
    }
    if (!token_.accepts(call.authorization)) co_return not_let_in();
    if (call.path == "/v1/state") {
        if (call.method != "GET") co_return wrong_method("GET");
        co_return json_reply(state());
    }
    if (call.path == "/v1/build") {
        if (call.method != "POST") co_return wrong_method("POST");
        co_return co_await build(call, body);
    }
    co_return no_such_path(call.path);
}

boost::json::object BuildAgent::state() const {
    boost::json::object out;
    out["podUid"] = configuration_.pod_uid;
    out["podName"] = configuration_.pod_name;
    out["version"] = version();
    out["state"] = begun_ ? "building" : "generic";
    out["environmentReady"] = true;
    return out;
}

Task<Reply> BuildAgent::build(const Call& call, Body& body) {
    if (call.content_type != kBuildType)
        co_return Reply(
            Fault(415, "invalid_argument", "Content-Type must be " + std::string(kBuildType)));
    auto first = co_await read_line(body, kLongestBuildOrder);
    if (!first) co_return Reply(first.error());
    auto order = parse_build_order(first->line);
    if (!order) co_return Reply(order.error());
    if (begun_) co_return Reply(Fault(409, "building", "this agent has had its build"));
    begun_ = true;
    const auto deadline = Clock::now() + order->limit;
    auto taken = co_await take_source(*order, std::move(first->behind), body, deadline);
    if (taken.has_error()) co_return Reply(taken.error());
    BuildProcess::Order command;
    command.words = std::move(order->words);
    command.env = command_env(configuration_);
    command.folder = configuration_.build_folder + "/src";
    auto process = BuildProcess::start(executor_, command);
    if (!process) co_return Reply(process.error());
    Reply reply;
    reply.content_type = "application/vnd.hearth.build-stream";
    reply.stream = std::make_unique<BuildStream>(
        std::move(*process), configuration_.build_folder + "/deploy", deadline, over_);
    co_return reply;
}

Result<void> BuildAgent::make_folders() const {
    for (const char* name : {"/home", "/tmp"}) {
        const std::string folder = configuration_.build_folder + name;
        if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
            return from_errno(errno, "make " + folder);
    }
    return {};
}

Task<Result<void>> BuildAgent::take_source(const BuildOrder& order, std::string begin, Body& rest,
                                           Clock::time_point deadline) {
    if (auto made = make_folders(); made.has_error()) co_return made;
    AfterLine archive(std::move(begin), rest);
    auto unpacking = Unpacking::begin(configuration_.build_folder, "src", order.bounds,
                                      TreeWriter::Access::writable);
    if (!unpacking) co_return unpacking.error();
    for (;;) {
        auto piece = co_await archive.read();
        if (!piece) co_return piece.error();
        if (piece->empty()) break;
        if (Clock::now() > deadline)
            co_return Fault(504, "deadline_exceeded", "the source did not arrive in time");
        auto fed = (*unpacking)->feed(*piece);
        if (fed.has_error()) co_return fed;
    }
    co_return (*unpacking)->finish();
}

}  // namespace hearth::runner
