#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <memory>

#include "cli/documents.hpp"
#include "cli/objects.hpp"
#include "cli/program.hpp"
#include "cli/results.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct ApplyArguments {
    std::vector<std::string> files;
    bool dry_run = false, prune = false, verify = false;
    std::string set;
};

void print_warnings(Terminal& terminal, const std::vector<model::Fault>& warnings) {
    for (const auto& warning : warnings) {
        terminal.err << terminal.paint(Paint::yellow, "warning:") << ' '
                     << strip_escapes(model::to_string(warning)) << '\n';
    }
}

int refuse(Terminal& terminal, const std::vector<model::Fault>& faults) {
    terminal.err << strip_escapes(fault_text(faults));
    terminal.err << terminal.paint(Paint::red, "hearth:") << ' ' << faults.size()
                 << (faults.size() == 1 ? " fault" : " faults") << "; nothing was sent\n";
    return kRefused;
}

std::string apply_target(const Context& context, const ApplyArguments& arguments,
                         const Documents& documents) {
    std::string target = "/api/v1/apply";
    add_query(target, "namespace", context.settings.ns);
    add_query(target, "file", "documents");
    add_query(target, "set", arguments.set.empty() ? documents.set : arguments.set);
    if (arguments.dry_run) add_query(target, "dryRun", "true");
    if (arguments.prune) add_query(target, "prune", "true");
    if (arguments.verify) add_query(target, "verify", "true");
    return target;
}

/// Reads, checks, packs and sends. `failed` has the exit code when there is no answer.
std::optional<json::object> send_documents(Context& context, const ApplyArguments& arguments,
                                           int& failed) {
    Terminal& terminal = context.terminal;
    const auto give_up = [&](const Error& error) {
        failed = terminal.fail(error);
        return std::optional<json::object>();
    };
    auto documents = read_documents(arguments.files, terminal.in, context.settings.ns);
    if (!documents) return give_up(documents.error());
    if (!documents->faults.empty()) {
        failed = refuse(terminal, documents->faults);
        return std::nullopt;
    }
    // The server tells the same warnings of what it is sent; those of the archives are the command
    // line's own.
    for (const auto& warning : documents->warnings) {
        if (warning.path == "name") print_warnings(terminal, {warning});
    }
    if (documents->documents.empty())
        return give_up(Error(Errc::invalid_argument, "there is no document to send"));
    auto client = context.client();
    if (!client) return give_up(client.error());
    if (auto packed = resolve_archives(*documents, *client); packed.has_error())
        return give_up(packed.error());
    client->edit_problems(
        [&](json::object& problem) { rename_places(problem, documents->documents); });
    auto answer = client->send("POST", apply_target(context, arguments, *documents),
                               request_body(documents->documents), "application/json",
                               std::chrono::seconds(600));
    if (!answer) return give_up(answer.error());
    if (!answer->is_object())
        return give_up(Error(Errc::io, "the daemon's answer is no JSON object"));
    return std::move(answer->get_object());
}

int apply(Context& context, const ApplyArguments& arguments) {
    int failed = kFailed;
    auto answer = send_documents(context, arguments, failed);
    if (!answer) return failed;
    if (print_value(context, *answer)) return kDone;
    print_results(context, *answer, arguments.dry_run ? " (dry run)" : "");
    return kDone;
}

int diff(Context& context, ApplyArguments arguments) {
    arguments.dry_run = true;
    int failed = kFailed;
    auto answer = send_documents(context, arguments, failed);
    if (!answer) return failed;
    if (print_value(context, *answer)) {
        for (const auto& item : answer->at("results").as_array()) {
            if (text_at(item.as_object(), "action") != "unchanged") return kFailed;
        }
        return kDone;
    }
    return print_diff(context, *answer) ? kFailed : kDone;
}

int validate(Context& context, const std::vector<std::string>& files) {
    Terminal& terminal = context.terminal;
    auto documents = read_documents(files, terminal.in, context.settings.ns);
    if (!documents) return terminal.fail(documents.error());
    if (context.settings.output == Output::json || context.settings.output == Output::yaml) {
        json::object out;
        json::array errors, warnings;
        for (const auto& fault : documents->faults) errors.push_back(model::to_json(fault));
        for (const auto& fault : documents->warnings) warnings.push_back(model::to_json(fault));
        out["valid"] = errors.empty();
        out["errors"] = std::move(errors);
        out["warnings"] = std::move(warnings);
        print_value(context, out);
        return documents->faults.empty() ? kDone : kRefused;
    }
    print_warnings(terminal, documents->warnings);
    const std::size_t count = documents->documents.size();
    if (documents->faults.empty()) {
        terminal.out << count << (count == 1 ? " document is valid\n" : " documents are valid\n");
        return kDone;
    }
    terminal.err << strip_escapes(fault_text(documents->faults));
    terminal.err << terminal.paint(Paint::red, "hearth:") << ' ' << documents->faults.size()
                 << (documents->faults.size() == 1 ? " fault\n" : " faults\n");
    return kRefused;
}

void add_files(CLI::App& command, std::vector<std::string>& files) {
    command
        .add_option(
            "-f,--file,files", files,
            "File, folder (*.yaml, *.yml, *.json at any depth) or - for standard input; repeatable")
        ->type_name("FILE|DIR|-")
        ->required()
        ->allow_extra_args(false);
}

}  // namespace

void add_apply(CLI::App& app, Program& program) {
    auto* command =
        app.add_subcommand("apply", "Write the documents of files and folders, all or nothing");
    auto arguments = std::make_shared<ApplyArguments>();
    add_files(*command, arguments->files);
    command->add_flag("--dry-run", arguments->dry_run, "Say what would happen, write nothing");
    command->add_flag("--verify", arguments->verify,
                      "Load each new or changed function once before anything is written");
    command
        ->add_option("--set", arguments->set,
                     "Name of the set these documents make up; they get it as a label")
        ->type_name("NAME");
    command->add_flag("--prune", arguments->prune,
                      "Remove what belongs to the set and is not among the documents");
    command->callback([&program, arguments] {
        program.action = [arguments](Context& context) { return apply(context, *arguments); };
    });

    auto* compare = app.add_subcommand(
        "diff", "Show what apply would change; exit code 1 when there is anything");
    auto compared = std::make_shared<ApplyArguments>();
    add_files(*compare, compared->files);
    compare->add_option("--set", compared->set, "As for apply")->type_name("NAME");
    compare->add_flag("--prune", compared->prune, "As for apply");
    compare->callback([&program, compared] {
        program.action = [compared](Context& context) { return diff(context, *compared); };
    });
}

void add_validate(CLI::App& app, Program& program) {
    auto* command =
        app.add_subcommand("validate", "Check files without a daemon: every fault with its place");
    auto files = std::make_shared<std::vector<std::string>>();
    add_files(*command, *files);
    command->callback([&program, files] {
        program.action = [files](Context& context) { return validate(context, *files); };
    });
}

}  // namespace hearth::cli
