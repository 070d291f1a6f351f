#include "cli/usage.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <utility>

namespace hearth::cli {
namespace {

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
        }
    }
    return row[b.size()];
}

std::vector<std::string> commands_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* child : app.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(child->get_name());
    return names;
}

void add_options_of(const CLI::App& app, std::vector<std::string>& names) {
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
        for (const auto& name : option->get_snames()) names.push_back("-" + name);
    }
}

std::string suggestion(std::string_view typed, const std::vector<std::string>& known) {
    const auto near = nearest(typed, known);
    return near.empty() ? std::string() : "; did you mean " + near + "?";
}

/// A long option of the command line that is none of `known`; empty when each is.
std::string unknown_option(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& known) {
    for (const auto& argument : arguments) {
        if (argument == "--") break;
        if (!argument.starts_with("--") || argument.size() < 3) continue;
        const auto name = argument.substr(0, argument.find('='));
        if (std::find(known.begin(), known.end(), name) == known.end()) return name;
    }
    return {};
}

}  // namespace

std::string nearest(std::string_view typed, const std::vector<std::string>& known) {
    std::size_t best = 3;
    std::string found;
    for (const auto& name : known) {
        const auto far = distance(typed, name);
        if (far >= best || far >= typed.size()) continue;
        best = far;
        found = name;
    }
    return found;
}

std::string usage_fault(const CLI::App& app, const std::vector<std::string>& arguments,
                        std::string_view reason) {
    const CLI::App* command = &app;
    std::string path = "hearth", message(reason);
    std::vector<std::string> options;
    add_options_of(app, options);
    bool after_option = false;  // then it may be the option's value
    for (const auto& argument : arguments) {
        const auto children = commands_of(*command);
        if (children.empty()) break;
        const bool value = std::exchange(after_option, argument.starts_with("-"));
        if (value || argument.starts_with("-")) continue;
        if (std::find(children.begin(), children.end(), argument) == children.end()) {
            message = "there is no command \"" + argument + "\"" + suggestion(argument, children);
            break;
        }
        command = command->get_subcommand(argument);
        path += " " + argument;
        add_options_of(*command, options);
    }
    const auto option = unknown_option(arguments, options);
    if (!option.empty() && command != &app)
        message = path + " has no option " + option + suggestion(option, options);
    return "hearth: " + message + "\nRun `" + path + " --help` for more information.\n";
}

}  // namespace hearth::cli
