#include "api/content.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <map>

#include "hearth/base/json_view.hpp"
#include "hearth/model/kinds.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return out;
}

std::string_view trim(std::string_view text) {
    const auto space = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && space(text.front())) text.remove_prefix(1);
    while (!text.empty() && space(text.back())) text.remove_suffix(1);
    return text;
}

std::string media_type(std::string_view header) {
    return lower(trim(header.substr(0, header.find(';'))));
}

std::string text_member(const json::value& value, std::string_view key) {
    const auto* object = value.if_object();
    return object ? base::text_at(*object, key) : std::string();
}

model::Fault fault_in(const model::Document& document, std::string path, std::string message) {
    const auto place = document.place(path);
    model::Fault fault;
    fault.file = document.file;
    fault.line = place.line;
    fault.column = place.column;
    fault.path = std::move(path);
    fault.message = std::move(message);
    return fault;
}

model::Fault fault_of_text(const std::string& file, std::string message) {
    model::Fault fault;
    fault.file = file;
    fault.message = std::move(message);
    return fault;
}

/// A label value that tells a DeploymentConfig's set: its name and, because names repeat, the start
/// of its uid.
std::string set_of(const model::Document& document) {
    constexpr std::size_t kLongestName = 40, kUidPart = 13;
    std::string name = text_member(document.value, "name");
    std::string uid = text_member(document.value, "uid");
    const auto* object = document.value.if_object();
    const auto* metadata = object ? object->if_contains("metadata") : nullptr;
    if (metadata && name.empty()) name = text_member(*metadata, "name");
    if (name.size() > kLongestName) name.resize(kLongestName);
    if (uid.empty()) return name;
    return (name.empty() ? std::string("set") : name) + "-" + uid.substr(0, kUidPart);
}

/// Fills what a request's path says already.
void complete(model::Document& document, const Reading& reading) {
    auto* object = document.value.if_object();
    if (object == nullptr) return;
    const bool data =
        *reading.kind == model::Kind::secret || *reading.kind == model::Kind::config_map;
    if (!object->contains("apiVersion")) (*object)["apiVersion"] = data ? "v1" : "hearth/v1";
    if (!object->contains("kind")) (*object)["kind"] = model::table(*reading.kind).name;
    if (!object->contains("metadata")) (*object)["metadata"] = json::object();
    auto* metadata = (*object)["metadata"].if_object();
    if (metadata && !reading.name.empty() && !metadata->contains("name"))
        (*metadata)["name"] = reading.name;
}

class Reader {
 public:
    explicit Reader(const Reading& reading) : reading_(reading) {}

    Incoming documents() {
        if (!plausible()) return std::move(out_);
        auto parsed = model::parse_documents(reading_.body, reading_.file);
        out_.syntax = std::move(parsed.faults);
        if (!out_.syntax.empty()) return std::move(out_);
        return check(std::move(parsed.documents));
    }

    Incoming check(std::vector<model::Document> documents) {
        if (documents.empty()) {
            out_.syntax.push_back(fault_of_text(reading_.file, "the text holds no document"));
            return std::move(out_);
        }
        if (reading_.kind && documents.size() > 1) {
            out_.syntax.push_back(fault_in(
                documents[1], "", "one object was expected, not several; use POST /api/v1/apply"));
            return std::move(out_);
        }
        std::vector<model::Document> kept;
        std::vector<model::Checked> checked;
        for (auto& document : documents) {
            if (reading_.kind) complete(document, reading_);
            if (!reading_.kind && model::is_client_side(document)) {
                take_client_side(document);
                continue;
            }
            checked.push_back(model::check(document, reading_.ns, reading_.target));
            kept.push_back(std::move(document));
        }
        for (auto& fault : model::repeated(kept, checked)) out_.faults.push_back(std::move(fault));
        for (std::size_t i = 0; i < kept.size(); ++i)
            add(std::move(kept[i]), std::move(checked[i]));
        return std::move(out_);
    }

 private:
    /// A text sent as JSON must begin like it, or a mistake in the header would be hidden by the
    /// YAML reader.
    bool plausible() {
        const auto start = reading_.body.find_first_not_of(" \t\r\n");
        if (start == std::string::npos) {
            out_.syntax.push_back(fault_of_text(reading_.file, "the body is empty"));
            return false;
        }
        const char first = reading_.body[start];
        if (!reading_.format.json_only || first == '{' || first == '[') return true;
        out_.syntax.push_back(fault_of_text(
            reading_.file,
            "the body is not JSON; for YAML send \"Content-Type: application/yaml\""));
        return false;
    }

