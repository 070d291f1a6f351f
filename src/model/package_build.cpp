#include "hearth/model/package_build.hpp"

#include <boost/json.hpp>

#include "hearth/base/ids.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

constexpr std::string_view kScheme = "archive://";
constexpr BuildStatus kStatuses[] = {BuildStatus::none, BuildStatus::pending, BuildStatus::running,
                                     BuildStatus::succeeded, BuildStatus::failed};

BuildStatus parse_status(std::string_view text) {
    for (const auto status : kStatuses) {
        if (to_string(status) == text) return status;
    }
    return BuildStatus::pending;
}

}  // namespace

std::string_view to_string(BuildStatus status) {
    switch (status) {
        case BuildStatus::none:
            return "none";
        case BuildStatus::pending:
            return "pending";
        case BuildStatus::running:
            return "running";
        case BuildStatus::succeeded:
            return "succeeded";
        case BuildStatus::failed:
            return "failed";
    }
    return "none";
}

std::optional<PackageBuild> package_build(const Metadata& package) {
    const auto found = package.annotations.find(std::string(kBuildAnnotation));
    if (found == package.annotations.end()) return std::nullopt;
    json::error_code bad;
    const auto value = json::parse(found->second, bad);
    const auto* object = bad ? nullptr : value.if_object();
    if (object == nullptr) return std::nullopt;
    PackageBuild build;
    build.status = parse_status(text_at(*object, "status"));
    build.input.source = text_at(*object, "source");
    build.input.command = text_at(*object, "command");
    build.input.environment = text_at(*object, "environment");
    build.builder = text_at(*object, "builder");
    build.deployment = text_at(*object, "deployment");
    build.attempts = static_cast<int>(integer_at(*object, "attempts"));
    build.started_at = text_at(*object, "startedAt");
    build.finished_at = text_at(*object, "finishedAt");
    build.error = text_at(*object, "error");
    build.log = text_at(*object, "log");
    return build;
}

void set_package_build(Metadata& package, const PackageBuild& build) {
    json::object object;
    object["status"] = to_string(build.status);
    const auto add = [&object](std::string_view key, const std::string& text) {
        if (!text.empty()) object[key] = text;
    };
    add("source", build.input.source);
    add("command", build.input.command);
    add("environment", build.input.environment);
    add("builder", build.builder);
    add("deployment", build.deployment);
    if (build.attempts != 0) object["attempts"] = build.attempts;
    add("startedAt", build.started_at);
    add("finishedAt", build.finished_at);
    add("error", build.error);
    add("log", build.log);
    package.annotations[std::string(kBuildAnnotation)] = json::serialize(object);
}

std::string stored_digest(const json::object& package_spec, std::string_view which) {
    const std::string_view url = text_at(package_spec, std::string(which) + ".url");
    return std::string(url.starts_with(kScheme) ? url.substr(kScheme.size()) : std::string_view());
}

json::object stored_archive(const std::string& digest) {
    json::object checksum;
    checksum["type"] = "sha256";
    checksum["sum"] = digest;
    json::object archive;
    archive["type"] = "url";
    archive["url"] = std::string(kScheme) + digest;
    archive["checksum"] = std::move(checksum);
    return archive;
}

BuildInput build_input(const Resource& package) {
    BuildInput input;
    input.source = stored_digest(package.spec, "source");
    input.command = text_at(package.spec, "buildcmd");
    input.environment = text_at(package.spec, "environment.name");
    return input;
}

BuildStatus build_status(const Resource& package) {
    const auto input = build_input(package);
    const bool deployed = !stored_digest(package.spec, "deployment").empty();
    if (input.source.empty()) return deployed ? BuildStatus::none : BuildStatus::failed;
    const auto build = package_build(package.metadata);
    if (!build) return deployed ? BuildStatus::none : BuildStatus::pending;
    return build->input == input ? build->status : BuildStatus::pending;
}

void carry_build(const Resource& before, Resource& next) {
    const std::string key(kBuildAnnotation);
    // The daemon's own: what a document says of it does not count.
    next.metadata.annotations.erase(key);
    const auto source = stored_digest(next.spec, "source");
    const auto serving = stored_digest(before.spec, "deployment");
    const auto given = stored_digest(next.spec, "deployment");
    if (source.empty() || (!given.empty() && given != serving)) return;
    const auto record = before.metadata.annotations.find(key);
    const bool known = record != before.metadata.annotations.end();
    if (known) next.metadata.annotations[key] = record->second;
    if (!given.empty() || serving.empty()) return;
    if (text_at(before.spec, "environment.name") != text_at(next.spec, "environment.name")) return;
    next.spec["deployment"] = before.spec.at("deployment");
    if (const auto* size = before.spec.if_contains("size")) next.spec["size"] = *size;
    // Somebody gave the archive that serves; from now on the source is what counts.
    if (!known) set_package_build(next.metadata, PackageBuild());
}

std::string builder_hash(const BuilderSpec& builder) {
    json::array words(builder.command.begin(), builder.command.end());
    json::object env;
    for (const auto& [name, value] : builder.env) env[name] = value;
    json::object all;
    all["image"] = builder.image;
    all["command"] = std::move(words);
    all["env"] = std::move(env);
    return base::sha256_hex(json::serialize(all)).substr(0, 16);
}

std::vector<std::string> command_words(std::string_view command) {
    constexpr std::string_view kBlank = " \t\r\f\v";
    std::vector<std::string> words;
    for (std::size_t at = command.find_first_not_of(kBlank); at != std::string_view::npos;) {
        const auto end = command.find_first_of(kBlank, at);
        words.emplace_back(command.substr(at, end - at));
        at = end == std::string_view::npos ? end : command.find_first_not_of(kBlank, end);
    }
    return words;
}

}  // namespace hearth::model
