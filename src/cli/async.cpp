#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>

#include "cli/failure.hpp"
#include "cli/objects.hpp"
#include "cli/program.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct AsyncArguments {
    std::string function, state, wait, body, method, target;
    std::vector<std::string> ids, headers;
    int limit = 100;
    bool all = false;
};

std::string calls_target(const Context& context, const std::string& id = "") {
    return object_target(context.settings.ns, "calls", id);
}

/// Calls `visit` with each call, newest first. Errors: the API's.
Result<void> each_call(Client& client, const Context& context, const AsyncArguments& arguments,
                       const std::function<void(const json::object&)>& visit) {
    std::string next;
    int left = arguments.limit;
    do {
        auto target = calls_target(context);
        add_query(target, "function", arguments.function);
        add_query(target, "state", arguments.state);
        add_query(target, "limit", std::to_string(std::clamp(left, 1, 500)));
        add_query(target, "continue", next);
        auto page = client.get(target);
        if (!page) return page.error();
        const auto& items = page->as_object().at("items").as_array();
        for (const auto& item : items) visit(item.as_object());
        left -= static_cast<int>(items.size());
        next = text_at(page->as_object(), "continue");
    } while (!next.empty() && left > 0);
    return {};
}

int list(Context& context, const AsyncArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    const auto now = std::chrono::system_clock::now();
    Table table({"ID", "FUNCTION", "STATE", "ATTEMPTS", "AGE", "REASON"});
    json::array items;
    auto done = each_call(*client, context, arguments, [&](const json::object& call) {
        items.push_back(call);
        const auto function = text_at(call, "function");
        table.add({text_at(call, "id"), function.empty() ? text_at(call, "url") : function,
                   text_at(call, "state"), std::to_string(integer_at(call, "attempts")),
                   age_of(text_at(call, "created"), now), text_at(call, "reason")});
    });
    if (done.has_error()) return terminal.fail(done.error());
    if (context.settings.output == Output::name) {
        for (const auto& item : items)
            terminal.out << "call/" << text_at(item.as_object(), "id") << '\n';
        return kDone;
    }
    json::object whole;
    whole["kind"] = "CallList";
    whole["items"] = std::move(items);
    if (print_value(context, whole)) return kDone;
    if (table.empty()) {
        terminal.err << "no calls\n";
    } else {
        table.print(terminal.out);
    }
    return kDone;
}

void print_history(Terminal& terminal, const json::object& call) {
    const auto* history = value_at(call, "history");
    if (history == nullptr || !history->is_array()) return;
    Table table({"ATTEMPT", "STARTED", "STATUS", "ERROR"});
    for (const auto& item : history->get_array()) {
        const auto& attempt = item.as_object();
        const auto status = integer_at(attempt, "status");
        table.add({std::to_string(integer_at(attempt, "number")), text_at(attempt, "started"),
                   status > 0 ? std::to_string(status) : "-",
                   strip_escapes(text_at(attempt, "error"))});
    }
    if (!table.empty()) table.print(terminal.out);
}

int get(Context& context, const AsyncArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto target = calls_target(context, arguments.ids.front());
    add_query(target, "wait", arguments.wait);
    auto answer = client->get(target);
    if (!answer) return terminal.fail(answer.error());
    if (print_value(context, *answer)) return kDone;
    const auto& call = answer->as_object();
    terminal.field("Id", text_at(call, "id"));
    terminal.field("Function", text_at(call, "function"));
    terminal.field("Address", text_at(call, "url"));
    terminal.field("State", text_at(call, "state"));
    terminal.field("Reason", text_at(call, "reason"));
    terminal.field("Message", text_at(call, "message"));
    terminal.field("Origin", text_at(call, "origin"));
    terminal.field("Created", text_at(call, "created"));
    terminal.field("Due", text_at(call, "due"));
    terminal.field("Ended", text_at(call, "ended"));
    terminal.field("Request",
                   text_at(call, "request.method") + " " + text_at(call, "request.target"));
    terminal.field("Body", text_at(call, "request.body"));
    if (const auto status = integer_at(call, "result.status"); status > 0)
        terminal.field("Status", std::to_string(status));
    terminal.field("Result", text_at(call, "result.body"));
    print_history(terminal, call);
    return kDone;
}

/// The ids that are named, or with --all those of all dead letters.
Result<std::vector<std::string>> chosen(Client& client, const Context& context,
                                        const AsyncArguments& arguments) {
    if (!arguments.all) return arguments.ids;
    auto wanted = arguments;
    wanted.state = "failed";
    wanted.limit = 1'000'000;
    std::vector<std::string> ids;
    auto done = each_call(client, context, wanted,
                          [&](const json::object& call) { ids.push_back(text_at(call, "id")); });
    if (done.has_error()) return done.error();
    return ids;
}

bool nothing_chosen(const AsyncArguments& arguments) {
    return arguments.ids.empty() && !arguments.all;
}

const Error kNothingChosen(Errc::invalid_argument, "name calls by their ids, or give --all");

/// A fault of the command line that its parser cannot see.
int wrong_usage(Terminal& terminal, const Error& error) {
    terminal.fail(error);
    return kUsage;
}

