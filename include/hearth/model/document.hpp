#pragma once

#include <boost/json/value.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/model/resource.hpp"

namespace hearth::model {

/// One thing that is wrong with a text, where it stands and what to do.
struct Fault {
    std::string file;
    int line = 0;        ///< 1-based; 0 when unknown
    int column = 0;      ///< 1-based; 0 when unknown
    std::string path;    ///< "spec.package.functionName"; empty for the whole document
    std::string message; ///< what is wrong and the remedy, nearest known key included
    bool operator==(const Fault&) const = default;
};

/// "file:line:column: path: message", leaving out what is unknown.
std::string to_string(const Fault& fault);
/// {"file","line","column","path","message"} for problem documents.
boost::json::object to_json(const Fault& fault);

/// One document of a text, converted to JSON once, with the place of each of its values.
struct Document {
    std::string file;
    boost::json::value value;
    struct Place { int line = 0; int column = 0; };
    /// Place by path ("spec.secrets[0].name"); a key's own place, not its value's.
    std::map<std::string, Place, std::less<>> places;
    Place place(std::string_view path) const;  ///< of the path or its nearest known parent
};

struct ParsedDocuments {
    std::vector<Document> documents;
    std::vector<Fault> faults;
};

/// Reads YAML (one or more documents) or JSON (one object, or a list of objects). Refuses duplicate keys, anchors and
/// aliases, tags, non-finite numbers, integers past 64 bit, more than 1 MiB (pass a larger limit where literals
/// are allowed), 1,000 documents or depth 32. Numbers and booleans follow the YAML 1.2 core schema: `yes` is a
/// string, 010 is ten. Empty documents are skipped.
ParsedDocuments parse_documents(std::string_view text, std::string_view file, std::size_t limit = 16u << 20);

/// Strict JSON for request bodies: duplicate keys, trailing text, depth past 32, non-finite numbers are errors
/// (invalid_argument with line and column in the message).
Result<boost::json::value> parse_json(std::string_view text);

/// YAML text of a JSON value, for `-o yaml`. Strings that would read as another type are quoted.
std::string to_yaml(const boost::json::value& value);

/// The backend of the server a document is meant for. What only the other one can do is a warning, or a fault where it
/// could not run at all; what is unsafe is a fault for every one.
enum class Target {
    any,          ///< not known, as for `hearth validate`: what not every server can do is a warning
    process,
    kubernetes,
};
/// "process" and "kubernetes"; anything else: any.
Target target_of(std::string_view backend);

struct Checked {
    Resource resource;            ///< normalised; only meaningful without faults
    std::vector<Fault> faults;
    std::vector<Fault> warnings;  ///< accepted, but without effect on this server
};

/// Checks one document against its kind's table and cross-field rules and makes the resource of it. All faults at once.
/// `fission.io/v1` reads as `hearth/v1`; read-only metadata (uid, generation, resourceVersion, creationTimestamp,
/// managedFields) and status are accepted and dropped, resourceVersion is kept as metadata.revision (the expected one).
/// `default_namespace` fills an absent metadata.namespace.
Checked check(const Document& document, std::string_view default_namespace = "default",
              Target target = Target::process);

/// True for DeploymentConfig and ArchiveUploadSpec, which Fission's specs hold for the command line and no server keeps.
/// check() refuses them; whoever reads spec folders takes them out first.
bool is_client_side(const Document& document);

/// A fault for each document that repeats kind, namespace and name of an earlier one; `checked[i]` belongs to `documents[i]`.
std::vector<Fault> repeated(const std::vector<Document>& documents, const std::vector<Checked>& checked);

}  // namespace hearth::model
