#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <memory>

#include "cli/compose.hpp"
#include "cli/objects.hpp"
#include "cli/program.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct AddArguments {
    std::string name, language, image, builder;
    int pool_size = -1;
};

/// The items of a list answer. Errors: what the daemon says.
Result<json::array> items_of(Client& client, const std::string& target) {
    auto answer = client.get(target);
    if (!answer) return answer.error();
    const auto* object = answer->if_object();
    const auto* items = object ? object->if_contains("items") : nullptr;
    if (!items || !items->is_array()) return Error(Errc::io, "the daemon's answer has no items");
    return items->get_array();
}

Result<json::array> offers_of(Client& client) {
    return items_of(client, "/api/v1/environments-available");
}

const json::object* offer_named(const json::array& offers, std::string_view key,
                                const std::string& value) {
    for (const auto& item : offers) {
        const auto* offer = item.if_object();
        if (offer && text_at(*offer, key) == value) return offer;
    }
    return nullptr;
}

/// An environment of the catalog as one row, with what its machine says of it.
json::object row_of(const json::object& environment) {
    json::object row;
    row["name"] = text_at(environment, "metadata.name");
    row["image"] = text_at(environment, "spec.runtime.image");
    row["builderImage"] = text_at(environment, "spec.builder.image");
    row["added"] = true;
    const bool fine = bool_at(environment, "status.available");
    row["state"] = fine ? "ok" : "missing";
    row["detail"] = "";
    const auto* conditions = value_at(environment, "status.conditions");
    if (!fine && conditions && conditions->is_array() && !conditions->get_array().empty()) {
        const auto& first = conditions->get_array().front();
        if (first.is_object()) row["detail"] = text_at(first.get_object(), "message");
    }
    return row;
}

std::string extensions_of(const json::object& row) {
    std::string text;
    const auto* list = row.if_contains("extensions");
    if (!list || !list->is_array()) return text;
    for (const auto& extension : list->get_array()) {
        if (extension.is_string())
            text += (text.empty() ? "" : ",") + std::string(extension.get_string());
    }
    return text;
}

Result<json::array> rows_of(Context& context, Client& client, bool offered_only) {
    auto offers = offers_of(client);
    if (!offers) return offers.error();
    json::array rows;
    if (!offered_only) {
        std::string target = object_target(context.settings.ns, "environments");
        add_query(target, "limit", "500");
        auto added = items_of(client, target);
        if (!added) return added.error();
        for (const auto& item : *added) {
            if (item.is_object()) rows.push_back(row_of(item.get_object()));
        }
    }
    for (auto& item : *offers) {
        auto* offer = item.if_object();
        if (!offer) continue;
        bool merged = false;
        for (auto& row : rows) {
            auto& known = row.get_object();
            if (text_at(known, "image") != text_at(*offer, "image")) continue;
            known["extensions"] = offer->at("extensions");
            known["starter"] = offer->at("starter");
            known["state"] = offer->at("state");
            known["detail"] = offer->at("detail");
            merged = merged || text_at(known, "name") == text_at(*offer, "name");
        }
        if (merged) continue;
        (*offer)["added"] = false;
        rows.push_back(std::move(item));
    }
    return rows;
}

int list_environments(Context& context, bool offered_only) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto rows = rows_of(context, *client, offered_only);
    if (!rows) return terminal.fail(rows.error());
    if (print_value(context, *rows)) return kDone;
    Table table({"NAME", "ADDED", "IMAGE", "BUILDER", "FILES", "STATE", "REMEDY"});
    for (const auto& item : *rows) {
        const auto& row = item.get_object();
        if (context.settings.output == Output::name) {
            terminal.out << text_at(row, "name") << '\n';
            continue;
        }
        const auto builder = text_at(row, "builderImage");
        const auto state = text_at(row, "state");
        table.add({text_at(row, "name"), bool_at(row, "added") ? "yes" : "no",
                   text_at(row, "image"), builder.empty() ? "-" : builder, extensions_of(row),
                   state, state == "ok" ? "" : strip_escapes(text_at(row, "detail"))});
    }
    if (!table.empty()) table.print(terminal.out);
    if (table.empty() && context.settings.output != Output::name)
        terminal.err << "there is no environment, and the daemon offers none\n";
    return kDone;
}

std::string names_of(const json::array& offers) {
    std::string names;
    for (const auto& item : offers) {
        if (item.is_object())
            names += (names.empty() ? "" : ", ") + text_at(item.get_object(), "name");
    }
    return names.empty() ? "none" : names;
}

/// Images of the new environment: what was given, else what the machine's environment says.
Result<void> complete(AddArguments& arguments, const json::array& offers, std::string& trouble) {
    const bool asked = !arguments.language.empty();
    const auto& language = asked ? arguments.language : arguments.name;
    const auto* offer = offer_named(offers, "name", language);
    if (!offer && (asked || arguments.image.empty()))
        return Error(Errc::invalid_argument,
                     "the daemon offers no environment " + language + " (it has: " +
                         names_of(offers) + "); give another --lang, or an image with --image");
    if (!offer) return {};
    if (arguments.image.empty()) {
        arguments.image = text_at(*offer, "image");
        if (text_at(*offer, "state") == "missing") trouble = text_at(*offer, "detail");
    }
    if (arguments.builder.empty()) arguments.builder = text_at(*offer, "builderImage");
    return {};
}

int add_environment(Context& context, AddArguments arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto offers = offers_of(*client);
    if (!offers) return terminal.fail(offers.error());
    std::string trouble;
    if (auto done = complete(arguments, *offers, trouble); done.has_error())
        return terminal.fail(done.error());
    auto object = compose_environment(context.settings.ns, arguments.name, arguments.image,
                                      arguments.builder);
    if (arguments.pool_size >= 0) object["spec"].as_object()["poolsize"] = arguments.pool_size;
    auto answer = client->send("POST", object_target(context.settings.ns, "environments"),
                               json::serialize(object));
    if (!answer) return terminal.fail(answer.error());
    if (print_value(context, *answer)) return kDone;
    terminal.out << "environment/" << arguments.name << "  created\n";
    if (!trouble.empty())
        terminal.err << "hearth: it cannot run on the daemon's machine yet: "
                     << strip_escapes(trouble) << '\n';
    return kDone;
}

}  // namespace

void add_env(CLI::App& app, Program& program) {
    auto* group = app.add_subcommand("env", "Language environments");
    group->require_subcommand(1);
    auto* list = group->add_subcommand(
        "list", "Environments there are, and those the daemon's machine offers");
    auto offered = std::make_shared<bool>(false);
    list->add_flag("--offered", *offered, "Only what the daemon's machine offers");
    list->callback([&program, offered] {
        program.action = [offered](Context& context) {
            return list_environments(context, *offered);
        };
    });
    auto* add = group->add_subcommand("add", "Make an environment with its images");
    auto a = std::make_shared<AddArguments>();
    add->add_option("name", a->name, "Name; one that is offered says the images as well")
        ->type_name("NAME")
        ->required();
    add->add_option("--lang", a->language, "Offered environment whose images it gets")
        ->type_name("LANG");
    add->add_option("--image", a->image, "Image of the runtime")->type_name("IMAGE");
    add->add_option("--builder", a->builder, "Image of the builder")->type_name("IMAGE");
    add->add_option("--poolsize", a->pool_size, "Warm instances to keep")
        ->type_name("N")
        ->check(CLI::Range(0, 10000).description(""));
    add->callback([&program, a] {
        program.action = [a](Context& context) { return add_environment(context, *a); };
    });
}

}  // namespace hearth::cli
