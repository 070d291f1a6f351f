#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <memory>

#include "cli/documents.hpp"
#include "cli/objects.hpp"
#include "cli/program.hpp"
#include "cli/results.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct DeleteArguments {
    std::string kind;
    std::vector<std::string> names, files;
    bool dry_run = false, ignore_missing = false, no_cascade = false;
};

struct Target {
    model::Kind kind;
    std::string ns, name;
};

/// Triggers before functions before what functions use.
int order_of(model::Kind kind) {
    switch (kind) {
        case model::Kind::http_trigger:
        case model::Kind::message_queue_trigger:
        case model::Kind::time_trigger:
        case model::Kind::kubernetes_watch_trigger:
            return 0;
        case model::Kind::function:
        case model::Kind::workflow:
            return 1;
        case model::Kind::package:
            return 2;
        case model::Kind::environment:
            return 3;
        default:
            return 4;
    }
}

Result<std::vector<Target>> targets_of(Context& context, const DeleteArguments& arguments) {
    std::vector<Target> targets;
    if (arguments.files.empty()) {
        auto kind = kind_named(arguments.kind);
        if (!kind) return kind.error();
        for (const auto& name : arguments.names)
            targets.push_back({*kind, context.settings.ns, name});
        return targets;
    }
    auto documents = read_documents(arguments.files, context.terminal.in, context.settings.ns);
    if (!documents) return documents.error();
    for (const auto& document : documents->documents) {
        const auto checked = model::check(document, context.settings.ns, model::Target::any);
        // A faulty spec still names an object; without a name there is nothing to delete.
        if (checked.resource.metadata.name.empty()) {
            Error error(Errc::invalid_argument, "a document names no object");
            error.detail = fault_text(checked.faults);
            return error;
        }
        targets.push_back(
            {checked.resource.kind, checked.resource.metadata.ns, checked.resource.metadata.name});
    }
    std::stable_sort(targets.begin(), targets.end(), [](const Target& a, const Target& b) {
        return order_of(a.kind) < order_of(b.kind);
    });
    return targets;
}

int delete_objects(Context& context, const DeleteArguments& arguments) {
    Terminal& terminal = context.terminal;
    if (arguments.files.empty() && (arguments.kind.empty() || arguments.names.empty())) {
        terminal.fail(
            Error(Errc::invalid_argument, "say what to delete: KIND NAME..., or -f FILE"));
        return kUsage;
    }
    auto targets = targets_of(context, arguments);
    if (!targets) {
        const int code = terminal.fail(targets.error());
        return arguments.files.empty() ? static_cast<int>(kUsage) : code;
    }
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    int code = kDone;
    json::array deleted;
    for (const Target& target : *targets) {
        std::string address =
            object_target(target.ns, model::table(target.kind).plural, target.name);
        if (arguments.dry_run) add_query(address, "dryRun", "true");
        if (arguments.no_cascade) add_query(address, "cascade", "false");
        auto answer = client->send("DELETE", address, "");
        if (!answer) {
            // What a function took along is gone when its own turn comes.
            const bool missing = answer.error().code == Errc::not_found;
            const bool gone =
                std::any_of(deleted.begin(), deleted.end(), [&](const json::value& item) {
                    return item.is_object() && text_at(item.get_object(), "name") == target.name &&
                           text_at(item.get_object(), "kind") == model::table(target.kind).name;
                });
            if (missing && (gone || arguments.ignore_missing)) continue;
            code = terminal.fail(answer.error());
            continue;
        }
        const auto* list =
            answer->is_object() ? answer->get_object().if_contains("deleted") : nullptr;
        if (!list || !list->is_array()) continue;
        for (const auto& item : list->get_array()) {
            if (!item.is_object()) continue;
            deleted.push_back(item);
            if (context.settings.output == Output::json || context.settings.output == Output::yaml)
                continue;
            terminal.out << object_label(item.get_object(), context.settings.ns);
            if (context.settings.output != Output::name) {
                terminal.out << "  " << terminal.paint(Paint::red, "deleted")
                             << (arguments.dry_run ? " (dry run)" : "");
            }
            terminal.out << '\n';
        }
    }
    json::object whole;
    whole["deleted"] = std::move(deleted);
    print_value(context, whole);
    return code;
}

}  // namespace

void add_delete(CLI::App& app, Program& program) {
    auto* command =
        app.add_subcommand("delete", "Delete objects; a function takes along what only it uses");
    auto a = std::make_shared<DeleteArguments>();
    command->add_option("kind", a->kind, "Kind, such as function")->type_name("KIND");
    command->add_option("names", a->names, "Names")->type_name("NAME");
    command->add_option("-f,--file", a->files, "Delete what these documents name; repeatable")
        ->type_name("FILE|DIR|-")
        ->allow_extra_args(false);
    command->add_flag("--dry-run", a->dry_run, "Say what would go, delete nothing");
    command->add_flag("--ignore-not-found", a->ignore_missing, "What is not there is no failure");
    command->add_flag("--no-cascade", a->no_cascade, "Refuse when anything depends on it");
    command->callback([&program, a] {
        program.action = [a](Context& context) { return delete_objects(context, *a); };
    });
}

}  // namespace hearth::cli
