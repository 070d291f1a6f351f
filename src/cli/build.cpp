#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <filesystem>
#include <memory>

#include "cli/build_follow.hpp"
#include "cli/deployment.hpp"
#include "cli/failure.hpp"
#include "cli/objects.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct BuildArguments {
    std::string what, env, name;
    bool detach = false;
};

/// The build's state, at its end or now.
int show(Context& context, Client& client, const std::string& package, bool detach) {
    Terminal& terminal = context.terminal;
    const bool plain =
        context.settings.output == Output::table || context.settings.output == Output::wide;
    if (!detach) {
        auto ended = follow_build(context, client, package, plain ? terminal.out : terminal.err);
        if (!ended) return terminal.fail(ended.error());
        if (!print_value(context, *ended) && !plain) terminal.out << "package/" << package << '\n';
        return build_outcome(context, *ended);
    }
    auto state = client.get(build_target(context, package));
    if (!state) return terminal.fail(state.error());
    if (print_value(context, *state)) return kDone;
    if (!plain) {
        terminal.out << "package/" << package << '\n';
        return kDone;
    }
    const auto& object = state->as_object();
    const auto reason = text_at(object, "reason");
    terminal.out << "package/" << package << ' ' << text_at(object, "buildstatus")
                 << (reason.empty() ? "" : ", " + reason) << '\n';
    return kDone;
}

int build_folder(Context& context, Client& client, const BuildArguments& arguments) {
    DeployArguments deploy;
    deploy.path = arguments.what;
    deploy.name = arguments.name;
    deploy.env = arguments.env;
    deploy.build = true;
    Deployment deployment(context, client, deploy);
    if (auto done = deployment.prepare(); done.has_error())
        return context.terminal.fail(done.error());
    auto sent = deployment.send_source();
    if (!sent) return context.terminal.fail(sent.error());
    return show(context, client, *deployment.to_build(), arguments.detach);
}

int build_package(Context& context, Client& client, const BuildArguments& arguments) {
    auto begun = client.send("POST", build_target(context, arguments.what), "");
    if (!begun) return context.terminal.fail(begun.error());
    return show(context, client, arguments.what, arguments.detach);
}

int build(Context& context, const BuildArguments& arguments) {
    auto client = context.client();
    if (!client) return context.terminal.fail(client.error());
    std::error_code ec;
    const bool path = arguments.what.find('/') != std::string::npos ||
                      std::filesystem::exists(arguments.what, ec);
    return path ? build_folder(context, *client, arguments)
                : build_package(context, *client, arguments);
}

}  // namespace

void add_build(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand(
        "build", "Make a deployment package from source, on the daemon's machine or cluster");
    auto a = std::make_shared<BuildArguments>();
    command
        ->add_option("what", a->what,
                     "Source folder or file, or the name of a package that is to be built again")
        ->type_name("DIR|PACKAGE")
        ->required();
    command->add_option("--env", a->env, "Environment (default: guessed from the files)")
        ->type_name("NAME");
    command->add_option("--name", a->name, "Name of the package (default: the folder's)")
        ->type_name("NAME");
    auto follow = std::make_shared<bool>(false);
    auto* stay = command->add_flag("-f,--follow", *follow,
                                   "Show the log and wait for the end, as it does by itself");
    command->add_flag("--detach", a->detach, "Only begin the build")->excludes(stay);
    command->callback([&program, a, follow] {
        program.action = [a](Context& context) { return build(context, *a); };
    });
}

}  // namespace hearth::cli
