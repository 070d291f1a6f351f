#pragma once

#include <boost/json/parse.hpp>

#include <string>
#include <vector>

#include "hearth/catalog/catalog.hpp"
#include "support/lasting_loop.hpp"

/// Short words for writing to a catalog in tests.
namespace hearth::test {

inline catalog::Mutation put(const std::string& name, const std::string& spec = "{}",
                             const std::string& ns = "default",
                             model::Kind kind = model::Kind::function) {
    catalog::Mutation mutation;
    mutation.resource.kind = kind;
    mutation.resource.metadata.name = name;
    mutation.resource.metadata.ns = ns;
    mutation.resource.spec = boost::json::parse(spec).as_object();
    return mutation;
}

inline catalog::Mutation drop(const std::string& name, const std::string& ns = "default",
                              model::Kind kind = model::Kind::function) {
    catalog::Mutation mutation = put(name, "{}", ns, kind);
    mutation.type = catalog::Mutation::Type::remove;
    return mutation;
}

inline Result<std::vector<catalog::Change>> write(catalog::Catalog& catalog,
                                                  std::vector<catalog::Mutation> mutations) {
    return run_lasting(catalog.write(std::move(mutations)));
}

/// "ns/name" of each.
inline std::vector<std::string> names(const std::vector<catalog::RecordPtr>& records) {
    std::vector<std::string> out;
    for (const auto& record : records) {
        out.push_back(record->metadata.ns + "/" + record->metadata.name);
    }
    return out;
}

}  // namespace hearth::test
