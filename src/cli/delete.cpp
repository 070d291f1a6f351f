#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <memory>
#include <optional>

#include "cli/documents.hpp"
#include "cli/objects.hpp"
#include "cli/program.hpp"
#include "cli/results.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct DeleteArguments {
    std::string kind;
    std::vector<std::string> names, files;
    bool dry_run = false, ignore_missing = false, no_cascade = false;
};

struct Target {
    model::Kind kind;
    std::string ns, name;
};

/// Triggers before workflows before functions before what functions use.
int order_of(model::Kind kind) {
    switch (kind) {
        case model::Kind::http_trigger:
        case model::Kind::message_queue_trigger:
        case model::Kind::time_trigger:
        case model::Kind::kubernetes_watch_trigger:
            return 0;
        case model::Kind::workflow:
            return 1;
        case model::Kind::function:
            return 2;
        case model::Kind::package:
            return 3;
        case model::Kind::environment:
            return 4;
        default:
            return 5;
    }
}

Result<std::vector<Target>> targets_of(Context& context, const DeleteArguments& arguments) {
    std::vector<Target> targets;
    if (arguments.files.empty()) {
        auto kind = kind_named(arguments.kind);
        if (!kind) return kind.error();
        for (const auto& name : arguments.names)
            targets.push_back({*kind, context.settings.ns, name});
        return targets;
    }
    auto documents = read_documents(arguments.files, context.terminal.in, context.settings.ns);
    if (!documents) return documents.error();
    for (const auto& document : documents->documents) {
        const auto checked = model::check(document, context.settings.ns, model::Target::any);
        // A faulty spec still names an object; without a name there is nothing to delete.
        if (checked.resource.metadata.name.empty()) {
            Error error(Errc::invalid_argument, "a document names no object");
            error.detail = fault_text(checked.faults);
            return error;
        }
        targets.push_back(
            {checked.resource.kind, checked.resource.metadata.ns, checked.resource.metadata.name});
    }
    std::stable_sort(targets.begin(), targets.end(), [](const Target& a, const Target& b) {
        return order_of(a.kind) < order_of(b.kind);
    });
    return targets;
}

/// One run of the command against the daemon.
class Deletion {
 public:
    Deletion(Context& context, const DeleteArguments& arguments, Client& client)
        : context_(context), arguments_(arguments), client_(client) {}

    /// What another one of `targets` still names is refused; it is asked for again once that one is
    /// gone, as objects of one kind may name each other in any order. Returns the exit code.
    int run(std::vector<Target> targets) {
        for (;;) {
            const auto before = deleted_.size();
            std::vector<Target> left;
            std::vector<Error> refusals;
            for (const Target& target : targets) {
                auto refusal = remove(target);
                if (!refusal) continue;
                left.push_back(target);
                refusals.push_back(std::move(*refusal));
            }
            if (left.empty() || deleted_.size() == before || arguments_.dry_run) {
                for (const Error& refusal : refusals) code_ = context_.terminal.fail(refusal);
                return code_;
            }
            targets = std::move(left);
        }
    }
    json::array take_deleted() { return std::move(deleted_); }

 private:
    /// A conflict; other failures are told at once.
    std::optional<Error> remove(const Target& target) {
        std::string address =
            object_target(target.ns, model::table(target.kind).plural, target.name);
        if (arguments_.dry_run) add_query(address, "dryRun", "true");
        if (arguments_.no_cascade) add_query(address, "cascade", "false");
        auto answer = client_.send("DELETE", address, "");
        if (answer) {
            tell(*answer);
            return std::nullopt;
        }
        const auto code = answer.error().code;
        if (code == Errc::conflict) return answer.error();
        if (code == Errc::not_found && (arguments_.ignore_missing || is_gone(target)))
            return std::nullopt;
        code_ = context_.terminal.fail(answer.error());
        return std::nullopt;
    }
    /// What a function took along is gone when its own turn comes.
    bool is_gone(const Target& target) const {
        return std::any_of(deleted_.begin(), deleted_.end(), [&](const json::value& item) {
            return item.is_object() && text_at(item.get_object(), "name") == target.name &&
                   text_at(item.get_object(), "kind") == model::table(target.kind).name;
        });
    }
    void tell(const json::value& answer) {
        Terminal& terminal = context_.terminal;
        const auto* list =
            answer.is_object() ? answer.get_object().if_contains("deleted") : nullptr;
        if (!list || !list->is_array()) return;
        for (const auto& item : list->get_array()) {
            if (!item.is_object()) continue;
            deleted_.push_back(item);
            if (context_.settings.output == Output::json ||
                context_.settings.output == Output::yaml)
                continue;
            terminal.out << object_label(item.get_object(), context_.settings.ns);
            if (context_.settings.output != Output::name) {
                terminal.out << "  " << terminal.paint(Paint::red, "deleted")
                             << (arguments_.dry_run ? " (dry run)" : "");
            }
            terminal.out << '\n';
        }
    }

    Context& context_;
    const DeleteArguments& arguments_;
    Client& client_;
    json::array deleted_;
    int code_ = kDone;
};

int delete_objects(Context& context, const DeleteArguments& arguments) {
    Terminal& terminal = context.terminal;
    if (arguments.files.empty() && (arguments.kind.empty() || arguments.names.empty())) {
        terminal.fail(
            Error(Errc::invalid_argument, "say what to delete: KIND NAME..., or -f FILE"));
        return kUsage;
    }
    auto targets = targets_of(context, arguments);
    if (!targets) {
        const int code = terminal.fail(targets.error());
        return arguments.files.empty() ? static_cast<int>(kUsage) : code;
    }
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    Deletion deletion(context, arguments, *client);
    const int code = deletion.run(std::move(*targets));
    json::object whole;
    whole["deleted"] = deletion.take_deleted();
    print_value(context, whole);
    return code;
}

}  // namespace

void add_delete(CLI::App& app, Program& program) {
    auto* command =
        app.add_subcommand("delete", "Delete objects; a function takes along what only it uses");
    auto a = std::make_shared<DeleteArguments>();
    command->add_option("kind", a->kind, "Kind, such as function")->type_name("KIND");
    command->add_option("names", a->names, "Names")->type_name("NAME");
    command->add_option("-f,--file", a->files, "Delete what these documents name; repeatable")
        ->type_name("FILE|DIR|-")
        ->allow_extra_args(false);
    command->add_flag("--dry-run", a->dry_run, "Say what would go, delete nothing");
    command->add_flag("--ignore-not-found", a->ignore_missing, "What is not there is no failure");
    command->add_flag("--no-cascade", a->no_cascade, "Refuse when anything depends on it");
    command->callback([&program, a] {
        program.action = [a](Context& context) { return delete_objects(context, *a); };
    });
}

}  // namespace hearth::cli
