#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <fstream>
#include <memory>

#include "cli/build_follow.hpp"
#include "cli/failure.hpp"
#include "cli/objects.hpp"
#include "cli/package_builds.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

void print_line(Terminal& terminal, std::string_view title, const std::string& text) {
    if (text.empty()) return;
    std::string head(title);
    head.resize(std::max<std::size_t>(head.size() + 1, 14), ' ');
    terminal.out << terminal.paint(Paint::bold, head) << strip_escapes(text) << '\n';
}

int describe_package(Context& context, const std::string& name) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto answer = client->get(object_target(context.settings.ns, "packages", name));
    if (!answer) return terminal.fail(answer.error());
    if (print_value(context, *answer)) return kDone;
    const auto& package = answer->as_object();
    print_line(terminal, "Name", text_at(package, "metadata.namespace") + "/" + name);
    print_line(terminal, "Environment", text_at(package, "spec.environment.name"));
    print_line(terminal, "Build", text_at(package, "status.buildstatus"));
    print_line(terminal, "Reason", text_at(package, "status.reason"));
    print_line(terminal, "Error", text_at(package, "status.error"));
    print_line(terminal, "Command", text_at(package, "spec.buildcmd"));
    print_line(terminal, "Source", text_at(package, "spec.source.checksum.sum"));
    print_line(terminal, "Deployment", text_at(package, "spec.deployment.checksum.sum"));
    if (const auto size = integer_at(package, "spec.size"); size > 0)
        print_line(terminal, "Size", bytes_text(static_cast<std::uint64_t>(size)));
    print_line(terminal, "Started", text_at(package, "status.startedAt"));
    print_line(terminal, "Finished", text_at(package, "status.finishedAt"));
    if (const auto log = text_at(package, "status.buildlog"); !log.empty())
        terminal.out << terminal.paint(Paint::bold, "Log (its end)") << '\n' << strip_escapes(log);
    return kDone;
}

int rebuild(Context& context, const std::string& name, bool follow) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto begun = client->send("POST", build_target(context, name), "");
    if (!begun) return terminal.fail(begun.error());
    if (follow) {
        auto ended = follow_build(context, *client, name, terminal.out);
        if (!ended) return terminal.fail(ended.error());
        return build_outcome(context, *ended);
    }
    if (print_value(context, *begun)) return kDone;
    terminal.out << "package/" << name << ' ' << text_at(begun->as_object(), "buildstatus") << '\n';
    return kDone;
}

int cancel(Context& context, const std::string& name) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto ended = client->send("DELETE", build_target(context, name), "");
    if (!ended) return terminal.fail(ended.error());
    if (print_value(context, *ended)) return kDone;
    terminal.out << "package/" << name << " build cancelled\n";
    return kDone;
}

int logs(Context& context, const std::string& name, bool follow) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    std::string target = build_target(context, name) + "/log";
    if (follow) add_query(target, "follow", "true");
    const auto print = [&](std::string_view bytes) {
        terminal.out << strip_escapes(bytes) << std::flush;
        return terminal.out.good();
    };
    auto ended = client->text(target, print);
    return ended.has_error() ? terminal.fail(ended.error()) : kDone;
}

int list_builds(Context& context) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto answer = client->get("/api/v1/builds");
    if (!answer) return terminal.fail(answer.error());
    if (print_value(context, *answer)) return kDone;
    Table table({"NAMESPACE", "PACKAGE", "BUILD", "REASON"});
    const auto* items = answer->as_object().if_contains("items");
    if (items && items->is_array()) {
        for (const auto& item : items->get_array()) {
            if (!item.is_object()) continue;
            const auto& build = item.get_object();
            table.add({text_at(build, "namespace"), text_at(build, "package"),
                       text_at(build, "buildstatus"), text_at(build, "reason")});
        }
    }
    if (table.empty()) {
        terminal.err << "no build runs or waits\n";
    } else {
        table.print(terminal.out);
    }
    return kDone;
}

/// What a file of those bytes is called.
std::string extension_of(std::string_view bytes) {
    if (bytes.starts_with("PK\x03\x04")) return ".zip";
    if (bytes.starts_with("\x1f\x8b")) return ".tar.gz";
    if (bytes.starts_with("\x28\xb5\x2f\xfd")) return ".tar.zst";
    return "";
}

int download(Context& context, const std::string& name, bool source, std::string file) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto package = client->get(object_target(context.settings.ns, "packages", name));
    if (!package) return terminal.fail(package.error());
    const std::string side = source ? "source" : "deployment";
    const auto digest = text_at(package->as_object(), "spec." + side + ".checksum.sum");
    if (digest.empty())
        return terminal.fail(
            Error(Errc::not_found, "the package " + name + " has no " + side + " archive"));
    const bool to_output = file == "-";
    std::ofstream out;
    std::uint64_t bytes = 0;
    const auto write = [&](std::string_view piece) {
        if (to_output) {
            terminal.out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
            return terminal.out.good();
        }
        if (!out.is_open()) {
            if (file.empty()) file = name + extension_of(piece);
            out.open(file, std::ios::binary | std::ios::trunc);
        }
        bytes += piece.size();
        return out.write(piece.data(), static_cast<std::streamsize>(piece.size())).good();
    };
    auto done = client->text("/api/v1/archives/" + digest, write);
    if (done.has_error()) return terminal.fail(done.error());
    if (to_output) return kDone;
    out.close();
    if (!out) return terminal.fail(Error(Errc::io, file + " cannot be written"));
    terminal.out << file << ' ' << bytes_text(bytes) << '\n';
    return kDone;
}

}  // namespace

void add_package_builds(CLI::App& group, Program& program) {
    const auto named = [&](const char* word, const char* what, std::shared_ptr<std::string> name) {
        auto* command = group.add_subcommand(word, what);
        command->add_option("name", *name, "Name of the package")->type_name("NAME")->required();
        return command;
    };
    auto name = std::make_shared<std::string>(), file = std::make_shared<std::string>();
    auto follow = std::make_shared<bool>(false), source = std::make_shared<bool>(false);
    named("describe", "A package, its archives and its newest build", name)
        ->callback([&program, name] {
            program.action = [name](Context& context) { return describe_package(context, *name); };
        });
    auto* again = named("rebuild", "Build a source package again", name);
    again->add_flag("-f,--follow", *follow, "Show the log and wait for the end");
    again->callback([&program, name, follow] {
        program.action = [=](Context& context) { return rebuild(context, *name, *follow); };
    });
    named("cancel", "End a build that waits or runs", name)->callback([&program, name] {
        program.action = [name](Context& context) { return cancel(context, *name); };
    });
    auto* log = named("logs", "The log of the newest build", name);
    log->add_flag("-f,--follow", *follow, "Go on until the build ends");
    log->callback([&program, name, follow] {
        program.action = [=](Context& context) { return logs(context, *name, *follow); };
    });
    auto* fetch = named("download", "The archive of a package as a file", name);
    fetch->add_flag("--source", *source, "The source archive (default: the deployment archive)");
    fetch->add_option("-O,--file", *file, "File to write; - is the output")->type_name("FILE");
    fetch->callback([&program, name, source, file] {
        program.action = [=](Context& context) { return download(context, *name, *source, *file); };
    });
    group.add_subcommand("builds", "Builds that run or wait")->callback([&program] {
        program.action = list_builds;
    });
}

}  // namespace hearth::cli