int redrive(Context& context, const AsyncArguments& arguments) {
    Terminal& terminal = context.terminal;
    if (nothing_chosen(arguments)) return wrong_usage(terminal, kNothingChosen);
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto ids = chosen(*client, context, arguments);
    if (!ids) return terminal.fail(ids.error());
    for (const auto& id : *ids) {
        auto answer = client->send("POST", calls_target(context, id) + "/redrive", "");
        if (!answer) return terminal.fail(answer.error());
        terminal.out << "call/" << id << " redriven\n";
    }
    if (ids->empty()) terminal.err << "no dead letters\n";
    return kDone;
}

int purge(Context& context, const AsyncArguments& arguments) {
    Terminal& terminal = context.terminal;
    if (nothing_chosen(arguments)) return wrong_usage(terminal, kNothingChosen);
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    std::int64_t removed = 0;
    std::vector<std::string> targets;
    for (const auto& id : arguments.ids) targets.push_back(calls_target(context, id));
    if (arguments.all) {
        auto target = calls_target(context);
        add_query(target, "function", arguments.function);
        add_query(target, "state", arguments.state);
        targets.push_back(std::move(target));
    }
    for (const auto& target : targets) {
        auto answer = client->send("DELETE", target, "");
        if (!answer) return terminal.fail(answer.error());
        removed += integer_at(answer->as_object(), "removed");
    }
    terminal.out << removed << (removed == 1 ? " call removed\n" : " calls removed\n");
    return kDone;
}

int edit(Context& context, const AsyncArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    json::object change;
    if (!arguments.method.empty()) change["method"] = arguments.method;
    if (!arguments.target.empty()) change["target"] = arguments.target;
    if (!arguments.body.empty()) change["body"] = arguments.body;
    if (!arguments.headers.empty()) {
        auto& headers = change["headers"].emplace_object();
        for (const auto& header : arguments.headers) {
            const auto colon = header.find(':');
            if (colon == std::string::npos)
                return wrong_usage(terminal,
                                   Error(Errc::invalid_argument,
                                         "\"" + header + "\" is no header: write NAME: VALUE"));
            const auto value = header.find_first_not_of(' ', colon + 1);
            headers[header.substr(0, colon)] =
                value == std::string::npos ? "" : header.substr(value);
        }
    }
    if (change.empty())
        return wrong_usage(terminal, Error(Errc::invalid_argument,
                                           "nothing is to be changed: give --body, --method, "
                                           "--target or --header (which replaces "
                                           "all headers)"));
    auto answer = client->send("PATCH", calls_target(context, arguments.ids.front()),
                               json::serialize(change));
    if (!answer) return terminal.fail(answer.error());
    if (!print_value(context, *answer))
        terminal.out << "call/" << arguments.ids.front() << " changed; `hearth async redrive "
                     << arguments.ids.front() << "` calls it again\n";
    return kDone;
}

CLI::Option* add_ids(CLI::App& command, AsyncArguments& arguments, std::size_t most) {
    auto* ids = command.add_option("id", arguments.ids, "Id of the call")->type_name("ID");
    if (most == 1) ids->expected(1)->required();
    return ids;
}

using Action = int (*)(Context&, const AsyncArguments&);

void run(CLI::App& command, Program& program, std::shared_ptr<AsyncArguments> a, Action action) {
    command.callback([&program, a, action] {
        program.action = [a, action](Context& context) { return action(context, *a); };
    });
}

void add_choice(CLI::App& command, AsyncArguments& a, const std::string& all) {
    auto* ids = add_ids(command, a, 0);
    auto* every = command.add_flag("--all", a.all, all);
    ids->excludes(every);
    command.add_option("--function", a.function, "With --all: only calls of this function")
        ->type_name("NAME")
        ->needs(every);
}

}  // namespace

void add_async(CLI::App& app, Program& program) {
    auto* group = app.add_subcommand("async", "Asynchronous calls: results and dead letters");
    group->require_subcommand(1);
    const auto make = [] { return std::make_shared<AsyncArguments>(); };
    auto a = make();
    auto* command = group->add_subcommand("list", "Calls of the namespace, newest first");
    command->add_option("--function", a->function, "Only calls of this function")
        ->type_name("NAME");
    command->add_option("--state", a->state, "Only calls in this state; failed: dead letters")
        ->type_name("waiting|running|succeeded|failed");
    command->add_option("--limit", a->limit, "Most calls to show (default 100)")->type_name("N");
    run(*command, program, a, list);
    a = make();
    command = group->add_subcommand("get", "One call: request, attempts and result");
    add_ids(*command, *a, 1);
    command->add_option("--wait", a->wait, "Until it has ended, at most this long")
        ->type_name("30s");
    run(*command, program, a, get);
    a = make();
    command = group->add_subcommand("redrive", "Call dead letters again");
    add_choice(*command, *a, "All dead letters");
    run(*command, program, a, redrive);
    a = make();
    command =
        group->add_subcommand("purge", "Remove calls that have ended; a waiting one is ended");
    add_choice(*command, *a, "All that have ended");
    command->add_option("--state", a->state, "With --all: only those in this state")
        ->type_name("succeeded|failed");
    run(*command, program, a, purge);
    a = make();
    command = group->add_subcommand("edit", "Change the request of a dead letter");
    add_ids(*command, *a, 1);
    command->add_option("--body", a->body, "New body")->type_name("TEXT");
    command->add_option("--method", a->method, "New method")->type_name("METHOD");
    command->add_option("--target", a->target, "New path and query")->type_name("PATH");
    command->add_option("--header", a->headers, "New headers, instead of all there are")
        ->type_name("NAME: VALUE");
    run(*command, program, a, edit);
}

}  // namespace hearth::cli
