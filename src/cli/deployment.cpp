#include "cli/deployment.hpp"

#include <boost/json.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/build_files.hpp"
#include "cli/objects.hpp"
#include "hearth/model/kinds.hpp"

namespace hearth::cli {

namespace fs = std::filesystem;
namespace json = boost::json;

Result<void> Deployment::prepare() {
    if (auto done = find_code(); done.has_error()) return done.error();
    if (auto done = find_environment(); done.has_error()) return done.error();
    if (auto done = decide_build(); done.has_error()) return done.error();
    return compose_code();
}

std::optional<std::string> Deployment::to_build() const {
    if (!build_) return std::nullopt;
    return arguments_.name;
}

/// Code from standard input has no name that could tell a function or a language.
Result<void> Deployment::read_input() {
    if (arguments_.name.empty() || arguments_.env.empty())
        return Error(Errc::invalid_argument,
                     "code from standard input needs --name and --env, as in `hearth deploy - "
                     "--name hello --env python`");
    std::string code{std::istreambuf_iterator<char>(context_.terminal.in), {}};
    if (code.empty()) return Error(Errc::invalid_argument, "standard input holds no code");
    input_ = std::make_unique<TemporaryFile>();
    std::ofstream file(input_->path(), std::ios::binary);
    file << code;
    file.close();
    if (!file) return Error(Errc::io, input_->path().string() + " cannot be written");
    files_.emplace(arguments_.name, input_->path());
    return {};
}

/// The file's name in the package, with the extension of the environment's language.
void Deployment::name_input(const json::array& offers, const std::string& image) {
    for (const auto& item : offers) {
        const auto* offer = item.if_object();
        const auto* extensions = offer ? offer->if_contains("extensions") : nullptr;
        if (!extensions || !extensions->is_array() || extensions->get_array().empty()) continue;
        if (text_at(*offer, "name") != env_ && text_at(*offer, "image") != image) continue;
        const auto& extension = extensions->get_array().front();
        if (!extension.is_string()) continue;
        files_.clear();
        files_.emplace(arguments_.name + std::string(extension.get_string()), input_->path());
        return;
    }
}

Result<void> Deployment::find_code() {
    if (arguments_.path == "-") return read_input();
    std::error_code ec;
    const fs::path path = arguments_.path;
    if (fs::is_directory(path, ec)) {
        auto files = folder_files(path);
        if (!files) return files.error();
        files_ = std::move(*files);
    } else if (fs::exists(path, ec)) {
        files_.emplace(path.filename().string(), path);
    } else {
        return Error(Errc::not_found, "there is no file or folder " + arguments_.path);
    }
    if (arguments_.name.empty()) arguments_.name = name_from_path(arguments_.path);
    if (arguments_.name.empty()) {
        return Error(Errc::invalid_argument,
                     "no name can be made of " + arguments_.path + "; give one with --name");
    }
    return {};
}

/// The object as it is, or nothing.
Result<std::optional<json::object>> Deployment::find(model::Kind kind, const std::string& name) {
    auto value = client_.get(object_target(context_.settings.ns, model::table(kind).plural, name));
    if (!value && value.error().code == Errc::not_found) return std::optional<json::object>();
    if (!value) return value.error();
    if (!value->is_object()) return Error(Errc::io, "the daemon's answer is no JSON object");
    return std::optional<json::object>(std::move(value->get_object()));
}

namespace {

bool says_builder(const json::object& environment) {
    return !text_at(environment, "spec.builder.image").empty() ||
           !text_at(environment, "spec.builder.command").empty();
}

/// Whether the daemon's own environment behind an image builds.
bool offers_builder(const json::array& offers, const std::string& name, const std::string& image) {
    for (const auto& item : offers) {
        const auto* offer = item.if_object();
        if (!offer || text_at(*offer, "builderImage").empty()) continue;
        if (text_at(*offer, "image") == image || text_at(*offer, "name") == name) return true;
    }
    return false;
}

}  // namespace

Result<void> Deployment::find_environment() {
    std::optional<json::object> known;
    if (!arguments_.env.empty()) {
        auto there = find(model::Kind::environment, arguments_.env);
        if (!there) return there.error();
        env_ = arguments_.env;
        known = std::move(*there);
    }
    auto info = client_.get("/api/v1/system/info");
    if (!info) return info.error();
    json::array offers;
    if (info->is_object()) {
        const auto* list = info->get_object().if_contains("environments");
        if (list && list->is_array()) offers = list->get_array();
    }
    if (!known) {
        std::vector<std::string> names;
        for (const auto& [name, file] : files_) {
            if (name.find("node_modules/") == std::string::npos) names.push_back(name);
        }
        auto offer = pick_environment(offers, arguments_.env, names);
        if (!offer) return offer.error();
        env_ = text_at(*offer, "name");
        auto there = find(model::Kind::environment, env_);
        if (!there) return there.error();
        known = std::move(*there);
        if (!known) {
            const auto builder = text_at(*offer, "builderImage");
            has_builder_ = !builder.empty();
            add(compose_environment(context_.settings.ns, env_, text_at(*offer, "image"), builder));
            if (input_) name_input(offers, "");
            return {};
        }
    }
    if (input_) name_input(offers, text_at(*known, "spec.runtime.image"));
    // Where nothing builds, an environment's builder is for another daemon.
    const bool builds = info->is_object() && bool_at(info->get_object(), "builds");
    has_builder_ = (builds && says_builder(*known)) ||
                   offers_builder(offers, env_, text_at(*known, "spec.runtime.image"));
    return {};
}

Result<void> Deployment::decide_build() {
    if (arguments_.no_build) return {};
    if (arguments_.build) {
        if (!has_builder_)
            return Error(Errc::invalid_argument,
                         "the environment " + env_ +
                             " has no builder; give it one in spec.builder, or leave --build out");
        build_ = true;
        return {};
    }
    if (!has_builder_) return {};
    reason_ = reason_to_build(files_);
    build_ = !reason_.empty();
    return {};
}

Result<void> Deployment::compose_code() {
    auto archive = pack(build_ ? source_files(files_) : files_, false, client_);
    if (!archive) return archive.error();
    add(compose_package(arguments_, context_.settings.ns, env_, std::move(*archive),
                        build_ ? "source" : "deployment"));
    return {};
}

Result<void> Deployment::compose_rest() {
    const std::string& ns = context_.settings.ns;
    auto function = find(model::Kind::function, arguments_.name);
    if (!function) return function.error();
    auto composed = compose_function(arguments_, ns, env_, *function ? &**function : nullptr);
    if (!composed) return composed.error();
    add(std::move(*composed));
    if (auto done = compose_timers(); done.has_error()) return done;
    if (arguments_.route.empty()) return {};
    auto trigger = find(model::Kind::http_trigger, arguments_.name);
    if (!trigger) return trigger.error();
    auto route = compose_trigger(arguments_, ns, *trigger ? &**trigger : nullptr);
    if (!route) return route.error();
    add(std::move(*route));
    return {};
}

Result<void> Deployment::compose_timers() {
    if (arguments_.cron.empty() && arguments_.every.empty()) return {};
    auto before = find(model::Kind::time_trigger, arguments_.name);
    if (!before) return before.error();
    auto timer = compose_timer(arguments_, context_.settings.ns, *before ? &**before : nullptr);
    if (!timer) return timer.error();
    add(std::move(*timer));
    return {};
}

Result<json::object> Deployment::send_source() {
    return post(false);
}

Result<json::object> Deployment::send() {
    if (auto done = compose_rest(); done.has_error()) return done.error();
    return post(!arguments_.no_verify);
}

Result<void> Deployment::try_load() {
    auto function = find(model::Kind::function, arguments_.name);
    if (!function) return function.error();
    if (!*function) return Error(Errc::not_found, "the function is gone: " + arguments_.name);
    json::object object = std::move(**function);
    object.erase("status");
    // A change that means nothing makes a dry run load it.
    auto& metadata = object["metadata"];
    if (!metadata.is_object()) metadata = json::object();
    auto& annotations = metadata.get_object()["annotations"];
    if (!annotations.is_object()) annotations = json::object();
    annotations.get_object()["hearth.io/tried-at"] = std::to_string(
        std::chrono::system_clock::now().time_since_epoch() / std::chrono::milliseconds(1));
    std::string target = "/api/v1/apply";
    add_query(target, "namespace", context_.settings.ns);
    add_query(target, "file", "deploy");
    add_query(target, "dryRun", "true");
    add_query(target, "verify", "true");
    auto tried = client_.send("POST", target, json::serialize(object));
    if (!tried) return tried.error();
    return {};
}

Result<json::object> Deployment::post(bool verify) {
    std::vector<model::Fault> faults;
    for (const auto& document : documents_) {
        auto checked = model::check(document, context_.settings.ns, model::Target::any);
        for (auto& fault : checked.faults) faults.push_back(std::move(fault));
    }
    if (!faults.empty()) {
        Error error(Errc::invalid_argument, "the function cannot be deployed like this");
        error.detail = fault_text(faults);
        return error;
    }
    std::string target = "/api/v1/apply";
    add_query(target, "namespace", context_.settings.ns);
    add_query(target, "file", "deploy");
    if (verify) add_query(target, "verify", "true");
    client_.edit_problems([this](json::object& problem) { rename_places(problem, documents_); });
    auto answer = client_.send("POST", target, request_body(documents_), "application/json",
                               std::chrono::seconds(600));
    if (!answer) return answer.error();
    if (!answer->is_object()) return Error(Errc::io, "the daemon's answer is no JSON object");
    return std::move(answer->get_object());
}

void Deployment::add(json::object object) {
    model::Document document;
    document.file = short_name(object);
    document.value = std::move(object);
    documents_.push_back(std::move(document));
}

}  // namespace hearth::cli
