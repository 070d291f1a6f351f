#include "cli/compose.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "cli/objects.hpp"
#include "hearth/base/quantity.hpp"

namespace hearth::cli {

namespace fs = std::filesystem;
namespace json = boost::json;

std::string name_from_path(const std::string& path) {
    std::error_code ec;
    fs::path normal = fs::absolute(path, ec).lexically_normal();
    if (!normal.has_filename()) normal = normal.parent_path();
    const bool folder = fs::is_directory(normal, ec);
    std::string name;
    for (const char c : folder ? normal.filename().string() : normal.stem().string()) {
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        const bool fine = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        if (fine) name += lower;
        if (!fine && !name.empty() && name.back() != '-') name += '-';
    }
    name.resize(std::min<std::size_t>(name.size(), 63));
    while (name.ends_with('-')) name.pop_back();
    return name;
}

namespace {

std::string offer_names(const json::array& offers) {
    std::string out;
    for (const auto& offer : offers) {
        if (!offer.is_object()) continue;
        out += (out.empty() ? "" : ", ") + text_at(offer.get_object(), "name");
    }
    return out.empty() ? "none" : out;
}

std::size_t files_for(const json::object& offer, const std::vector<std::string>& files) {
    const auto* extensions = offer.if_contains("extensions");
    if (!extensions || !extensions->is_array()) return 0;
    std::size_t count = 0;
    for (const std::string& file : files) {
        const std::string extension = fs::path(file).extension().string();
        for (const auto& known : extensions->get_array()) {
            count += known.is_string() && known.get_string() == extension ? 1 : 0;
        }
    }
    return count;
}

}  // namespace

Result<json::object> pick_environment(const json::array& offers, const std::string& wanted,
                                      const std::vector<std::string>& files) {
    const json::object* best = nullptr;
    std::size_t most = 0;
    for (const auto& item : offers) {
        const auto* offer = item.if_object();
        if (!offer) continue;
        const std::size_t count = wanted.empty() ? files_for(*offer, files)
                                                 : (text_at(*offer, "name") == wanted ? 1u : 0u);
        if (count > most) {
            best = offer;
            most = count;
        }
    }
    if (!best && !wanted.empty()) {
        return Error(Errc::invalid_argument,
                     "there is no environment " + wanted + "; this daemon offers " +
                         offer_names(offers) +
                         "; give another with --env, or apply one of your own first");
    }
    if (!best) {
        return Error(Errc::invalid_argument,
                     "no environment is known for " +
                         (files.size() == 1 ? files.front() : std::string("these files")) +
                         "; say which with --env (on offer: " + offer_names(offers) + ")");
    }
    const auto* available = best->if_contains("available");
    if (available && available->is_bool() && !available->get_bool()) {
        const std::string remedy = text_at(*best, "remedy");
        return Error(Errc::unsupported, "the environment " + text_at(*best, "name") +
                                            " cannot run on the daemon's machine" +
                                            (remedy.empty() ? "" : "; there, " + remedy));
    }
    return *best;
}

namespace {

json::object object_head(std::string_view kind, const std::string& ns, const std::string& name) {
    json::object metadata;
    metadata["name"] = name;
    metadata["namespace"] = ns;
    json::object object;
    object["apiVersion"] = "hearth/v1";
    object["kind"] = kind;
    object["metadata"] = std::move(metadata);
    return object;
}

/// Labels, annotations and spec of what is there.
json::object continued(std::string_view kind, const std::string& ns, const std::string& name,
                       const json::object* before) {
    json::object object = object_head(kind, ns, name);
    object["spec"] = json::object();
    if (!before) return object;
    for (const char* key : {"labels", "annotations"}) {
        const auto* value = value_at(*before, std::string("metadata.") + key);
        if (value) object["metadata"].as_object()[key] = *value;
    }
    const auto* spec = before->if_contains("spec");
    if (spec && spec->is_object()) object["spec"] = *spec;
    return object;
}

json::object& member(json::object& object, std::string_view key) {
    json::value& value = object[key];
    if (!value.is_object()) value = json::object();
    return value.get_object();
}

json::array& list_member(json::object& object, std::string_view key) {
    json::value& value = object[key];
    if (!value.is_array()) value = json::array();
    return value.get_array();
}

/// Replaces the item of that name, or appends.
void put_named(json::array& list, const std::string& name, json::object item) {
    for (auto& there : list) {
        if (there.is_object() && text_at(there.get_object(), "name") == name) {
            there = std::move(item);
            return;
        }
    }
    list.push_back(std::move(item));
}

void add_mounts(json::object& spec, std::string_view key, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        json::array& list = list_member(spec, key);
        const bool there = std::any_of(list.begin(), list.end(), [&](const json::value& item) {
            return item.is_object() && text_at(item.get_object(), "name") == name;
        });
        if (there) continue;
        json::object item;
        item["name"] = name;
        list.push_back(std::move(item));
    }
}

Result<std::int64_t> timeout_seconds(const std::string& text) {
    std::int64_t seconds = 0;
    const char* end = text.data() + text.size();
    if (const auto [stop, ec] = std::from_chars(text.data(), end, seconds);
        ec == std::errc() && stop == end) {
        return seconds;
    }
    auto milliseconds = base::parse_duration_ms(text);
    if (!milliseconds)
        return Error(Errc::invalid_argument, "--timeout: " + milliseconds.error().message);
    if (*milliseconds < 1000 || *milliseconds % 1000 != 0) {
        return Error(Errc::invalid_argument, "--timeout: must be whole seconds, such as 30s");
    }
    return *milliseconds / 1000;
}

}  // namespace