    void take_client_side(const model::Document& document) {
        if (text_member(document.value, "kind") == "DeploymentConfig") {
            out_.set = set_of(document);
            return;
        }
        out_.faults.push_back(fault_in(
            document, "kind",
            "ArchiveUploadSpec names files that only the command line can read: send the folder "
            "with `hearth apply -f DIR`, or use `files` in the Package"));
    }

    void check_target(const model::Document& document, const model::Resource& resource) {
        if (resource.kind != *reading_.kind) {
            out_.faults.push_back(fault_in(document, "kind",
                                           "is " + std::string(model::table(resource.kind).name) +
                                               ", but the path is of " +
                                               std::string(model::table(*reading_.kind).name)));
        }
        if (resource.metadata.ns != reading_.ns) {
            out_.faults.push_back(
                fault_in(document, "metadata.namespace",
                         "is " + resource.metadata.ns + ", but the path is of " + reading_.ns));
        }
        if (!reading_.name.empty() && resource.metadata.name != reading_.name) {
            out_.faults.push_back(
                fault_in(document, "metadata.name",
                         "is " + resource.metadata.name + ", but the path is of " + reading_.name));
        }
    }

    void add(model::Document document, model::Checked checked) {
        for (auto& fault : checked.warnings) out_.warnings.push_back(fault);
        if (!checked.faults.empty()) {
            for (auto& fault : checked.faults) out_.faults.push_back(std::move(fault));
            return;
        }
        if (reading_.kind) check_target(document, checked.resource);
        if (!reading_.kind && checked.resource.kind == model::Kind::api_token) {
            out_.faults.push_back(
                fault_in(document, "kind",
                         "tokens are made one by one, because their text is shown once: POST "
                         "/api/v1/namespaces/NAMESPACE/apitokens"));
            return;
        }
        Wanted wanted;
        wanted.resource = std::move(checked.resource);
        for (const auto& fault : checked.warnings) {
            wanted.warnings.push_back(fault.path.empty() ? fault.message
                                                         : fault.path + ": " + fault.message);
        }
        document.value = nullptr;  // the resource has it; only the places are still needed
        wanted.document = std::make_shared<const model::Document>(std::move(document));
        if (wanted.resource.kind == model::Kind::package) {
            for (auto& fault : pack_archives(wanted, out_.packed))
                out_.faults.push_back(std::move(fault));
        }
        out_.wanted.push_back(std::move(wanted));
    }

    const Reading& reading_;
    Incoming out_;
};

}  // namespace

Result<BodyFormat> body_format(const http::RequestHead& head) {
    BodyFormat format;
    const auto header = head.headers.find("Content-Type");
    if (!header) return format;
    const auto type = media_type(*header);
    const bool yaml = type == "application/yaml" || type == "application/x-yaml" ||
                      type == "text/yaml" || type == "text/x-yaml" || type.ends_with("+yaml");
    if (yaml || type == "application/octet-stream" || type.empty()) return format;
    if (type == "application/json" || type == "text/json" || type.ends_with("+json")) {
        format.json_only = true;
        return format;
    }
    return Error(Errc::unsupported,
                 "a body must be JSON or YAML: send \"Content-Type: application/yaml\" (it reads "
                 "JSON too) or "
                 "\"Content-Type: application/json\"",
                 {}, "api");
}

bool accepts(std::string_view accept, std::string_view media) {
    if (trim(accept).empty()) return true;
    const auto slash = media.find('/');
    const std::string any_sub = std::string(media.substr(0, slash)) + "/*";
    while (!accept.empty()) {
        const auto comma = accept.find(',');
        const auto item = accept.substr(0, comma);
        accept = comma == std::string_view::npos ? std::string_view() : accept.substr(comma + 1);
        const auto type = media_type(item);
        const auto parameters = lower(item);
        if (parameters.find("q=0") != std::string::npos &&
            parameters.find("q=0.") == std::string::npos)
            continue;
        if (type == "*/*" || type == any_sub || type == media) return true;
        if (media == "application/json" &&
            (type == "application/problem+json" || type.ends_with("+json")))
            return true;
        if (media == "application/x-ndjson" && type == "application/json") return true;
    }
    return false;
}

Incoming read_documents(const Reading& reading) {
    return Reader(reading).documents();
}

Incoming read_patched(json::value value, const Reading& reading) {
    model::Document document;
    document.file = reading.file;
    document.value = std::move(value);
    std::vector<model::Document> documents;
    documents.push_back(std::move(document));
    return Reader(reading).check(std::move(documents));
}

}  // namespace hearth::api
