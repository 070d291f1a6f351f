#pragma once

#include <boost/json/parse.hpp>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hearth/catalog/catalog.hpp"
#include "support/run_task.hpp"

namespace hearth::test {

inline void write_all(catalog::Catalog& catalog, std::vector<catalog::Mutation> mutations) {
    const auto written = run_task(catalog.write(std::move(mutations)));
    if (!written) throw std::runtime_error(written.error().message);
}

/// Creates or replaces one object; `spec` is JSON.
inline void put(catalog::Catalog& catalog, model::Kind kind, const std::string& name,
                const std::string& spec, const std::string& ns = "default") {
    catalog::Mutation mutation;
    mutation.resource.kind = kind;
    mutation.resource.metadata.name = name;
    mutation.resource.metadata.ns = ns;
    mutation.resource.spec = boost::json::parse(spec).as_object();
    std::vector<catalog::Mutation> mutations;
    mutations.push_back(std::move(mutation));
    write_all(catalog, std::move(mutations));
}

inline void remove(catalog::Catalog& catalog, model::Kind kind, const std::string& name,
                   const std::string& ns = "default") {
    catalog::Mutation mutation;
    mutation.type = catalog::Mutation::Type::remove;
    mutation.resource.kind = kind;
    mutation.resource.metadata.name = name;
    mutation.resource.metadata.ns = ns;
    std::vector<catalog::Mutation> mutations;
    mutations.push_back(std::move(mutation));
    write_all(catalog, std::move(mutations));
}

}  // namespace hearth::test