json::object compose_environment(const std::string& ns, const std::string& name,
                                 const std::string& image, const std::string& builder_image) {
    json::object object = object_head("Environment", ns, name);
    json::object& spec = member(object, "spec");
    spec["version"] = 3;
    member(spec, "runtime")["image"] = image;
    if (builder_image.empty()) return object;
    member(spec, "builder")["image"] = builder_image;
    member(spec, "builder")["command"] = "build";
    return object;
}

json::object compose_package(const DeployArguments& arguments, const std::string& ns,
                             const std::string& env, json::object archive, std::string_view side) {
    json::object object = object_head("Package", ns, arguments.name);
    json::object& spec = member(object, "spec");
    member(spec, "environment")["name"] = env;
    spec[side] = std::move(archive);
    return object;
}

Result<json::object> compose_function(const DeployArguments& arguments, const std::string& ns,
                                      const std::string& env, const json::object* before) {
    json::object object = continued("Function", ns, arguments.name, before);
    json::object& spec = member(object, "spec");
    member(spec, "environment")["name"] = env;
    json::object& package = member(spec, "package");
    member(package, "packageref")["name"] = arguments.name;
    if (!arguments.entry.empty()) package["functionName"] = arguments.entry;
    for (const std::string& variable : arguments.variables) {
        const std::size_t equals = variable.find('=');
        if (equals == std::string::npos || equals == 0) {
            return Error(Errc::invalid_argument,
                         "--env-var: \"" + variable + "\" must be NAME=VALUE");
        }
        json::object item;
        item["name"] = variable.substr(0, equals);
        item["value"] = variable.substr(equals + 1);
        put_named(list_member(spec, "env"), variable.substr(0, equals), std::move(item));
    }
    add_mounts(spec, "secrets", arguments.secrets);
    add_mounts(spec, "configmaps", arguments.config_maps);
    if (!arguments.timeout.empty()) {
        auto seconds = timeout_seconds(arguments.timeout);
        if (!seconds) return seconds.error();
        spec["functionTimeout"] = *seconds;
    }
    if (!arguments.memory.empty())
        member(member(spec, "resources"), "limits")["memory"] = arguments.memory;
    if (!arguments.cpu.empty()) member(member(spec, "resources"), "limits")["cpu"] = arguments.cpu;
    if (arguments.concurrency) spec["concurrency"] = *arguments.concurrency;
    if (arguments.requests_per_pod) spec["requestsPerPod"] = *arguments.requests_per_pod;
    return object;
}

namespace {

/// A trigger of the function, as it is or new.
Result<json::object> trigger_of(const char* kind, const DeployArguments& arguments,
                                const std::string& ns, const json::object* before) {
    const std::string owner = before ? text_at(*before, "spec.functionref.name") : arguments.name;
    if (owner != arguments.name) {
        return Error(Errc::conflict, std::string("the ") + kind + " " + ns + "/" + arguments.name +
                                         " belongs to the function " + owner +
                                         "; deploy under another --name");
    }
    json::object object = continued(kind, ns, arguments.name, before);
    json::object& function = member(member(object, "spec"), "functionref");
    function["type"] = "name";
    function["name"] = arguments.name;
    return object;
}

}  // namespace

Result<json::object> compose_timer(const DeployArguments& arguments, const std::string& ns,
                                   const json::object* before) {
    auto object = trigger_of("TimeTrigger", arguments, ns, before);
    if (!object) return object.error();
    json::object& spec = member(*object, "spec");
    spec["cron"] = arguments.cron.empty() ? "@every " + arguments.every : arguments.cron;
    if (!arguments.time_zone.empty()) spec["timeZone"] = arguments.time_zone;
    return object;
}

Result<json::object> compose_trigger(const DeployArguments& arguments, const std::string& ns,
                                     const json::object* before) {
    auto made = trigger_of("HTTPTrigger", arguments, ns, before);
    if (!made) return made.error();
    json::object object = std::move(*made);
    json::object& spec = member(object, "spec");
    spec.erase("relativeurl");
    spec.erase("prefix");
    if (arguments.route.size() > 2 && arguments.route.ends_with("/*")) {
        spec["prefix"] = arguments.route.substr(0, arguments.route.size() - 2);
    } else if (arguments.route == "/*") {
        spec["prefix"] = "/";
    } else {
        spec["relativeurl"] = arguments.route;
    }
    if (!arguments.host.empty()) spec["host"] = arguments.host;
    if (!arguments.methods.empty() || !before) {
        json::array methods;
        for (std::string method : arguments.methods) {
            for (char& c : method) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
            methods.push_back(json::string(method));
        }
        if (methods.empty()) methods = {"GET", "POST"};
        spec.erase("method");
        spec["methods"] = std::move(methods);
    }
    return object;
}

}  // namespace hearth::cli
