#pragma once

#include <filesystem>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "cli/archive_spec.hpp"
#include "cli/client.hpp"
#include "hearth/model/document.hpp"

namespace hearth::cli {

/// The documents of some files and folders, those for the command line taken out.
struct Documents {
    std::vector<model::Document> documents;    ///< for the server
    std::vector<model::Document> client_side;  ///< ArchiveUploadSpec and DeploymentConfig
    std::vector<ArchiveSpec> archives;         ///< of client_side
    std::map<std::string, SelectedFiles> selected;
    std::string set;  ///< name of a DeploymentConfig; empty: none
    std::vector<model::Fault> faults, warnings;
};

/// Reads files, folders (*.yaml, *.yml, *.json, at any depth) and "-" (standard input), and checks
/// every document with the server's own validator. Errors: what a file cannot be read for; what is
/// wrong inside is in `faults`.
Result<Documents> read_documents(const std::vector<std::string>& sources, std::istream& in,
                                 const std::string& default_namespace);

/// Packs and uploads what the Packages take from ArchiveUploadSpecs. Errors: io, and what an upload
/// meets.
Result<void> resolve_archives(Documents& documents, Client& client);

/// The request body: a JSON list with one document per line, so that a fault's line tells whose it
/// is.
std::string request_body(const std::vector<model::Document>& documents);

/// Gives the server's faults the places in the user's files.
void rename_places(boost::json::object& problem, const std::vector<model::Document>& documents);

/// Faults as lines, for people.
std::string fault_text(const std::vector<model::Fault>& faults);

}  // namespace hearth::cli
