#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <memory>

#include "cli/objects.hpp"
#include "cli/package_builds.hpp"
#include "cli/program.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

int list_packages(Context& context) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto list = client->get(object_target(context.settings.ns, "packages"));
    if (!list) return terminal.fail(list.error());
    print_items(context, model::Kind::package, *list);
    return kDone;
}

int show_files(Context& context, const std::string& name, const std::string& only) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto answer = client->get(object_target(context.settings.ns, "packages", name) + "/files");
    if (!answer) return terminal.fail(answer.error());
    if (only.empty() && print_value(context, *answer)) return kDone;
    const auto* files = answer->is_object() ? answer->get_object().if_contains("files") : nullptr;
    bool found = false;
    if (files && files->is_object()) {
        for (const auto& file : files->get_object()) {
            if (!file.value().is_string() || (!only.empty() && file.key() != only)) continue;
            found = true;
            const std::string text = strip_escapes(file.value().get_string());
            if (context.settings.output == Output::name) {
                terminal.out << strip_escapes(file.key()) << '\n';
                continue;
            }
            if (only.empty())
                terminal.out << terminal.paint(Paint::bold,
                                               "==> " + strip_escapes(file.key()) + " <==")
                             << '\n';
            terminal.out << text << (text.ends_with('\n') || text.empty() ? "" : "\n");
        }
    }
    if (!only.empty() && !found)
        return terminal.fail(
            Error(Errc::not_found, "the package " + name + " has no text file " + only));
    if (bool_at(answer->as_object(), "truncated"))
        terminal.err << "not all files are shown: some are large or no text\n";
    return kDone;
}

}  // namespace

void add_package(CLI::App& app, Program& program) {
    auto* group = app.add_subcommand("package", "Packages and the code in them");
    group->require_subcommand(1);
    auto* list = group->add_subcommand("list", "Packages of the namespace");
    list->callback([&program] { program.action = list_packages; });
    add_package_builds(*group, program);
    auto* files = group->add_subcommand("files", "The text files of a package");
    auto name = std::make_shared<std::string>(), only = std::make_shared<std::string>();
    files->add_option("name", *name, "Name of the package")->type_name("NAME")->required();
    files->add_option("path", *only, "Only this file")->type_name("PATH");
    files->callback([&program, name, only] {
        program.action = [name, only](Context& context) {
            return show_files(context, *name, *only);
        };
    });
}

}  // namespace hearth::cli
