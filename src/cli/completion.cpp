#include "cli/completion.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>

#include "cli/program.hpp"
#include "hearth/model/kinds.hpp"

namespace hearth::cli {

namespace {

void add_entries(const CLI::App& app, const std::string& path, std::vector<CompletionEntry>& out) {
    CompletionEntry entry;
    entry.path = path;
    for (const CLI::Option* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) entry.options.push_back("--" + name);
        for (const auto& name : option->get_snames()) entry.options.push_back("-" + name);
    }
    const auto children = app.get_subcommands([](const CLI::App*) { return true; });
    for (const CLI::App* child : children) {
        entry.words.push_back(child->get_name());
        entry.descriptions.push_back(child->get_description());
    }
    out.push_back(std::move(entry));
    for (const CLI::App* child : children) {
        add_entries(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), out);
    }
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

std::string kinds() {
    std::string out;
    for (const auto kind : model::kAllKinds) {
        out += (out.empty() ? "" : " ") + std::string(model::table(kind).plural) + " " +
               std::string(model::table(kind).singular);
    }
    return out;
}

constexpr std::string_view kShells = "bash zsh fish";
constexpr std::string_view kOutputs = "json yaml wide name";

bool takes_kind(const std::string& path) {
    return path == "get" || path == "describe" || path == "delete";
}
/// Words that only the daemon knows are asked for when they are wanted.
bool takes_language(const std::string& path) {
    return path == "new" || path == "env add";
}
constexpr std::string_view kLanguages = "hearth env list --offered -o name 2>/dev/null";
bool takes_files(const std::string& path) {
    return path == "dev" || path == "apply" || path == "diff" || path == "validate" ||
           path == "deploy" || path == "serve";
}

std::string quoted(std::string text) {
    for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4)
        text.replace(at, 1, "'\\''");
    return "'" + text + "'";
}

/// The case arms that both bash and zsh take.
std::string arms(const std::vector<CompletionEntry>& entries) {
    std::string out;
    std::string global;
    for (const auto& entry : entries) {
        if (entry.path.empty()) global = joined(entry.options);
    }
    for (const auto& entry : entries) {
        std::string words = joined(entry.words);
        if (takes_kind(entry.path)) words = kinds();
        if (entry.path == "completion") words = kShells;
        std::string list = quoted(words);
        if (takes_language(entry.path)) list = "$(" + std::string(kLanguages) + ")";
        out += "        " + quoted(entry.path) + ")\n            words=" + list +
               "\n            options=" +
               quoted(joined(entry.options) + (entry.path.empty() ? "" : " " + global)) + "\n";
        if (takes_files(entry.path)) out += "            files=1\n";
        out += "            ;;\n";
    }
    return out;
}

std::string all_paths(const std::vector<CompletionEntry>& entries) {
    std::string out;
    for (const auto& entry : entries) {
        if (!entry.path.empty()) out += (out.empty() ? "" : "|") + quoted(entry.path);
    }
    return out;
}

}  // namespace

std::vector<CompletionEntry> completion_entries(const CLI::App& app) {
    std::vector<CompletionEntry> entries;
    add_entries(app, "", entries);
    return entries;
}

std::string bash_completion(const std::vector<CompletionEntry>& entries) {
    return "# bash completion for hearth: . <(hearth completion bash)\n"
           "_hearth() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} path='' next i words='' options='' "
           "files=''\n"
           "    COMPREPLY=()\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        next=${path:+$path }${COMP_WORDS[i]}\n"
           "        case $next in\n"
           "            " +
           all_paths(entries) +
           ") path=$next ;;\n"
           "        esac\n"
           "    done\n"
           "    case $path in\n" +
           arms(entries) +
           "    esac\n"
           "    if [[ ${COMP_WORDS[COMP_CWORD-1]} == -o || ${COMP_WORDS[COMP_CWORD-1]} == --output "
           "]]; "
           "then\n"
           "        COMPREPLY=($(compgen -W '" +
           std::string(kOutputs) +
           "' -- \"$current\"))\n"
           "    elif [[ $current == -* ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
           "    elif [[ -n $files ]]; then\n"
           "        COMPREPLY=($(compgen -f -- \"$current\"))\n"
           "    else\n"
           "        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "    fi\n"
           "}\n"
           "complete -o filenames -F _hearth hearth\n";
}

