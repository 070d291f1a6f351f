#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <memory>

#include "cli/objects.hpp"
#include "cli/program.hpp"
#include "cli/results.hpp"
#include "cli/watch_objects.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct GetArguments {
    std::string kinds;
    std::vector<std::string> names;
    std::string selector;
    bool all_namespaces = false, watch = false, reveal = false;
};

std::vector<std::string> split_words(const std::string& text) {
    std::vector<std::string> out;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find(',', start), text.size());
        if (end > start) out.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return out;
}

Result<std::vector<model::Kind>> kinds_of(const std::string& words) {
    using model::Kind;
    if (words == "all") {
        return std::vector<Kind>{Kind::environment,
                                 Kind::package,
                                 Kind::function,
                                 Kind::http_trigger,
                                 Kind::message_queue_trigger,
                                 Kind::time_trigger,
                                 Kind::kubernetes_watch_trigger,
                                 Kind::workflow};
    }
    std::vector<Kind> kinds;
    for (const auto& word : split_words(words)) {
        auto kind = kind_named(word);
        if (!kind) return kind.error();
        kinds.push_back(*kind);
    }
    if (kinds.empty()) return Error(Errc::invalid_argument, "no kind is given");
    return kinds;
}

/// All pages of a list.
Result<json::object> list_all(Client& client, const Context& context, model::Kind kind,
                              const GetArguments& arguments) {
    const std::string plural(model::table(kind).plural);
    json::object whole;
    json::array items;
    std::string next;
    do {
        std::string target = arguments.all_namespaces ? "/api/v1/" + plural
                                                      : object_target(context.settings.ns, plural);
        add_query(target, "labelSelector", arguments.selector);
        add_query(target, "continue", next);
        if (arguments.reveal) add_query(target, "reveal", "true");
        auto page = client.get(target);
        if (!page) return page.error();
        if (!page->is_object()) return Error(Errc::io, "the daemon's answer is no JSON object");
        json::object& object = page->get_object();
        if (auto* list = object.if_contains("items"); list && list->is_array()) {
            for (auto& item : list->get_array()) items.push_back(std::move(item));
        }
        next = text_at(object, "metadata.continue");
        if (auto* metadata = object.if_contains("metadata"); metadata && metadata->is_object()) {
            metadata->get_object().erase("continue");
        }
        whole = std::move(object);
    } while (!next.empty());
    whole["items"] = std::move(items);
    return whole;
}

Result<json::object> read_named(Client& client, const Context& context, model::Kind kind,
                                const GetArguments& arguments) {
    json::array items;
    for (const auto& name : arguments.names) {
        std::string target = object_target(context.settings.ns, model::table(kind).plural, name);
        if (arguments.reveal) add_query(target, "reveal", "true");
        auto one = client.get(target);
        if (!one) return one.error();
        items.push_back(std::move(*one));
    }
    json::object list;
    list["kind"] = std::string(model::table(kind).name) + "List";
    list["items"] = std::move(items);
    return list;
}

void print_list(const Context& context, model::Kind kind, const json::array& items,
                const GetArguments& arguments, bool several_kinds) {
    Terminal& terminal = context.terminal;
    const bool wide = context.settings.output == Output::wide;
    if (context.settings.output == Output::name) {
        for (const auto& item : items) {
            if (item.is_object()) terminal.out << short_name(item.get_object()) << '\n';
        }
        return;
    }
    std::vector<std::string> header = columns_of(kind, wide);
    header.insert(header.begin(), "NAME");
    if (arguments.all_namespaces) header.insert(header.begin(), "NAMESPACE");
    Table table(header);
    const auto now = std::chrono::system_clock::now();
    for (const auto& item : items) {
        if (!item.is_object()) continue;
        const auto& object = item.get_object();
        auto row = cells_of(kind, object, wide, now);
        row.insert(row.begin(),
                   several_kinds ? short_name(object) : text_at(object, "metadata.name"));
        if (arguments.all_namespaces)
            row.insert(row.begin(), text_at(object, "metadata.namespace"));
        table.add(std::move(row));
    }
    if (table.empty()) {
        terminal.err << "no " << model::table(kind).plural
                     << (arguments.all_namespaces ? std::string()
                                                  : " in namespace " + context.settings.ns)
                     << '\n';
        return;
    }
    table.print(terminal.out);
}

int get(Context& context, const GetArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto kinds = kinds_of(arguments.kinds);
    if (!kinds) {
        terminal.fail(kinds.error());
        return kUsage;
    }
    if (kinds->size() > 1 && !arguments.names.empty()) {
        terminal.fail(Error(Errc::invalid_argument, "names go with one kind alone"));
        return kUsage;
    }
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    json::array everything;
    CodeUsers listed;
    for (const auto kind : *kinds) {
        auto list = arguments.names.empty() ? list_all(*client, context, kind, arguments)
                                            : read_named(*client, context, kind, arguments);
        if (!list) return terminal.fail(list.error());
        auto& items = list->at("items").as_array();
        for (const auto& item : items)
            if (item.is_object()) listed.see(item.get_object());
        const auto form = context.settings.output;
        if (form == Output::json || form == Output::yaml) {
            if (arguments.names.size() == 1) {
                print_value(context, items.front());
            } else if (kinds->size() == 1) {
                print_value(context, *list);
            } else {
                for (auto& item : items) everything.push_back(std::move(item));
            }
            continue;
        }
        print_list(context, kind, items, arguments, kinds->size() > 1);
        if (kinds->size() > 1 && kind != kinds->back()) terminal.out << '\n';
    }
    if (!everything.empty()) {
        json::object list;
        list["kind"] = "List";
        list["items"] = std::move(everything);
        print_value(context, list);
    }
    if (!arguments.watch) return kDone;
    WatchArguments wanted{std::move(*kinds), arguments.names, arguments.all_namespaces};
    return watch_objects(context, *client, std::move(wanted), listed);
}

}  // namespace

void add_get(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand("get", "List objects, or show some by name");
    auto a = std::make_shared<GetArguments>();
    command->add_option("kind", a->kinds, "Kind or kinds (functions, routes, env,pkg …), or all")
        ->type_name("KIND")
        ->required();
    command->add_option("names", a->names, "Names; all objects when there is none")
        ->type_name("NAME");
    command->add_option("-l,--selector", a->selector, "Only with these labels: a=b,c!=d,e")
        ->type_name("LABELS");
    command->add_flag("-A,--all-namespaces", a->all_namespaces,
                      "Of every namespace the token may see");
    command->add_flag("-w,--watch", a->watch, "Go on with changes as they come");
    command->add_flag("--reveal", a->reveal, "Show the values of secrets (role admin)");
    command->callback(
        [&program, a] { program.action = [a](Context& context) { return get(context, *a); }; });
}

}  // namespace hearth::cli
