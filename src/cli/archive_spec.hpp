#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/pack.hpp"
#include "hearth/model/document.hpp"

namespace hearth::cli {

/// Fission's ArchiveUploadSpec: files beside the spec folder that a Package names as
/// archive://NAME.
struct ArchiveSpec {
    std::string name;
    std::filesystem::path root;  ///< what the patterns are relative to
    std::vector<std::string> include, exclude;
    const model::Document* document = nullptr;
};

/// Reads one. Faults go to `faults`.
ArchiveSpec read_archive_spec(const model::Document& document,
                              const std::filesystem::path& spec_folder,
                              std::vector<model::Fault>& faults);

struct SelectedFiles {
    FileSet files;
    bool single = false;  ///< one file named by itself: it stays a file, it is no folder with one
};

/// The files it names. As with Fission, each match stands at the archive's root under its own name
/// and a folder brings all it holds. Patterns that match nothing, and two matches of one name, are
/// faults.
SelectedFiles select_files(const ArchiveSpec& spec, std::vector<model::Fault>& faults);

/// The names behind archive:// in a Package document; none for any other.
std::vector<std::string> archive_names(const model::Document& document);
/// Puts what `packed` holds for a name in the place of archive://NAME.
void replace_archives(model::Document& document,
                      const std::map<std::string, boost::json::object>& packed);

}  // namespace hearth::cli
