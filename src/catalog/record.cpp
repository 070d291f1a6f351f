#include <boost/json/parse.hpp>

#include "hearth/catalog/catalog.hpp"
#include "hearth/catalog/plan.hpp"

namespace hearth::catalog {
namespace {

Error unreadable(const Record& record, const std::string& why) {
    return Error(Errc::internal,
                 "the row of " + std::string(kind_text(record.kind)) + " " +
                     model::qualified(record.metadata) + " cannot be read: " + why +
                     "; apply the object again or delete it",
                 {}, "store");
}

}  // namespace

model::Resource Record::bare() const {
    model::Resource resource;
    resource.kind = kind;
    resource.metadata = metadata;
    return resource;
}

Result<model::Resource> Record::load() const {
    if (damage) return unreadable(*this, damage->why);
    model::Resource resource = bare();
    if (spec_text.empty()) return resource;
    boost::json::error_code failed;
    auto value = boost::json::parse(spec_text, failed);
    if (failed) return unreadable(*this, "its spec is not JSON (" + failed.message() + ")");
    if (!value.is_object()) return unreadable(*this, "its spec is not a JSON object");
    resource.spec = std::move(value.get_object());
    return resource;
}

}  // namespace hearth::catalog
