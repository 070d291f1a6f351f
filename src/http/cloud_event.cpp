#include "hearth/http/cloud_event.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "hearth/base/ids.hpp"
#include "http/ascii.hpp"

namespace hearth::http {
namespace {

namespace json = boost::json;

constexpr std::string_view kPrefix = "ce-";

Error wrong(std::string message) {
    return Error(Errc::invalid_argument, "no CloudEvent: " + std::move(message), {}, "client");
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = to_lower(c);
    return out;
}

bool is_attribute_name(std::string_view name) {
    return !name.empty() &&
           std::ranges::all_of(name, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); });
}

bool is_json(std::string_view type) {
    const auto media = lower(trim(type.substr(0, type.find(';'))));
    return media.empty() || media == "application/json" || media == "text/json" ||
           media.ends_with("+json");
}

Result<void> check(const CloudEvent& event) {
    for (const char* name : {"specversion", "id", "source", "type"}) {
        const auto found = event.attributes.find(name);
        if (found == event.attributes.end() || found->second.empty())
            return wrong("the attribute " + std::string(name) + " is missing");
    }
    if (const auto& version = event.attributes.at("specversion"); version != "1.0")
        return wrong("its specversion is \"" + version + "\"; 1.0 is understood");
    return {};
}

Result<CloudEvent> read_binary(const HeaderList& headers, std::string_view body) {
    CloudEvent event;
    for (std::size_t i = 0; i < headers.size(); ++i) {
        const auto [name, value] = headers.at(i);
        if (name.size() <= kPrefix.size() || !same_name(name.substr(0, kPrefix.size()), kPrefix))
            continue;
        const auto attribute = lower(name.substr(kPrefix.size()));
        if (!is_attribute_name(attribute))
            return wrong("\"" + std::string(name) +
                         "\" names no attribute: letters and digits only");
        // Some senders do not encode at all; what cannot be decoded is theirs.
        const auto decoded = percent_decode(value, false);
        const auto text = decoded ? *decoded : std::string(value);
        if (!event.attributes.emplace(attribute, text).second)
            return wrong("the attribute " + attribute + " stands twice");
    }
    event.data_type = headers.find("Content-Type").value_or("");
    event.data = body;
    if (auto good = check(event); good.has_error()) return good.error();
    return event;
}

/// Takes over one member; false when its type is none an attribute can have.
bool take_attribute(CloudEvent& event, const std::string& name, const json::value& value) {
    if (const auto* text = value.if_string()) {
        event.attributes[name] = std::string(*text);
    } else if (value.is_bool()) {
        event.attributes[name] = value.get_bool() ? "true" : "false";
    } else if (value.is_int64() || value.is_uint64()) {
        event.attributes[name] = json::serialize(value);
    } else {
        return value.is_null();
    }
    return true;
}

Result<CloudEvent> read_structured(std::string_view body) {
    boost::system::error_code ec;
    const auto parsed = json::parse(body, ec);
    if (ec || !parsed.is_object()) return wrong("the body is no JSON object");
    CloudEvent event;
    const json::value *data = nullptr, *bytes = nullptr;
    for (const auto& member : parsed.get_object()) {
        const std::string name(member.key());
        if (name == "data") {
            data = &member.value();
        } else if (name == "data_base64") {
            bytes = &member.value();
        } else if (!is_attribute_name(name) || !take_attribute(event, name, member.value())) {
            return wrong("the member \"" + name.substr(0, 40) +
                         "\" is no attribute: lower-case letters and digits, with a text, a whole "
                         "number, true or false");
        }
    }
    if (const auto type = event.attributes.extract("datacontenttype"); !type.empty())
        event.data_type = type.mapped();
    if (auto good = check(event); good.has_error()) return good.error();
    if (bytes != nullptr) {
        if (data != nullptr) return wrong("data and data_base64 exclude each other");
        if (!bytes->is_string() || !base::base64_decode(bytes->get_string(), event.data))
            return wrong("data_base64 is no base64");
    } else if (data != nullptr) {
        const auto* text = data->if_string();
        const bool as_it_is = text != nullptr && !is_json(event.data_type);
        event.data = as_it_is ? std::string(*text) : json::serialize(*data);
        if (event.data_type.empty()) event.data_type = "application/json";
    }
    return event;
}

}  // namespace

std::string encode_attribute(std::string_view value) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    std::string out;
    out.reserve(value.size());
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7f && c != '"' && c != '%') {
            out += c;
            continue;
        }
        out += '%';
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

Result<CloudEvent> read_cloud_event(const HeaderList& headers, std::string_view body) {
    const auto type = lower(headers.find("Content-Type").value_or(""));
    const auto media = trim(std::string_view(type).substr(0, type.find(';')));
    if (media == "application/cloudevents+json") return read_structured(body);
    if (media.starts_with("application/cloudevents"))
        return Error(Errc::unsupported,
                     "CloudEvents are taken one at a time, in binary mode or as "
                     "application/cloudevents+json; this is " +
                         std::string(media),
                     {}, "client");
    return read_binary(headers, body);
}

void set_binary_headers(const CloudEvent& event, HeaderList& headers) {
    for (const auto& [name, value] : event.attributes)
        headers.set(std::string(kPrefix) + name, encode_attribute(value));
    if (!event.data_type.empty()) headers.set("Content-Type", event.data_type);
}

std::string structured_body(const CloudEvent& event) {
    json::object whole;
    for (const auto& [name, value] : event.attributes) whole[name] = value;
    if (!event.data_type.empty()) whole["datacontenttype"] = event.data_type;
    if (event.data.empty()) return json::serialize(whole);
    boost::system::error_code ec;
    if (is_json(event.data_type)) {
        auto value = json::parse(event.data, ec);
        if (!ec) {
            whole["data"] = std::move(value);
            return json::serialize(whole);
        }
    }
    auto text = json::parse(json::serialize(json::string(event.data)), ec);
    if (!ec && !is_json(event.data_type)) {
        whole["data"] = std::move(text);
    } else {
        whole["data_base64"] = base::base64_encode(event.data);
    }
    return json::serialize(whole);
}

}  // namespace hearth::http
