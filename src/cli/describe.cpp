#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <memory>

#include "cli/objects.hpp"
#include "cli/program.hpp"
#include "hearth/model/document.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

/// "Key:      value" lines, left out when there is nothing to say.
class Sheet {
 public:
    explicit Sheet(Terminal& terminal) : terminal_(terminal) {}
    void line(const std::string& key, const std::string& value) {
        if (value.empty()) return;
        std::string label = key + ":";
        label.resize(std::max<std::size_t>(label.size() + 1, 14), ' ');
        terminal_.out << terminal_.paint(Paint::bold, label) << strip_escapes(value) << '\n';
    }
    void title(const std::string& text) {
        terminal_.out << '\n' << terminal_.paint(Paint::bold, text) << '\n';
    }

 private:
    Terminal& terminal_;
};

std::string number(const json::object& object, std::string_view path, std::string_view unit = {}) {
    const auto* value = value_at(object, path);
    return value && value->is_int64() ? std::to_string(value->get_int64()) + std::string(unit)
                                      : std::string();
}

std::string map_text(const json::object& object, std::string_view path) {
    std::string out;
    const auto* map = value_at(object, path);
    if (!map || !map->is_object()) return out;
    for (const auto& member : map->get_object()) {
        if (!out.empty()) out += ", ";
        out += std::string(member.key());
        if (const auto* text = member.value().if_string()) out += "=" + std::string(*text);
    }
    return out;
}

std::string names_text(const json::object& object, std::string_view path) {
    std::string out;
    const auto* list = value_at(object, path);
    if (!list || !list->is_array()) return out;
    for (const auto& item : list->get_array()) {
        if (item.is_object()) out += (out.empty() ? "" : ", ") + text_at(item.get_object(), "name");
    }
    return out;
}

void print_conditions(Sheet& sheet, const json::object& object) {
    const auto* conditions = value_at(object, "status.conditions");
    if (!conditions || !conditions->is_array()) return;
    for (const auto& item : conditions->get_array()) {
        const auto* condition = item.if_object();
        if (!condition) continue;
        const auto message = text_at(*condition, "message");
        sheet.line(text_at(*condition, "type"), text_at(*condition, "status") + " (" +
                                                    text_at(*condition, "reason") +
                                                    (message.empty() ? ")" : "): " + message));
    }
}

const json::array& list_of(const json::object& object, std::string_view key) {
    static const json::array kNone;
    const auto* list = object.if_contains(key);
    return list && list->is_array() ? list->get_array() : kNone;
}

const json::object& object_of(const json::object& object, std::string_view key) {
    static const json::object kNone;
    const auto* value = object.if_contains(key);
    return value && value->is_object() ? value->get_object() : kNone;
}

void print_instances(const Context& context, Sheet& sheet, const json::array& instances) {
    sheet.title("Instances");
    Table table(
        {"NAME", "STATE", "IN-FLIGHT", "SERVED", "AGE", "IDLE", "MEMORY", "PID", "ISOLATION"});
    for (const auto& item : instances) {
        if (!item.is_object()) continue;
        const auto& o = item.get_object();
        table.add({text_at(o, "name"), text_at(o, "state"), number(o, "inFlight"),
                   number(o, "served"), duration_text(integer_at(o, "ageMs")),
                   duration_text(integer_at(o, "idleMs")),
                   bytes_text(static_cast<std::uint64_t>(integer_at(o, "rssBytes"))),
                   number(o, "pid"), text_at(o, "isolation")});
    }
    if (table.empty()) {
        context.terminal.out << "none; the next call starts one\n";
    } else {
        table.print(context.terminal.out);
    }
}

/// Those that no client asks for: timers, watches.
void print_triggers(const Context& context, Sheet& sheet, const json::array& triggers) {
    Table table({"TRIGGER", "READY", "WHEN", "LAST ERROR"});
    for (const auto& item : triggers) {
        const auto* trigger = item.if_object();
        if (!trigger) continue;
        std::string when;
        for (const auto* field : {"spec.cron", "spec.type", "spec.topic"}) {
            if (when.empty()) when = text_at(*trigger, field);
        }
        auto error = text_at(*trigger, "status.lastError");
        if (error.empty()) error = text_at(*trigger, "status.lastError.message");
        table.add({short_name(*trigger), ready_text(*trigger), when, error});
    }
    if (table.empty()) return;
    sheet.title("Triggers");
    table.print(context.terminal.out);
}

