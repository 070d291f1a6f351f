#include "hearth/model/document.hpp"

#include <boost/json.hpp>

#include <charconv>
#include <iterator>

#include "model/path.hpp"
#include "model/readers.hpp"

namespace hearth::model {

namespace json = boost::json;

std::string to_string(const Fault& fault) {
    std::string out;
    const auto part = [&out](const std::string& text, std::string_view separator) {
        if (text.empty()) return;
        if (!out.empty()) out += separator;
        out += text;
    };
    part(fault.file, ":");
    if (fault.line > 0) part(std::to_string(fault.line), ":");
    if (fault.line > 0 && fault.column > 0) part(std::to_string(fault.column), ":");
    part(fault.path, ": ");
    part(fault.message, ": ");
    return out;
}

json::object to_json(const Fault& fault) {
    json::object out;
    out["file"] = fault.file;
    out["line"] = fault.line;
    out["column"] = fault.column;
    out["path"] = fault.path;
    out["message"] = fault.message;
    return out;
}

Document::Place Document::place(std::string_view path) const {
    for (;;) {
        const auto found = places.find(path);
        if (found != places.end()) return found->second;
        if (path.empty()) return {};
        path = parent_path(path);
    }
}

namespace {

/// The first character that is neither space nor part of a JSON bracket pair decides whom a syntax
/// error is told to.
bool looks_like_json(std::string_view text) {
    const std::size_t start = text.find_first_not_of(" \t\r\n");
    return start != std::string_view::npos && (text[start] == '{' || text[start] == '[');
}

ReadText read_text(std::string_view text, std::string_view file) {
    if (!looks_like_json(text)) return read_yaml(text, file);
    ReadText as_json = read_json(text, file);
    if (!as_json.syntax_error) return as_json;
    // YAML's flow style begins in the same way.
    ReadText as_yaml = read_yaml(text, file);
    const std::size_t open = text.find_first_not_of(" \t\r\n");
    const std::size_t next = text.find_first_not_of(" \t\r\n{[", open);
    // Who quotes the first key meant JSON, and is told JSON's fault.
    const bool meant_json = next != std::string_view::npos && text[next] == '"';
    return !as_yaml.faults.empty() && meant_json ? std::move(as_json) : std::move(as_yaml);
}

/// "items[12].spec.x" with prefix "items" → 12 and "spec.x".
bool split_item_path(std::string_view path, std::string_view prefix, std::size_t& index,
                     std::string& rest) {
    if (!path.starts_with(prefix)) return false;
    path.remove_prefix(prefix.size());
    if (!path.starts_with('[')) return false;
    path.remove_prefix(1);
    const auto [end, ec] = std::from_chars(path.data(), path.data() + path.size(), index);
    if (ec != std::errc() || end == path.data() + path.size() || *end != ']') return false;
    path.remove_prefix(static_cast<std::size_t>(end - path.data()) + 1);
    if (path.starts_with('.')) path.remove_prefix(1);
    rest = path;
    return true;
}

/// Makes one document of each item of a list, with the places that belong to it.
void unfold(Document& document, json::array& items, std::string_view prefix,
            std::vector<Document>& into) {
    std::vector<Document> parts(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        parts[i].file = document.file;
        parts[i].value = std::move(items[i]);
    }
    std::size_t index = 0;
    std::string rest;
    for (const auto& [path, place] : document.places) {
        if (split_item_path(path, prefix, index, rest) && index < parts.size()) {
            parts[index].places.emplace(rest, place);
        }
    }
    std::move(parts.begin(), parts.end(), std::back_inserter(into));
}

/// A list of objects, and what `get -o yaml` prints of several, stand for their items.
void add_documents(Document&& document, std::vector<Document>& into) {
    if (auto* list = document.value.if_array()) {
        unfold(document, *list, "", into);
        return;
    }
    if (auto* object = document.value.if_object()) {
        const json::value* kind = object->if_contains("kind");
        json::value* items = object->if_contains("items");
        if (kind && kind->is_string() && items && items->is_array() &&
            std::string_view(kind->get_string()).ends_with("List")) {
            unfold(document, items->get_array(), "items", into);
            return;
        }
    }
    into.push_back(std::move(document));
}

std::string_view kind_name(const Document& document) {
    const auto* object = document.value.if_object();
    const json::value* kind = object ? object->if_contains("kind") : nullptr;
    return kind && kind->is_string() ? std::string_view(kind->get_string()) : std::string_view();
}

}  // namespace

ParsedDocuments parse_documents(std::string_view text, std::string_view file, std::size_t limit) {
    ParsedDocuments out;
    const auto refuse = [&](Document::Place place, std::string message) {
        out.faults.push_back({std::string(file), place.line, place.column, "", std::move(message)});
        return out;
    };
    if (text.size() > limit) {
        return refuse({}, "the text has " + std::to_string(text.size()) + " bytes; at most " +
                              std::to_string(limit) + " are read");
    }
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (const auto bad = first_bad_byte(text)) {
        return refuse(place_of(text, *bad), "a byte that is not UTF-8 text");
    }
    ReadText read = read_text(text, file);
    out.faults = std::move(read.faults);
    for (Document& document : read.documents) add_documents(std::move(document), out.documents);
    if (out.documents.size() > kMaxDocuments) {
        const auto place = out.documents[kMaxDocuments].place("");
        out.documents.resize(kMaxDocuments);
        return refuse(place, "more than 1000 documents in one text");
    }
    return out;
}

bool is_client_side(const Document& document) {
    const auto kind = kind_name(document);
    return kind == "DeploymentConfig" || kind == "ArchiveUploadSpec";
}

std::vector<Fault> repeated(const std::vector<Document>& documents,
                            const std::vector<Checked>& checked) {
    std::vector<Fault> faults;
    std::map<std::string, std::size_t> first;
    for (std::size_t i = 0; i < documents.size() && i < checked.size(); ++i) {
        const auto& metadata = checked[i].resource.metadata;
        if (metadata.name.empty()) continue;
        const std::string key = std::string(kind_name(documents[i])) + " " + qualified(metadata);
        const auto [found, added] = first.emplace(key, i);
        if (added) continue;
        const Document& earlier = documents[found->second];
        const auto at = earlier.place("metadata.name");
        const auto place = documents[i].place("metadata.name");
        faults.push_back({documents[i].file, place.line, place.column, "metadata.name",
                          key + " is there twice; the first is at " + earlier.file + ":" +
                              std::to_string(at.line)});
    }
    return faults;
}

}  // namespace hearth::model
