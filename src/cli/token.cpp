#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <ctime>
#include <memory>

#include "cli/objects.hpp"
#include "cli/program.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/base/quantity.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct TokenArguments {
    std::string name, role = "view", expires;
    bool all_namespaces = false;
};

/// "24h" from now, or a time as it is.
std::string end_of(const std::string& text) {
    auto age = base::parse_duration_ms(text);
    if (!age) return text;
    return base::to_rfc3339(std::chrono::system_clock::now() + std::chrono::milliseconds(*age));
}

int create(Context& context, const TokenArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    json::object metadata, spec, token;
    metadata["name"] = arguments.name;
    metadata["namespace"] = context.settings.ns;
    spec["role"] = arguments.role;
    if (arguments.all_namespaces) spec["allNamespaces"] = true;
    if (!arguments.expires.empty()) spec["expires"] = end_of(arguments.expires);
    token["apiVersion"] = "hearth/v1";
    token["kind"] = "ApiToken";
    token["metadata"] = std::move(metadata);
    token["spec"] = std::move(spec);
    auto answer = client->send("POST", object_target(context.settings.ns, "apitokens"),
                               json::serialize(token));
    if (!answer) return terminal.fail(answer.error());
    if (print_value(context, *answer)) return kDone;
    // The token alone on standard output, so that $(hearth token create …) holds it.
    terminal.out << text_at(answer->as_object(), "token") << '\n';
    terminal.err << "the token is shown this once; role " << arguments.role << ", "
                 << (arguments.all_namespaces ? std::string("every namespace")
                                              : "namespace " + context.settings.ns)
                 << '\n';
    return kDone;
}

int list_tokens(Context& context) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto list = client->get("/api/v1/apitokens");
    if (!list) return terminal.fail(list.error());
    print_items(context, model::Kind::api_token, *list);
    return kDone;
}

int remove(Context& context, const std::string& name) {
    auto client = context.client();
    if (!client) return context.terminal.fail(client.error());
    auto answer = client->send("DELETE", object_target(context.settings.ns, "apitokens", name), "");
    if (!answer) return context.terminal.fail(answer.error());
    if (!print_value(context, *answer))
        context.terminal.out << "apitoken/" << name << "  deleted\n";
    return kDone;
}

}  // namespace

void add_token(CLI::App& app, Program& program) {
    auto* group = app.add_subcommand("token", "Tokens for the API");
    group->require_subcommand(1);
    auto a = std::make_shared<TokenArguments>();
    auto* make = group->add_subcommand("create", "Make a token; it is printed this once");
    make->add_option("name", a->name, "Name of the token")->type_name("NAME")->required();
    make->add_option("--role", a->role, "view, call, deploy or admin (default: view)")
        ->type_name("ROLE")
        ->check(CLI::IsMember({"view", "call", "deploy", "admin"}).description(""));
    make->add_flag("--all-namespaces", a->all_namespaces, "Good for every namespace");
    make->add_option("--expires", a->expires, "When it ends: 24h, or a time")
        ->type_name("DURATION|TIME");
    make->callback(
        [&program, a] { program.action = [a](Context& context) { return create(context, *a); }; });
    auto* list = group->add_subcommand("list", "Tokens, without their texts");
    list->callback([&program] { program.action = list_tokens; });
    auto* drop = group->add_subcommand("delete", "End a token");
    auto name = std::make_shared<std::string>();
    drop->add_option("name", *name, "Name of the token")->type_name("NAME")->required();
    drop->callback([&program, name] {
        program.action = [name](Context& context) { return remove(context, *name); };
    });
}

}  // namespace hearth::cli
