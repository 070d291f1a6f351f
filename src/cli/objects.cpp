#include "cli/objects.hpp"

#include <boost/json.hpp>

#include <cstdio>
#include <ctime>

#include "hearth/model/document.hpp"

namespace hearth::cli {

namespace json = boost::json;
using model::Kind;

std::string duration_text(std::int64_t milliseconds) {
    const std::int64_t seconds = milliseconds / 1000;
    if (seconds < 0) return "0s";
    if (seconds < 120) return std::to_string(seconds) + "s";
    if (seconds < 120 * 60) return std::to_string(seconds / 60) + "m";
    if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + "h";
    return std::to_string(seconds / 86400) + "d";
}

std::string age_of(const std::string& rfc3339, std::chrono::system_clock::time_point now) {
    std::tm parts{};
    if (std::sscanf(rfc3339.c_str(), "%d-%d-%dT%d:%d:%d", &parts.tm_year, &parts.tm_mon,
                    &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6) {
        return {};
    }
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    const auto then = std::chrono::system_clock::from_time_t(::timegm(&parts));
    return duration_text(std::chrono::duration_cast<std::chrono::milliseconds>(now - then).count());
}

std::string bytes_text(std::uint64_t bytes) {
    static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double number = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (number >= 1024 && unit + 1 < std::size(kUnits)) {
        number /= 1024;
        ++unit;
    }
    char text[32];
    std::snprintf(text, sizeof text, unit == 0 || number >= 100 ? "%.0f %s" : "%.1f %s", number,
                  kUnits[unit]);
    return text;
}

std::string ready_text(const json::object& object) {
    const auto* conditions = value_at(object, "status.conditions");
    if (!conditions || !conditions->is_array()) return "";
    for (const auto& item : conditions->get_array()) {
        const auto* condition = item.if_object();
        if (!condition || text_at(*condition, "type") != "Ready") continue;
        if (text_at(*condition, "status") == "True") return "yes";
        const auto reason = text_at(*condition, "reason");
        return reason.empty() ? "no" : reason;
    }
    return "";
}

namespace {

void write_pretty(std::string& out, const json::value& value, std::size_t indent) {
    const auto line = [&out](std::size_t depth) {
        out += '\n';
        out.append(depth * 2, ' ');
    };
    if (const auto* object = value.if_object(); object && !object->empty()) {
        out += '{';
        bool first = true;
        for (const auto& member : *object) {
            if (!first) out += ',';
            first = false;
            line(indent + 1);
            out += json::serialize(json::value(json::string(member.key()))) + ": ";
            write_pretty(out, member.value(), indent + 1);
        }
        line(indent);
        out += '}';
    } else if (const auto* array = value.if_array(); array && !array->empty()) {
        out += '[';
        bool first = true;
        for (const auto& item : *array) {
            if (!first) out += ',';
            first = false;
            line(indent + 1);
            write_pretty(out, item, indent + 1);
        }
        line(indent);
        out += ']';
    } else {
        out += json::serialize(value);
    }
}

std::string joined(const json::object& object, std::string_view path, std::string_view fallback) {
    std::string out;
    const auto* value = value_at(object, path);
    if (value && value->is_array()) {
        for (const auto& item : value->get_array()) {
            if (!item.is_string()) continue;
            out += (out.empty() ? "" : ",") + std::string(item.get_string());
        }
    }
    return out.empty() ? std::string(fallback) : out;
}

std::string path_text(const json::object& object) {
    const auto prefix = text_at(object, "spec.prefix");
    return prefix.empty() ? text_at(object, "spec.relativeurl")
                          : prefix + (prefix.ends_with('/') ? "*" : "/*");
}

std::string count_text(const json::object& object, std::string_view path) {
    const auto* value = value_at(object, path);
    return std::to_string(value && value->is_object() ? value->get_object().size() : 0);
}

std::string digest_text(const json::object& object) {
    const auto digest = text_at(object, "status.archive.digest");
    return digest.empty() ? text_at(object, "spec.deployment.checksum.sum") : digest;
}

struct Column {
    const char* title;
    bool wide;
    std::string (*cell)(const json::object&);
};

using Object = const json::object&;

const std::vector<Column>& columns(Kind kind) {
    static const std::vector<Column> kEnvironment = {
        {"IMAGE", false, [](Object o) { return text_at(o, "spec.runtime.image"); }},
        {"POOL", false,
         [](Object o) { return std::to_string(integer_at(o, "status.pool.target")); }},
        {"WARM", false, [](Object o) { return std::to_string(integer_at(o, "status.pool.warm")); }},
        {"READY", false, [](Object o) { return ready_text(o); }},
        {"VERSION", true, [](Object o) { return std::to_string(integer_at(o, "spec.version")); }},
        {"POOLSIZE", true,
         [](Object o) { return std::to_string(integer_at(o, "spec.poolsize")); }}};
    static const std::vector<Column> kPackage = {
        {"ENVIRONMENT", false, [](Object o) { return text_at(o, "spec.environment.name"); }},
        {"SIZE", false,
         [](Object o) {
             return bytes_text(static_cast<std::uint64_t>(integer_at(o, "spec.size")));
         }},
        {"BUILD", false, [](Object o) { return text_at(o, "status.buildstatus"); }},
        {"READY", false, [](Object o) { return ready_text(o); }},
        {"DIGEST", true, [](Object o) { return digest_text(o); }}};
    static const std::vector<Column> kFunction = {
        {"ENVIRONMENT", false, [](Object o) { return text_at(o, "spec.environment.name"); }},
        {"PACKAGE", false, [](Object o) { return text_at(o, "spec.package.packageref.name"); }},
        {"INSTANCES", false,
         [](Object o) { return std::to_string(integer_at(o, "status.instances.ready")); }},
        {"READY", false, [](Object o) { return ready_text(o); }},
        {"ENTRY", true, [](Object o) { return text_at(o, "spec.package.functionName"); }},
        {"IN-FLIGHT", true,
         [](Object o) { return std::to_string(integer_at(o, "status.instances.inFlight")); }},
        {"GENERATION", true,
         [](Object o) { return std::to_string(integer_at(o, "metadata.generation")); }}};
    static const std::vector<Column> kTrigger = {
        {"METHODS", false, [](Object o) { return joined(o, "spec.methods", "GET"); }},
        {"HOST", false,
         [](Object o) {
             auto host = text_at(o, "spec.host");
             return host.empty() ? std::string("*") : host;
         }},
        {"PATH", false, [](Object o) { return path_text(o); }},
        {"FUNCTION", false, [](Object o) { return text_at(o, "spec.functionref.name"); }},
        {"READY", false, [](Object o) { return ready_text(o); }},
        {"URL", true, [](Object o) { return text_at(o, "status.url"); }}};
    static const std::vector<Column> kQueueTrigger = {
        {"QUEUE", false, [](Object o) { return text_at(o, "spec.messageQueueType"); }},
        {"TOPIC", false, [](Object o) { return text_at(o, "spec.topic"); }},
        {"FUNCTION", false, [](Object o) { return text_at(o, "spec.functionref.name"); }},
        {"STATE", false, [](Object o) { return text_at(o, "status.state"); }},
        {"LAG", false, [](Object o) { return std::to_string(integer_at(o, "status.lag")); }},
        {"READY", false, [](Object o) { return ready_text(o); }},
        {"ERROR-TOPIC", true, [](Object o) { return text_at(o, "spec.errorTopic"); }},
        {"DELIVERED", true,
         [](Object o) { return std::to_string(integer_at(o, "status.delivered")); }}};
    static const std::vector<Column> kSecret = {
        {"TYPE", false,
         [](Object o) {
             auto type = text_at(o, "type");
             return type.empty() ? std::string("Opaque") : type;
         }},
        {"KEYS", false, [](Object o) { return count_text(o, "data"); }}};
    static const std::vector<Column> kConfigMap = {
        {"KEYS", false, [](Object o) { return count_text(o, "data"); }}};
    static const std::vector<Column> kToken = {
        {"ROLE", false, [](Object o) { return text_at(o, "spec.role"); }},
        {"NAMESPACES", false,
         [](Object o) {
             return bool_at(o, "spec.allNamespaces") ? std::string("all")
                                                     : text_at(o, "metadata.namespace");
         }},
        {"EXPIRES", false, [](Object o) {
             auto end = text_at(o, "spec.expires");
             return end.empty() ? std::string("never") : end;
         }}};
    static const std::vector<Column> kTimer = {
        {"CRON", false, [](Object o) { return text_at(o, "spec.cron"); }},
        {"FUNCTION", false, [](Object o) { return text_at(o, "spec.functionref.name"); }},
        {"READY", false, [](Object o) { return ready_text(o); }},
        {"NEXT", false, [](Object o) { return text_at(o, "status.nextFire"); }},
        {"LAST", false, [](Object o) { return text_at(o, "status.lastFire"); }},
        {"RESULT", false, [](Object o) { return text_at(o, "status.lastResult"); }},
        {"ERROR", true, [](Object o) { return text_at(o, "status.lastError"); }}};
    static const std::vector<Column> kWatch = {
        {"TYPE", false, [](Object o) { return text_at(o, "spec.type"); }},
        {"FUNCTION", false, [](Object o) { return text_at(o, "spec.functionref.name"); }},
        {"READY", false, [](Object o) { return ready_text(o); }},
        {"LAST", false, [](Object o) { return text_at(o, "status.lastEvent"); }},
        {"ERROR", true, [](Object o) { return text_at(o, "status.lastError"); }}};
    static const std::vector<Column> kWorkflow = {
        {"START", false,
         [](Object o) {
             const auto* steps = value_at(o, "spec.steps");
             const bool pipeline = steps && steps->is_array() && !steps->get_array().empty();
             if (!pipeline) return text_at(o, "spec.startAt");
             const auto* first = steps->get_array().front().if_string();
             return first ? std::string(*first) : std::string();
         }},
        {"STATES", false,
         [](Object o) {
             const auto* states = value_at(o, "spec.states");
             const auto* steps = value_at(o, "spec.steps");
             if (states && states->is_object()) return std::to_string(states->get_object().size());
             return std::to_string(steps && steps->is_array() ? steps->get_array().size() : 0);
         }},
        {"TIMEOUT", true, [](Object o) { return text_at(o, "spec.timeout"); }}};
    switch (kind) {
        case Kind::workflow:
            return kWorkflow;
        case Kind::time_trigger:
            return kTimer;
        case Kind::kubernetes_watch_trigger:
            return kWatch;
        case Kind::environment:
            return kEnvironment;
        case Kind::package:
            return kPackage;
        case Kind::function:
            return kFunction;
        case Kind::http_trigger:
            return kTrigger;
        case Kind::secret:
            return kSecret;
        case Kind::config_map:
            return kConfigMap;
        case Kind::message_queue_trigger:
            return kQueueTrigger;
        case Kind::api_token:
            return kToken;
    }
    return kConfigMap;
}

}  // namespace

std::vector<std::string> columns_of(Kind kind, bool wide) {
    std::vector<std::string> out;
    for (const Column& column : columns(kind)) {
        if (wide || !column.wide) out.emplace_back(column.title);
    }
    out.emplace_back("AGE");
    if (wide) out.emplace_back("REVISION");
    return out;
}

std::vector<std::string> cells_of(Kind kind, const json::object& object, bool wide,
                                  std::chrono::system_clock::time_point now) {
    std::vector<std::string> out;
    for (const Column& column : columns(kind)) {
        if (wide || !column.wide) out.push_back(column.cell(object));
    }
    out.push_back(age_of(text_at(object, "metadata.creationTimestamp"), now));
    if (wide) out.push_back(text_at(object, "metadata.resourceVersion"));
    return out;
}

std::string short_name(const json::object& object) {
    const auto kind = model::find_kind(text_at(object, "kind"));
    return (kind ? std::string(model::table(*kind).singular) : text_at(object, "kind")) + "/" +
           text_at(object, "metadata.name");
}

std::string pretty(const json::value& value) {
    std::string out;
    write_pretty(out, value, 0);
    return out + "\n";
}

bool print_value(const Context& context, const json::value& value) {
    if (context.settings.output == Output::json) {
        context.terminal.out << pretty(value);
        return true;
    }
    if (context.settings.output == Output::yaml) {
        context.terminal.out << model::to_yaml(value);
        return true;
    }
    return false;
}

Result<Kind> kind_named(const std::string& word) {
    if (const auto kind = model::find_kind(word)) return *kind;
    std::string known;
    for (const Kind kind : model::kAllKinds) {
        known += (known.empty() ? "" : ", ") + std::string(model::table(kind).plural);
    }
    return Error(Errc::invalid_argument, "\"" + word + "\" is no known kind; known: " + known);
}

void print_items(const Context& context, model::Kind kind, const json::value& list) {
    if (print_value(context, list)) return;
    const bool wide = context.settings.output == Output::wide;
    auto header = columns_of(kind, wide);
    header.insert(header.begin(), "NAME");
    Table table(header);
    const auto now = std::chrono::system_clock::now();
    const auto* items = list.is_object() ? list.get_object().if_contains("items") : nullptr;
    if (items && items->is_array()) {
        for (const auto& item : items->get_array()) {
            if (!item.is_object()) continue;
            if (context.settings.output == Output::name) {
                context.terminal.out << short_name(item.get_object()) << '\n';
                continue;
            }
            auto row = cells_of(kind, item.get_object(), wide, now);
            row.insert(row.begin(), text_at(item.get_object(), "metadata.name"));
            table.add(std::move(row));
        }
    }
    if (!table.empty()) table.print(context.terminal.out);
}

}  // namespace hearth::cli
