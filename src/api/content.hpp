#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/packages.hpp"
#include "api/plan.hpp"
#include "hearth/http/message.hpp"

namespace hearth::api {

/// How a request's body is to be read.
struct BodyFormat {
    bool json_only = false;  ///< must begin as JSON does
};

/// Errors: unsupported (415) for a media type that is neither JSON nor YAML, with the remedy.
Result<BodyFormat> body_format(const http::RequestHead& head);
/// Whether an Accept header lets an answer of `media` through.
bool accepts(std::string_view accept, std::string_view media);

/// What the body of a write may hold.
struct Reading {
    std::string body;
    BodyFormat format;
    std::string file = "body";   ///< name in faults
    std::string ns = "default";  ///< of documents that name none
    /// For requests on one kind: kind, namespace and name are the path's; what is absent in the
    /// body is taken from there.
    std::optional<model::Kind> kind;
    std::string name;                           ///< empty: the body's own
    model::Target target = model::Target::any;  ///< the backend the documents are for
    Reading() = default;  // a constructor, so that g++ 12.2 handles it in coroutines
};

/// Checked documents, or what is wrong with them.
struct Incoming {
    std::vector<model::Fault> syntax;  ///< not readable at all: 400
    std::vector<model::Fault> faults;  ///< readable but wrong: 422
    std::vector<model::Fault> warnings;
    std::vector<Wanted> wanted;
    std::vector<PackedArchive> packed;
    std::string set;  ///< of a DeploymentConfig among the documents; may be empty
};

/// Parses, checks, packs archives. Pure; takes milliseconds for large texts, so large ones belong
/// on the blocking pool.
Incoming read_documents(const Reading& reading);
/// The same for a JSON value made from a stored object and a patch.
Incoming read_patched(boost::json::value value, const Reading& reading);

}  // namespace hearth::api
