#include "s3/answers.hpp"

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>

#include <ctime>
#include <optional>
#include <sstream>

namespace hearth::s3 {
namespace {

namespace pt = boost::property_tree;

std::optional<pt::ptree> read(const std::string& xml) {
    std::istringstream in(xml);
    pt::ptree tree;
    try {
        pt::read_xml(in, tree);
    } catch (const pt::xml_parser_error&) {
        return std::nullopt;
    }
    return tree;
}

std::int64_t parse_time(const std::string& text, const char* form) {
    std::tm parts{};
    return ::strptime(text.c_str(), form, &parts) == nullptr ? 0 : timegm(&parts);
}

}  // namespace

Result<Listing> parse_listing(const std::string& xml) {
    const auto tree = read(xml);
    const auto root = tree ? tree->get_child_optional("ListBucketResult") : boost::none;
    if (!root) return Error(Errc::io, "the archive store's list is no ListBucketResult", {}, "s3");
    Listing listing;
    for (const auto& [name, child] : *root) {
        if (name != "Contents") continue;
        Object object;
        object.key = child.get<std::string>("Key", "");
        object.bytes = child.get<std::uint64_t>("Size", 0);
        object.modified_unix = parse_iso_time(child.get<std::string>("LastModified", ""));
        listing.objects.push_back(std::move(object));
    }
    if (root->get<std::string>("IsTruncated", "false") == "true")
        listing.next = root->get<std::string>("NextContinuationToken", "");
    return listing;
}

Complaint parse_complaint(const std::string& xml) {
    const auto tree = read(xml);
    if (!tree) return {};
    Complaint complaint;
    complaint.code = tree->get<std::string>("Error.Code", "");
    complaint.message = tree->get<std::string>("Error.Message", "");
    return complaint;
}

std::int64_t parse_http_time(const std::string& text) {
    return parse_time(text, "%a, %d %b %Y %H:%M:%S");
}

std::int64_t parse_iso_time(const std::string& text) {
    return parse_time(text, "%Y-%m-%dT%H:%M:%S");
}

}  // namespace hearth::s3
