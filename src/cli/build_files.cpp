#include "cli/build_files.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <sstream>

#include "cli/files.hpp"
#include "hearth/model/document.hpp"

namespace hearth::cli {

namespace {

using namespace std::string_view_literals;

constexpr std::array kMadeFolders = {".git"sv,    "node_modules"sv, "__pycache__"sv, ".venv"sv,
                                     "venv"sv,    ".gradle"sv,      ".bundle"sv,     ".idea"sv,
                                     ".vscode"sv, "obj"sv};

bool has_folder(const FileSet& files, std::string_view folder) {
    const std::string prefix = std::string(folder) + "/";
    const auto found = files.lower_bound(prefix);
    return found != files.end() && found->first.starts_with(prefix);
}

/// Lines besides comments.
bool says_something(const std::filesystem::path& file) {
    const auto text = read_file(file.string());
    if (!text) return true;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        const auto first = line.find_first_not_of(" \t\r");
        if (first != std::string::npos && line[first] != '#') return true;
    }
    return false;
}

bool has_dependencies(const std::filesystem::path& package_json) {
    const auto text = read_file(package_json.string());
    if (!text) return true;
    const auto value = model::parse_json(*text);
    if (!value || !value->is_object()) return true;  // npm says what is wrong with it
    const auto* scripts = value->get_object().if_contains("scripts");
    if (scripts && scripts->is_object() && scripts->get_object().contains("build")) return true;
    for (const char* key : {"dependencies", "optionalDependencies"}) {
        const auto* list = value->get_object().if_contains(key);
        if (list && list->is_object() && !list->get_object().empty()) return true;
    }
    return false;
}

bool in_made_folder(std::string_view name) {
    while (!name.empty()) {
        const auto end = name.find('/');
        if (end == std::string_view::npos) return false;
        const auto part = name.substr(0, end);
        if (std::find(kMadeFolders.begin(), kMadeFolders.end(), part) != kMadeFolders.end())
            return true;
        name.remove_prefix(end + 1);
    }
    return false;
}

}  // namespace

std::string reason_to_build(const FileSet& files) {
    const auto at = [&](const char* name) { return files.find(name); };
    const auto none = files.end();
    if (const auto file = at("requirements.txt"); file != none && says_something(file->second))
        return file->first;
    if (const auto file = at("package.json");
        file != none && !has_folder(files, "node_modules") && has_dependencies(file->second))
        return file->first;
    for (const char* name : {"go.mod", "pom.xml", "Gemfile"}) {
        if (files.contains(name)) return name;
    }
    if (files.contains("composer.json") && !has_folder(files, "vendor")) return "composer.json";
    for (const auto& [name, file] : files) {
        if (in_made_folder(name)) continue;
        for (const auto end : {".go"sv, ".java"sv, ".csproj"sv}) {
            if (name.ends_with(end)) return name;
        }
    }
    return {};
}

FileSet source_files(FileSet files) {
    FileSet kept;
    for (auto& [name, file] : files) {
        if (!in_made_folder(name)) kept.emplace(name, std::move(file));
    }
    return kept.empty() ? files : kept;
}

}  // namespace hearth::cli
