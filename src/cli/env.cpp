#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/objects.hpp"
#include "cli/program.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

int list_offers(Context& context) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto info = client->get("/api/v1/system/info");
    if (!info) return terminal.fail(info.error());
    json::array offers;
    if (const auto* object = info->if_object()) {
        const auto* list = object->if_contains("environments");
        if (list && list->is_array()) offers = list->get_array();
    }
    if (print_value(context, offers)) return kDone;
    Table table({"NAME", "IMAGE", "FILES", "AVAILABLE", "REMEDY"});
    for (const auto& item : offers) {
        if (!item.is_object()) continue;
        const auto& offer = item.get_object();
        if (context.settings.output == Output::name) {
            terminal.out << text_at(offer, "name") << '\n';
            continue;
        }
        std::string extensions;
        if (const auto* list = offer.if_contains("extensions"); list && list->is_array()) {
            for (const auto& extension : list->get_array()) {
                if (extension.is_string())
                    extensions +=
                        (extensions.empty() ? "" : ",") + std::string(extension.get_string());
            }
        }
        table.add({text_at(offer, "name"), text_at(offer, "image"), extensions,
                   bool_at(offer, "available") ? "yes" : "no", text_at(offer, "remedy")});
    }
    if (!table.empty()) table.print(terminal.out);
    if (table.empty() && context.settings.output != Output::name)
        terminal.err << "the daemon offers no environment\n";
    return kDone;
}

}  // namespace

void add_env(CLI::App& app, Program& program) {
    auto* group = app.add_subcommand("env", "Language environments");
    group->require_subcommand(1);
    auto* list = group->add_subcommand("list", "Environments this daemon can start");
    list->callback([&program] { program.action = list_offers; });
}

}  // namespace hearth::cli
