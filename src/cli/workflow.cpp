#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>

#include "cli/failure.hpp"
#include "cli/objects.hpp"
#include "cli/program.hpp"
#include "hearth/model/document.hpp"
#include "hearth/model/workflow.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct WorkflowArguments {
    std::string name, id, input, phase, wait, key, file;
    int limit = 100;
    bool io = false, start_only = false;
};

std::string runs_target(const Context& context, const std::string& id = "") {
    return object_target(context.settings.ns, "workflowruns", id);
}

/// Text itself, `@FILE`, or `-` for standard input.
Result<std::string> input_text(Context& context, const std::string& given) {
    if (given == "-") return std::string(std::istreambuf_iterator<char>(context.terminal.in), {});
    if (!given.starts_with('@')) return given;
    std::ifstream in(given.substr(1), std::ios::binary);
    if (!in) return Error(Errc::not_found, "the file " + given.substr(1) + " cannot be read");
    return std::string(std::istreambuf_iterator<char>(in), {});
}

void print_steps(Terminal& terminal, const json::object& run, bool io) {
    const auto* steps = value_at(run, "status.steps");
    if (steps == nullptr || !steps->is_array()) return;
    Table table({"STEP", "STATE", "TYPE", "BRANCH", "STATUS", "ATTEMPTS", "ENTERED", "ERROR"});
    for (const auto& item : steps->get_array()) {
        const auto& step = item.as_object();
        const auto* attempts = value_at(step, "attempts");
        const auto error = text_at(step, "errorType");
        table.add({std::to_string(integer_at(step, "number")), text_at(step, "state"),
                   text_at(step, "type"), text_at(step, "branch"), text_at(step, "status"),
                   attempts ? std::to_string(attempts->as_array().size()) : "-",
                   text_at(step, "entered"),
                   strip_escapes(error.empty() ? error : error + ": " + text_at(step, "cause"))});
    }
    if (!table.empty()) table.print(terminal.out);
    if (!io) return;
    for (const auto& item : steps->get_array()) {
        const auto& step = item.as_object();
        terminal.out << "\nStep " << integer_at(step, "number") << " " << text_at(step, "state")
                     << '\n';
        for (const char* key : {"input", "output"}) {
            const auto* value = value_at(step, key);
            if (value) terminal.out << "  " << key << ": " << json::serialize(*value) << '\n';
        }
    }
}

void print_run(Context& context, const json::object& run, bool io) {
    Terminal& terminal = context.terminal;
    terminal.field("Run", text_at(run, "metadata.name"));
    terminal.field("Workflow", text_at(run, "spec.workflowRef"));
    terminal.field("Phase", text_at(run, "status.phase"));
    terminal.field("Error", text_at(run, "status.errorType"));
    terminal.field("Cause", text_at(run, "status.cause"));
    terminal.field("Origin", text_at(run, "status.origin"));
    terminal.field("Started", text_at(run, "status.startedAt"));
    terminal.field("Finished", text_at(run, "status.finishedAt"));
    if (const auto* input = value_at(run, "spec.input"))
        terminal.field("Input", json::serialize(*input));
    if (const auto* output = value_at(run, "status.output"))
        terminal.field("Output", json::serialize(*output));
    print_steps(terminal, run, io);
}

std::string run_name(const json::object& run) {
    return "workflowrun/" + text_at(run, "metadata.name");
}

/// Prints a run in the form that was asked for; a run that did not succeed is a failure.
int show(Context& context, const json::value& answer, bool io) {
    const auto& run = answer.as_object();
    const auto phase = text_at(run, "status.phase");
    if (context.settings.output == Output::name)
        context.terminal.out << run_name(run) << '\n';
    else if (!print_value(context, answer))
        print_run(context, run, io);
    return phase == "Running" || phase == "Succeeded" ? kDone : kFailed;
}

int run(Context& context, const WorkflowArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto text = input_text(context, arguments.input);
    if (!text) return terminal.fail(text.error());
    json::object body;
    body["workflowRef"] = arguments.name;
    if (!text->empty()) {
        auto input = model::parse_json(*text);
        if (!input)
            return terminal.fail(
                Error(Errc::invalid_argument, "--input is no JSON: " + input.error().message));
        body["input"] = std::move(*input);
    }
    auto answer = client->send("POST", runs_target(context), json::serialize(body));
    if (!answer) return terminal.fail(answer.error());
    const auto id = text_at(answer->as_object(), "metadata.name");
    if (arguments.start_only) {
        if (context.settings.output == Output::name || !print_value(context, *answer))
            terminal.out << "workflowrun/" << id << '\n';
        return kDone;
    }
    // The daemon answers after a minute at the latest; the run may take longer.
    while (text_at(answer->as_object(), "status.phase") == "Running") {
        auto target = runs_target(context, id);
        add_query(target, "wait", "30s");
        answer = client->get(target);
        if (!answer) return terminal.fail(answer.error());
    }
    return show(context, *answer, false);
}

