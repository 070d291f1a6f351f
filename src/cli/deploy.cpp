#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <filesystem>
#include <memory>

#include "cli/compose.hpp"
#include "cli/documents.hpp"
#include "cli/objects.hpp"
#include "cli/pack.hpp"
#include "cli/program.hpp"
#include "cli/results.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::cli {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

/// One deployment from arguments to its answer.
class Deployment {
 public:
    Deployment(Context& context, Client& client, DeployArguments arguments)
        : context_(context), client_(client), arguments_(std::move(arguments)) {}

    Result<json::object> run() {
        if (auto done = find_code(); done.has_error()) return done.error();
        if (auto done = find_environment(); done.has_error()) return done.error();
        if (auto done = compose(); done.has_error()) return done.error();
        return send();
    }

 private:
    Result<void> find_code() {
        std::error_code ec;
        const fs::path path = arguments_.path;
        if (fs::is_directory(path, ec)) {
            auto files = folder_files(path);
            if (!files) return files.error();
            files_ = std::move(*files);
        } else if (fs::exists(path, ec)) {
            files_.emplace(path.filename().string(), path);
        } else {
            return Error(Errc::not_found, "there is no file or folder " + arguments_.path);
        }
        if (arguments_.name.empty()) arguments_.name = name_from_path(arguments_.path);
        if (arguments_.name.empty()) {
            return Error(Errc::invalid_argument,
                         "no name can be made of " + arguments_.path + "; give one with --name");
        }
        return {};
    }

    /// The object as it is, or nothing.
    Result<std::optional<json::object>> find(model::Kind kind, const std::string& name) {
        auto value =
            client_.get(object_target(context_.settings.ns, model::table(kind).plural, name));
        if (!value && value.error().code == Errc::not_found) return std::optional<json::object>();
        if (!value) return value.error();
        if (!value->is_object()) return Error(Errc::io, "the daemon's answer is no JSON object");
        return std::optional<json::object>(std::move(value->get_object()));
    }

    Result<void> find_environment() {
        if (!arguments_.env.empty()) {
            auto there = find(model::Kind::environment, arguments_.env);
            if (!there) return there.error();
            env_ = arguments_.env;
            if (*there) return {};
        }
        auto info = client_.get("/api/v1/system/info");
        if (!info) return info.error();
        json::array offers;
        if (info->is_object()) {
            const auto* list = info->get_object().if_contains("environments");
            if (list && list->is_array()) offers = list->get_array();
        }
        std::vector<std::string> names;
        for (const auto& [name, file] : files_) {
            if (name.find("node_modules/") == std::string::npos) names.push_back(name);
        }
        auto offer = pick_environment(offers, arguments_.env, names);
        if (!offer) return offer.error();
        env_ = text_at(*offer, "name");
        auto there = find(model::Kind::environment, env_);
        if (!there) return there.error();
        if (!*there) add(compose_environment(context_.settings.ns, env_, text_at(*offer, "image")));
        return {};
    }

    Result<void> compose() {
        const std::string& ns = context_.settings.ns;
        auto archive = pack(files_, false, client_);
        if (!archive) return archive.error();
        add(compose_package(arguments_, ns, env_, std::move(*archive)));
        auto function = find(model::Kind::function, arguments_.name);
        if (!function) return function.error();
        auto composed = compose_function(arguments_, ns, env_, *function ? &**function : nullptr);
        if (!composed) return composed.error();
        add(std::move(*composed));
        if (arguments_.route.empty()) return {};
        auto trigger = find(model::Kind::http_trigger, arguments_.name);
        if (!trigger) return trigger.error();
        auto route = compose_trigger(arguments_, ns, *trigger ? &**trigger : nullptr);
        if (!route) return route.error();
        add(std::move(*route));
        return {};
    }

    Result<json::object> send() {
        std::vector<model::Fault> faults;
        for (const auto& document : documents_) {
            auto checked = model::check(document, context_.settings.ns, model::Target::any);
            for (auto& fault : checked.faults) faults.push_back(std::move(fault));
        }
        if (!faults.empty()) {
            Error error(Errc::invalid_argument, "the function cannot be deployed like this");
            error.detail = fault_text(faults);
            return error;
        }
        std::string target = "/api/v1/apply";
        add_query(target, "namespace", context_.settings.ns);
        add_query(target, "file", "deploy");
        if (!arguments_.no_verify) add_query(target, "verify", "true");
        client_.edit_problems(
            [this](json::object& problem) { rename_places(problem, documents_); });
        auto answer = client_.send("POST", target, request_body(documents_), "application/json",
                                   std::chrono::seconds(600));
        if (!answer) return answer.error();
        if (!answer->is_object()) return Error(Errc::io, "the daemon's answer is no JSON object");
        return std::move(answer->get_object());
    }

    void add(json::object object) {
        model::Document document;
        document.file = short_name(object);
        document.value = std::move(object);
        documents_.push_back(std::move(document));
    }

    Context& context_;
    Client& client_;
    DeployArguments arguments_;
    FileSet files_;
    std::string env_;
    std::vector<model::Document> documents_;
};

int deploy(Context& context, const DeployArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto answer = Deployment(context, *client, arguments).run();
    if (!answer) return terminal.fail(answer.error());
    if (print_value(context, *answer)) return kDone;
    print_results(context, *answer, "");
    if (context.settings.output == Output::name) return kDone;
    const auto* urls = answer->if_contains("urls");
    const bool routed = urls && urls->is_array() && !urls->get_array().empty();
    if (routed) {
        for (const auto& url : urls->get_array()) {
            if (url.is_string()) terminal.out << std::string_view(url.get_string()) << '\n';
        }
    } else {
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
    command->add_option("path", a->path, "Source file or folder")
        ->type_name("FILE|DIR")
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
    command->add_flag("--no-verify", a->no_verify, "Do not load the code before it is written");
    command->callback(
        [&program, a] { program.action = [a](Context& context) { return deploy(context, *a); }; });
}

}  // namespace hearth::cli