void print_function(const Context& context, const json::object& whole) {
    Sheet sheet(context.terminal);
    const json::object &function = object_of(whole, "function"),
                       &package = object_of(whole, "package"),
                       &environment = object_of(whole, "environment");
    sheet.line("Function",
               text_at(function, "metadata.namespace") + "/" + text_at(function, "metadata.name"));
    sheet.line("Labels", map_text(function, "metadata.labels"));
    sheet.line("Created", text_at(function, "metadata.creationTimestamp"));
    sheet.line("Generation", number(function, "metadata.generation"));
    sheet.line("Environment",
               text_at(function, "spec.environment.name") +
                   (environment.empty() ? " (missing)"
                                        : " (" + text_at(environment, "spec.runtime.image") + ")"));
    const auto size = integer_at(package, "spec.size");
    sheet.line("Package",
               text_at(function, "spec.package.packageref.name") +
                   (package.empty() ? " (missing)"
                                    : " (" + bytes_text(static_cast<std::uint64_t>(size)) + ")"));
    sheet.line("Digest", text_at(package, "status.archive.digest"));
    sheet.line("Entry", text_at(function, "spec.package.functionName"));
    sheet.line("Timeout", number(function, "spec.functionTimeout", "s"));
    sheet.line("Idle", number(function, "spec.idletimeout", "s"));
    sheet.line("Concurrency", number(function, "spec.concurrency"));
    sheet.line("Memory", text_at(function, "spec.resources.limits.memory"));
    sheet.line("Variables", names_text(function, "spec.env"));
    sheet.line("Secrets", names_text(function, "spec.secrets"));
    sheet.line("ConfigMaps", names_text(function, "spec.configmaps"));
    print_conditions(sheet, function);
    sheet.title("Routes");
    Table routes({"NAME", "METHODS", "HOST", "PATH", "FUNCTION", "READY", "URL"});
    const auto now = std::chrono::system_clock::now();
    for (const auto& item : list_of(whole, "routes")) {
        if (!item.is_object()) continue;
        auto row = cells_of(model::Kind::http_trigger, item.get_object(), true, now);
        row.resize(6);
        row.insert(row.begin(), text_at(item.get_object(), "metadata.name"));
        routes.add(std::move(row));
    }
    if (routes.empty()) context.terminal.out << "none\n";
    if (!routes.empty()) routes.print(context.terminal.out);
    print_triggers(context, sheet, list_of(whole, "triggers"));
    print_instances(context, sheet, list_of(whole, "instances"));
    const json::object& pool = object_of(whole, "pool");
    if (!pool.empty()) {
        sheet.line("\nPool", number(pool, "warm") + " warm, " + number(pool, "starting") +
                                 " starting, " + number(pool, "target") + " wanted");
        sheet.line("Last error", text_at(pool, "lastError"));
    }
    if (list_of(whole, "recentErrors").empty()) return;
    sheet.title("Recent errors");
    for (const auto& item : list_of(whole, "recentErrors")) {
        if (!item.is_object()) continue;
        const auto& error = item.get_object();
        context.terminal.out << text_at(error, "time") << "  " << text_at(error, "requestId")
                             << "  " << strip_escapes(text_at(error, "message")) << '\n';
    }
}

int describe(Context& context, const std::string& word, const std::string& name) {
    Terminal& terminal = context.terminal;
    auto kind = kind_named(word);
    if (!kind) {
        terminal.fail(kind.error());
        return kUsage;
    }
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    std::string target = object_target(context.settings.ns, model::table(*kind).plural, name);
    const bool function = *kind == model::Kind::function;
    if (function) target += "/describe";
    auto value = client->get(target);
    if (!value) return terminal.fail(value.error());
    if (print_value(context, *value)) return kDone;
    if (function && value->is_object()) {
        print_function(context, value->get_object());
    } else {
        terminal.out << strip_escapes(model::to_yaml(*value));
    }
    return kDone;
}

}  // namespace

void add_describe(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand("describe", "One object with all that belongs to it");
    auto kind = std::make_shared<std::string>(), name = std::make_shared<std::string>();
    command->add_option("kind", *kind, "Kind, such as function")->type_name("KIND")->required();
    command->add_option("name", *name, "Name")->type_name("NAME")->required();
    command->callback([&program, kind, name] {
        program.action = [kind, name](Context& context) { return describe(context, *kind, *name); };
    });
}

}  // namespace hearth::cli