int list(Context& context, const WorkflowArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    const auto now = std::chrono::system_clock::now();
    const bool wide = context.settings.output == Output::wide;
    std::vector<std::string> titles{"RUN", "WORKFLOW", "PHASE", "AGE", "ERROR"};
    if (wide) titles.insert(titles.end(), {"ORIGIN", "FINISHED"});
    Table table(titles);
    json::array items;
    std::string next;
    int left = arguments.limit;
    do {
        auto target = runs_target(context);
        add_query(target, "workflow", arguments.name);
        add_query(target, "phase", arguments.phase);
        add_query(target, "limit", std::to_string(std::clamp(left, 1, 500)));
        add_query(target, "continue", next);
        auto page = client->get(target);
        if (!page) return terminal.fail(page.error());
        for (const auto& item : page->as_object().at("items").as_array()) {
            const auto& one = item.as_object();
            std::vector<std::string> cells{text_at(one, "metadata.name"),
                                           text_at(one, "spec.workflowRef"),
                                           text_at(one, "status.phase"),
                                           age_of(text_at(one, "metadata.creationTimestamp"), now),
                                           text_at(one, "status.errorType")};
            if (wide)
                cells.insert(cells.end(),
                             {text_at(one, "status.origin"), text_at(one, "status.finishedAt")});
            table.add(std::move(cells));
            items.push_back(item);
            --left;
        }
        next = text_at(page->as_object(), "metadata.continue");
    } while (!next.empty() && left > 0);
    if (context.settings.output == Output::name) {
        for (const auto& item : items) terminal.out << run_name(item.as_object()) << '\n';
        return kDone;
    }
    json::object whole;
    whole["kind"] = "WorkflowRunList";
    whole["items"] = std::move(items);
    if (print_value(context, whole)) return kDone;
    if (table.empty()) {
        terminal.err << "no runs\n";
    } else {
        table.print(terminal.out);
    }
    return kDone;
}

int describe(Context& context, const WorkflowArguments& arguments) {
    auto client = context.client();
    if (!client) return context.terminal.fail(client.error());
    auto target = runs_target(context, arguments.id);
    add_query(target, "wait", arguments.wait);
    if (arguments.io) add_query(target, "io", "true");
    auto answer = client->get(target);
    if (!answer) return context.terminal.fail(answer.error());
    show(context, *answer, arguments.io);
    return kDone;
}

/// What happened in its order: states entered, attempts, ends.
int logs(Context& context, const WorkflowArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto answer = client->get(runs_target(context, arguments.id));
    if (!answer) return terminal.fail(answer.error());
    struct Line {
        std::string at, text;
    };
    std::vector<Line> lines;
    const auto& run = answer->as_object();
    const auto* steps = value_at(run, "status.steps");
    for (const auto& item : steps && steps->is_array() ? steps->get_array() : json::array()) {
        const auto& step = item.as_object();
        auto name = text_at(step, "state");
        if (const auto branch = text_at(step, "branch"); !branch.empty()) name += " " + branch;
        const auto why = [](const json::object& of) {
            const auto type = text_at(of, "errorType");
            return type.empty() ? std::string() : " " + type + ": " + text_at(of, "cause");
        };
        lines.push_back({text_at(step, "entered"), name + " entered"});
        const auto* attempts = value_at(step, "attempts");
        for (const auto& one : attempts ? attempts->as_array() : json::array()) {
            const auto& attempt = one.as_object();
            const auto number = std::to_string(integer_at(attempt, "number"));
            lines.push_back({text_at(attempt, "started"), name + " attempt " + number});
            if (attempt.if_contains("errorType"))
                lines.push_back({text_at(attempt, "ended"),
                                 name + " attempt " + number + " failed" + why(attempt)});
        }
        if (step.if_contains("left"))
            lines.push_back(
                {text_at(step, "left"), name + " " + text_at(step, "status") + why(step)});
    }
    std::stable_sort(lines.begin(), lines.end(),
                     [](const Line& a, const Line& b) { return a.at < b.at; });
    if (const auto end = text_at(run, "status.finishedAt"); !end.empty())
        lines.push_back({end, "run " + text_at(run, "status.phase")});
    json::array all;
    for (const auto& line : lines) {
        json::object one;
        one["at"] = line.at;
        one["message"] = line.text;
        all.push_back(std::move(one));
    }
    if (print_value(context, all)) return kDone;
    for (const auto& line : lines)
        terminal.out << line.at << "  " << strip_escapes(line.text) << '\n';
    return kDone;
}

int change(Context& context, const WorkflowArguments& arguments, const char* verb,
           const char* done) {
    auto client = context.client();
    if (!client) return context.terminal.fail(client.error());
    auto answer = client->send("POST", runs_target(context, arguments.id) + "/" + verb, "");
    if (!answer) return context.terminal.fail(answer.error());
    if (!print_value(context, *answer))
        context.terminal.out << run_name(answer->as_object()) << " " << done << '\n';
    return kDone;
}

