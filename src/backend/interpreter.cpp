#include "backend/interpreter.hpp"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include <fmt/format.h>

namespace hearth::backend {
namespace fs = std::filesystem;

std::string replace_folder(std::string text, const std::string& folder) {
    constexpr std::string_view kName = "${ENV_DIR}";
    for (auto at = text.find(kName); at != std::string::npos;
         at = text.find(kName, at + folder.size())) {
        text.replace(at, kName.size(), folder);
    }
    return text;
}

namespace {

fs::path find_program(const std::string& name, const std::string& path) {
    std::istringstream folders(path);
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (folder.empty() || folder.front() != '/') continue;
        const fs::path candidate = fs::path(folder) / name;
        std::error_code ec;
        if (fs::is_regular_file(candidate, ec) && access(candidate.c_str(), X_OK) == 0)
            return candidate;
    }
    return {};
}

bool is_below(const fs::path& path, const fs::path& folder) {
    const auto relative = path.lexically_relative(folder);
    return !relative.empty() && *relative.begin() != "..";
}

/// Folders the sandbox shows anyway.
bool is_system(const fs::path& path) {
    for (const char* folder : {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt"}) {
        if (is_below(path, folder)) return true;
    }
    return false;
}

void need(ResolvedCommand& resolved, const fs::path& path, const fs::path& hidden) {
    // Neither what lies in the daemon's own folder nor a folder that holds it.
    if (is_system(path) || is_below(path, hidden) || is_below(hidden, path)) return;
    for (const auto& known : resolved.folders) {
        if (is_below(path, known)) return;
    }
    resolved.folders.push_back(path);
}

}  // namespace

Result<ResolvedCommand> resolve_command(const std::vector<std::string>& command,
                                        const fs::path& environment_folder,
                                        const fs::path& hidden) {
    ResolvedCommand resolved;
    if (command.empty())
        return Error(Errc::unsupported, "the environment has no command to start it with", "",
                     "backend");
    for (const auto& word : command)
        resolved.argv.push_back(replace_folder(word, environment_folder.string()));
    std::string& program = resolved.argv.front();
    std::error_code ec;
    if (program.find('/') == std::string::npos) {
        fs::path found = find_program(program, kStandardPath);
        if (const char* own = std::getenv("PATH"); found.empty() && own != nullptr)
            found = find_program(program, own);
        if (found.empty()) {
            return Error(Errc::unsupported, fmt::format("the program {} is not installed", program),
                         "", "backend");
        }
        program = found.string();
    } else if (!fs::exists(program, ec)) {
        return Error(Errc::unsupported, fmt::format("the program {} does not exist", program), "",
                     "backend");
    }
    program = fs::absolute(program).lexically_normal().string();
    if (!environment_folder.empty()) need(resolved, environment_folder, hidden);
    // A link in /usr may lead to an installation elsewhere, whose libraries lie beside its bin
    // folder.
    const fs::path real = fs::canonical(program, ec);
    for (const fs::path& place : {fs::path(program), real}) {
        if (ec || place.empty()) continue;
        const fs::path folder = place.parent_path();
        need(resolved, folder.filename() == "bin" ? folder.parent_path() : folder, hidden);
    }
    for (std::size_t i = 1; i < resolved.argv.size(); ++i) {
        const fs::path argument = resolved.argv[i];
        if (argument.is_absolute() && fs::exists(argument, ec))
            need(resolved, argument.lexically_normal(), hidden);
    }
    return resolved;
}

}  // namespace hearth::backend
