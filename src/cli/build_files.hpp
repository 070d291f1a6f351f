#pragma once

#include <string>

#include "cli/pack.hpp"

namespace hearth::cli {

/// The file that says that code must be built before it can be loaded: requirements.txt,
/// package.json with dependencies, go.mod or .go, pom.xml or .java, Gemfile, composer.json, a
/// .csproj file. Empty: none does, or what it asks for lies beside it (node_modules, vendor).
std::string reason_to_build(const FileSet& files);

/// Without what a build makes by itself: node_modules, virtual environments, caches, .git.
FileSet source_files(FileSet files);

}  // namespace hearth::cli
