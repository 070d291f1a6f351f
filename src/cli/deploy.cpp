#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <memory>

#include "cli/build_follow.hpp"
#include "cli/deployment.hpp"
#include "cli/failure.hpp"
#include "cli/objects.hpp"
#include "cli/results.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

/// Sends the source package and shows its build; the function is written once it is built.
int build_first(Context& context, Client& client, Deployment& deployment,
                const std::string& package) {
    Terminal& terminal = context.terminal;
    auto sent = deployment.send_source();
    if (!sent) return terminal.fail(sent.error());
    if (!deployment.reason().empty())
        terminal.err << "hearth: building, because of " << deployment.reason()
                     << " (--no-build leaves it out)\n";
    auto built = follow_build(context, client, package, terminal.err);
    if (!built) return terminal.fail(built.error());
    return build_outcome(context, *built);
}

/// Whether the write itself had the daemon load the function.
bool changes_function(const json::object& answer) {
    const auto* results = answer.if_contains("results");
    if (!results || !results->is_array()) return false;
    for (const auto& item : results->get_array()) {
        const auto* result = item.if_object();
        if (result && text_at(*result, "kind") == "Function")
            return text_at(*result, "action") != "unchanged";
    }
    return false;
}

int deploy(Context& context, const DeployArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    Deployment deployment(context, *client, arguments);
    if (auto done = deployment.prepare(); done.has_error()) return terminal.fail(done.error());
    if (const auto package = deployment.to_build()) {
        if (const int code = build_first(context, *client, deployment, *package); code != kDone)
            return code;
    }
    auto answer = deployment.send();
    if (!answer) return terminal.fail(answer.error());
    if (deployment.to_build() && !arguments.no_verify && !changes_function(*answer)) {
        if (auto tried = deployment.try_load(); tried.has_error()) {
            const int code = terminal.fail(tried.error());
            terminal.err << "hearth: the build is in place; calls fail until what it made loads\n";
            return code;
        }
    }
    if (print_value(context, *answer)) return kDone;
    print_results(context, *answer, "");
    if (context.settings.output == Output::name) return kDone;
    const auto* urls = answer->if_contains("urls");
    const bool routed = urls && urls->is_array() && !urls->get_array().empty();
    if (routed) {
        for (const auto& url : urls->get_array()) {
            if (url.is_string()) terminal.out << std::string_view(url.get_string()) << '\n';
        }
    } else if (arguments.cron.empty() && arguments.every.empty()) {
        const std::string name =
            arguments.name.empty() ? name_from_path(arguments.path) : arguments.name;
        terminal.out << "no route; call it with `hearth call " << name
                     << "`, or deploy with --route /PATH\n";
    }
    return kDone;
}

}  // namespace

void add_deploy(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand("deploy", "From a source file or folder to a live function");
    auto a = std::make_shared<DeployArguments>();
    const auto many = [command](const char* name, std::vector<std::string>& list, const char* what,
                                const char* type) {
        command->add_option(name, list, what)->type_name(type)->allow_extra_args(false);
    };
    command
        ->add_option("path", a->path, "Source file or folder; - reads one file from standard input")
        ->type_name("FILE|DIR|-")
        ->required();
    command->add_option("--name", a->name, "Name of the function (default: the file's)")
        ->type_name("NAME");
    command->add_option("--env", a->env, "Environment (default: guessed from the file)")
        ->type_name("NAME");
    command->add_option("--route", a->route, "Path it answers at; /x/{id} and /x/* as well")
        ->type_name("/PATH");
    many("--method", a->methods, "HTTP method of the route; repeatable (default: GET and POST)",
         "METHOD");
    command->add_option("--host", a->host, "Host of the route (default: any)")->type_name("HOST");
    auto* cron =
        command
            ->add_option("--cron", a->cron, "Schedule on which it is called, such as '0 2 * * *'")
            ->type_name("CRON");
    command
        ->add_option("--every", a->every, "Time from one call by a timer to the next, such as 5m")
        ->type_name("DURATION")
        ->excludes(cron);
    command->add_option("--tz", a->time_zone, "Time zone of --cron (default: UTC)")
        ->type_name("ZONE")
        ->needs(cron);
    command->add_option("--entry", a->entry, "Entry point, such as main.handler")
        ->type_name("TEXT");
    many("--env-var", a->variables, "Environment variable; repeatable", "NAME=VALUE");
    many("--secret", a->secrets, "Secret whose values appear as files; repeatable", "NAME");
    many("--configmap", a->config_maps, "ConfigMap whose values appear as files; repeatable",
         "NAME");
    command->add_option("--timeout", a->timeout, "Time a call may take, such as 30s")
        ->type_name("DURATION");
    command->add_option("--memory", a->memory, "Memory of one instance, such as 128Mi")
        ->type_name("QUANTITY");
    command->add_option("--cpu", a->cpu, "CPU of one instance, such as 500m")
        ->type_name("QUANTITY");
    command->add_option("--concurrency", a->concurrency, "Most instances")->type_name("N");
    command
        ->add_option("--requests-per-pod", a->requests_per_pod,
                     "Requests one instance works on at once")
        ->type_name("N");
    auto* build =
        command->add_flag("--build", a->build, "Build the code first, whatever files it has");
    command
        ->add_flag("--no-build", a->no_build,
                   "Load the code as it is, though it has a dependency file such as "
                   "requirements.txt")
        ->excludes(build);
    command->add_flag("--no-verify", a->no_verify, "Do not load the code before it is written");
    command->callback(
        [&program, a] { program.action = [a](Context& context) { return deploy(context, *a); }; });
}

}  // namespace hearth::cli
