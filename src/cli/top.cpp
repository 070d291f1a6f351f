#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <memory>
#include <thread>

#include "cli/objects.hpp"
#include "cli/program.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

json::array items_of(const json::value& value) {
    if (const auto* list = value.if_array()) return *list;
    const auto* object = value.if_object();
    const auto* items = object ? object->if_contains("items") : nullptr;
    return items && items->is_array() ? items->get_array() : json::array();
}

void print_pools(Terminal& terminal, const json::array& pools, bool all) {
    std::vector<std::string> header = {"POOL",   "WARM",     "STARTING",
                                       "WANTED", "STARTS/S", "LAST ERROR"};
    if (all) header.insert(header.begin(), "NAMESPACE");
    Table table(header);
    for (const auto& item : pools) {
        if (!item.is_object()) continue;
        const auto& pool = item.get_object();
        const auto* rate = pool.if_contains("startsPerSecond");
        char starts[32] = "0.0";
        if (rate && rate->is_number())
            std::snprintf(starts, sizeof starts, "%.1f", rate->to_number<double>());
        std::string error = strip_escapes(text_at(pool, "lastError"));
        error = error.substr(0, std::min(error.find('\n'), std::size_t{80}));
        std::vector<std::string> row = {text_at(pool, "environment"),
                                        std::to_string(integer_at(pool, "warm")),
                                        std::to_string(integer_at(pool, "starting")),
                                        std::to_string(integer_at(pool, "target")),
                                        starts,
                                        error};
        if (all) row.insert(row.begin(), text_at(pool, "namespace"));
        table.add(std::move(row));
    }
    if (table.empty()) {
        terminal.out << "no pools; the first environment makes one\n";
    } else {
        table.print(terminal.out);
    }
}

void print_instances(Terminal& terminal, const json::array& instances, bool all) {
    std::vector<std::string> header = {"INSTANCE", "FUNCTION", "STATE", "IN-FLIGHT", "SERVED",
                                       "MEMORY",   "AGE",      "IDLE",  "PID"};
    if (all) header.insert(header.begin(), "NAMESPACE");
    Table table(header);
    for (const auto& item : instances) {
        if (!item.is_object()) continue;
        const auto& o = item.get_object();
        const auto function = text_at(o, "function");
        std::vector<std::string> row = {
            text_at(o, "name"),
            function.empty() ? "-" : function,
            text_at(o, "state"),
            std::to_string(integer_at(o, "inFlight")),
            std::to_string(integer_at(o, "served")),
            bytes_text(static_cast<std::uint64_t>(integer_at(o, "rssBytes"))),
            duration_text(integer_at(o, "ageMs")),
            duration_text(integer_at(o, "idleMs")),
            std::to_string(integer_at(o, "pid"))};
        if (all) row.insert(row.begin(), text_at(o, "namespace"));
        table.add(std::move(row));
    }
    if (!table.empty()) {
        terminal.out << '\n';
        table.print(terminal.out);
    }
}

int show_once(Context& context, Client& client, bool all) {
    Terminal& terminal = context.terminal;
    auto pools = client.get("/api/v1/pools");
    if (!pools) return terminal.fail(pools.error());
    auto instances = client.get("/api/v1/instances");
    if (!instances) return terminal.fail(instances.error());
    const auto mine = [&](json::array list) {
        json::array out;
        for (auto& item : list) {
            const bool here =
                item.is_object() && text_at(item.get_object(), "namespace") == context.settings.ns;
            if (all || here) out.push_back(std::move(item));
        }
        return out;
    };
    json::object whole;
    whole["pools"] = mine(items_of(*pools));
    whole["instances"] = mine(items_of(*instances));
    if (print_value(context, whole)) return kDone;
    print_pools(terminal, whole["pools"].as_array(), all);
    print_instances(terminal, whole["instances"].as_array(), all);
    return kDone;
}

int top(Context& context, bool watch, bool all) {
    auto client = context.client();
    if (!client) return context.terminal.fail(client.error());
    for (;;) {
        if (watch && context.terminal.interactive) context.terminal.out << "\x1b[H\x1b[2J";
        const int code = show_once(context, *client, all);
        context.terminal.out.flush();
        if (!watch || code != kDone || !context.terminal.out.good()) return code;
        std::this_thread::sleep_for(std::chrono::seconds(2));
    }
}

}  // namespace

void add_top(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand("top", "Pools and instances as they are now");
    auto watch = std::make_shared<bool>(false), all = std::make_shared<bool>(false);
    command->add_flag("-w,--watch", *watch, "Refresh every two seconds");
    command->add_flag("-A,--all-namespaces", *all, "Of every namespace the token may see");
    command->callback([&program, watch, all] {
        program.action = [watch, all](Context& context) { return top(context, *watch, *all); };
    });
}

}  // namespace hearth::cli