std::string zsh_completion(const std::vector<CompletionEntry>& entries) {
    return "#compdef hearth\n"
           "# zsh completion for hearth: . <(hearth completion zsh)\n"
           "_hearth() {\n"
           "    local -a typed=(\"${words[@]}\")\n"
           "    local path_='' next i words='' options='' files=''\n"
           "    for ((i = 2; i < CURRENT; i++)); do\n"
           "        next=${path_:+$path_ }${typed[i]}\n"
           "        case $next in\n"
           "            " +
           all_paths(entries) +
           ") path_=$next ;;\n"
           "        esac\n"
           "    done\n"
           "    case $path_ in\n" +
           arms(entries) +
           "    esac\n"
           "    if [[ ${typed[CURRENT-1]} == (-o|--output) ]]; then\n"
           "        compadd -- " +
           std::string(kOutputs) +
           "\n"
           "    elif [[ $PREFIX == -* ]]; then\n"
           "        compadd -- ${=options}\n"
           "    elif [[ -n $files ]]; then\n"
           "        _files\n"
           "    else\n"
           "        compadd -- ${=words}\n"
           "    fi\n"
           "}\n"
           "# As a file of $fpath this is the body of the function; sourced, it announces it.\n"
           "if [[ ${funcstack[1]} == _hearth ]]; then\n"
           "    _hearth \"$@\"\n"
           "else\n"
           "    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }\n"
           "    compdef _hearth hearth\n"
           "fi\n";
}

std::string fish_completion(const std::vector<CompletionEntry>& entries) {
    std::string out = "# fish completion for hearth: hearth completion fish | source\n";
    for (const auto& entry : entries) {
        // `token create` applies once both words are there and none of its own.
        std::string seen;
        for (std::size_t start = 0; start < entry.path.size();) {
            const std::size_t end = std::min(entry.path.find(' ', start), entry.path.size());
            seen += (seen.empty() ? "" : "; and ") +
                    ("__fish_seen_subcommand_from " + entry.path.substr(start, end - start));
            start = end + 1;
        }
        const std::string none_yet =
            entry.words.empty() ? "" : "not __fish_seen_subcommand_from " + joined(entry.words);
        std::string condition = seen;
        if (!none_yet.empty()) condition += (condition.empty() ? "" : "; and ") + none_yet;
        for (std::size_t i = 0; i < entry.words.size(); ++i) {
            out += "complete -c hearth -f -n " + quoted(condition) + " -a " +
                   quoted(entry.words[i]) + " -d " + quoted(entry.descriptions[i]) + "\n";
        }
        if (takes_kind(entry.path))
            out += "complete -c hearth -f -n " + quoted(seen) + " -a " + quoted(kinds()) + "\n";
        if (takes_language(entry.path))
            out += "complete -c hearth -f -n " + quoted(seen) + " -a " +
                   quoted("(" + std::string(kLanguages) + ")") + "\n";
        if (entry.path == "completion")
            out += "complete -c hearth -f -n " + quoted(seen) + " -a " +
                   quoted(std::string(kShells)) + "\n";
        for (const auto& option : entry.options) {
            out += "complete -c hearth" + (seen.empty() ? std::string() : " -n " + quoted(seen));
            out += option.starts_with("--") ? " -l " + option.substr(2) : " -s " + option.substr(1);
            if (option == "-o" || option == "--output")
                out += " -x -a " + quoted(std::string(kOutputs));
            out += "\n";
        }
    }
    return out;
}

void add_completion(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand("completion", "Completion script of a shell, for sourcing");
    auto shell = std::make_shared<std::string>();
    command->add_option("shell", *shell, "bash, zsh or fish")
        ->type_name("SHELL")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""));
    command->callback([&program, &app, shell] {
        const auto entries = completion_entries(app);
        std::string script = *shell == "bash"  ? bash_completion(entries)
                             : *shell == "zsh" ? zsh_completion(entries)
                                               : fish_completion(entries);
        program.action = [script = std::move(script)](Context& context) {
            context.terminal.out << script;
            return static_cast<int>(kDone);
        };
    });
}

}  // namespace hearth::cli
