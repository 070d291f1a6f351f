#pragma once

#include <string>
#include <vector>

#include <CLI/App.hpp>

namespace hearth::cli {

/// One command of the tree with what may follow it.
struct CompletionEntry {
    std::string path;                       ///< "", "get", "token create"
    std::vector<std::string> words;         ///< subcommands
    std::vector<std::string> options;       ///< "--name", "-n"
    std::vector<std::string> descriptions;  ///< of `words`
};

std::vector<CompletionEntry> completion_entries(const CLI::App& app);

/// Scripts that complete commands, options and, for the commands that take one, kinds.
std::string bash_completion(const std::vector<CompletionEntry>& entries);
std::string zsh_completion(const std::vector<CompletionEntry>& entries);
std::string fish_completion(const std::vector<CompletionEntry>& entries);

}  // namespace hearth::cli