int cancel(Context& context, const WorkflowArguments& arguments) {
    return change(context, arguments, "cancel", "cancelled");
}

int redrive(Context& context, const WorkflowArguments& arguments) {
    return change(context, arguments, "redrive", "redriven");
}

/// The picture of a file needs no daemon.
Result<model::Resource> workflow_of(Context& context, const WorkflowArguments& arguments) {
    std::string text;
    if (arguments.file.empty()) {
        auto client = context.client();
        if (!client) return client.error();
        auto answer = client->get(object_target(context.settings.ns, "workflows", arguments.name));
        if (!answer) return answer.error();
        text = json::serialize(*answer);
    } else {
        auto read = input_text(context, arguments.file == "-" ? "-" : "@" + arguments.file);
        if (!read) return read.error();
        text = std::move(*read);
    }
    const auto parsed = model::parse_documents(text, arguments.file);
    if (!parsed.faults.empty())
        return Error(Errc::invalid_argument, model::to_string(parsed.faults.front()));
    for (const auto& document : parsed.documents) {
        const auto* object = document.value.if_object();
        if (!object || text_at(*object, "kind") != "Workflow") continue;
        if (!arguments.name.empty() && text_at(*object, "metadata.name") != arguments.name)
            continue;
        auto checked = model::check(document, context.settings.ns, model::Target::any);
        if (!checked.faults.empty())
            return Error(Errc::invalid_argument, model::to_string(checked.faults.front()));
        return std::move(checked.resource);
    }
    return Error(Errc::not_found, "there is no such Workflow in " + arguments.file);
}

int graph(Context& context, const WorkflowArguments& arguments) {
    Terminal& terminal = context.terminal;
    if (arguments.name.empty() && arguments.file.empty()) {
        terminal.fail(Error(Errc::invalid_argument, "name a workflow, or give --file"));
        return kUsage;
    }
    auto resource = workflow_of(context, arguments);
    if (!resource) return terminal.fail(resource.error());
    const auto spec = model::decode_workflow(*resource);
    if (!spec) return terminal.fail(spec.error());
    terminal.out << model::workflow_graph(*spec);
    return kDone;
}

using Action = int (*)(Context&, const WorkflowArguments&);

}  // namespace

void add_workflow(CLI::App& app, Program& program) {
    auto* group = app.add_subcommand("workflow", "Runs of workflows: start, watch, mend");
    group->require_subcommand(1);
    const auto make = [&](const char* name, const char* help, Action action) {
        auto a = std::make_shared<WorkflowArguments>();
        auto* command = group->add_subcommand(name, help);
        command->callback([&program, a, action] {
            program.action = [a, action](Context& context) { return action(context, *a); };
        });
        return std::pair(command, a);
    };
    const auto id = [](CLI::App* command, WorkflowArguments& a) {
        command->add_option("run", a.id, "Id of the run")->type_name("ID")->required();
    };
    {
        auto [command, a] = make("run", "Start a run and wait for its end", run);
        command->add_option("name", a->name, "Name of the workflow")->type_name("NAME")->required();
        command->add_option("--input", a->input, "Input as JSON; @FILE reads a file, - the input")
            ->type_name("JSON");
        command->add_flag("--no-wait", a->start_only, "Print the run's id and return at once");
    }
    {
        auto [command, a] = make("list", "Runs of the namespace, newest first", list);
        command->add_option("--workflow", a->name, "Only runs of this workflow")->type_name("NAME");
        command->add_option("--phase", a->phase, "Only runs in this phase")
            ->type_name("Running|Succeeded|Failed|Cancelled|TimedOut");
        command->add_option("--limit", a->limit, "Most runs to show (default 100)")->type_name("N");
    }
    {
        auto [command, a] = make("describe", "One run with its steps", describe);
        id(command, *a);
        command->add_flag("--io", a->io, "With input and output of each step");
        command->add_option("--wait", a->wait, "Until it has ended, at most this long")
            ->type_name("30s");
    }
    {
        auto [command, a] = make("logs", "What happened in a run, in its order", logs);
        id(command, *a);
    }
    {
        auto [command, a] = make("cancel", "End a run", cancel);
        id(command, *a);
    }
    {
        auto [command, a] =
            make("redrive", "Go on with a run that failed, from the failed step", redrive);
        id(command, *a);
    }
    {
        auto [command, a] = make("graph", "The picture of a workflow in Mermaid", graph);
        command->add_option("name", a->name, "Name of the workflow")->type_name("NAME");
        command->add_option("-f,--file", a->file, "File that holds it, instead of the daemon")
            ->type_name("FILE");
    }
}

}  // namespace hearth::cli
