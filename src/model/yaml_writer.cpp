#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

#include "hearth/model/document.hpp"
#include "model/readers.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

/// Words that readers of the older YAML 1.1 take for booleans.
bool old_boolean(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return lower == "y" || lower == "n" || lower == "yes" || lower == "no" || lower == "on" ||
           lower == "off" || lower == "true" || lower == "false" || lower == "null";
}

/// Only what no YAML reader takes for anything but text goes without quotes.
bool plain_safe(std::string_view text) {
    if (text.empty() || text.size() > 200 || old_boolean(text)) return false;
    const unsigned char first = static_cast<unsigned char>(text.front());
    const bool starts_well = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') ||
                             first == '/' || first == '_';
    if (!starts_well || text.back() == ' ' || text.back() == ':') return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const unsigned char c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 || c >= 0x7F) return false;
        if (std::string_view("{}[],&*!|>%@`\"'").find(text[i]) != std::string_view::npos)
            return false;
        if (c == ':' && i + 1 < text.size() && text[i + 1] == ' ') return false;
        if (c == '#' && i > 0 && text[i - 1] == ' ') return false;
    }
    return true;
}

/// Text that a literal block gives back byte by byte.
bool block_safe(std::string_view text) {
    if (text.find('\n') == std::string_view::npos || text.front() == ' ' || text.front() == '\n' ||
        text.front() == '\t') {
        return false;
    }
    if (text.ends_with("\n\n")) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const unsigned char c = static_cast<unsigned char>(text[i]);
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) return false;
        // NEL, LS, PS and BOM mean something to some readers.
        const std::string_view rest = text.substr(i);
        if (rest.starts_with("\xC2\x85") || rest.starts_with("\xE2\x80\xA8") ||
            rest.starts_with("\xE2\x80\xA9") || rest.starts_with("\xEF\xBB\xBF")) {
            return false;
        }
    }
    // Lines of spaces alone are where readers differ.
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        const std::string_view line = text.substr(start, end - start);
        if (!line.empty() && line.find_first_not_of(" \t") == std::string_view::npos) return false;
        start = end + 1;
    }
    return true;
}

std::string quoted(std::string_view text) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string out = "\"";
    for (const char character : text) {
        const unsigned char c = static_cast<unsigned char>(character);
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\t':
                out += "\\t";
                break;
            case '\r':
                out += "\\r";
                break;
            default:
                if (c < 0x20 || c == 0x7F) {
                    out += "\\x";
                    out += kHex[c >> 4];
                    out += kHex[c & 15];
                } else {
                    out += character;
                }
        }
    }
    return out + "\"";
}

/// The shortest text that reads back as the same double, and as a double.
std::string number_text(double number) {
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
    std::string out(buffer, end);
    if (out.find_first_of(".e") == std::string::npos) out += ".0";
    return out;
}

std::string scalar_text(const json::value& value) {
    if (const auto* text = value.if_string()) {
        return plain_safe(*text) ? std::string(*text) : quoted(*text);
    }
    return value.is_double() ? number_text(value.get_double()) : json::serialize(value);
}

bool is_block(const json::value& value) {
    return (value.is_object() && !value.get_object().empty()) ||
           (value.is_array() && !value.get_array().empty());
}

void write_block_text(std::string& out, std::string_view text, int indent) {
    out += text.ends_with('\n') ? "|\n" : "|-\n";
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        if (end > start) out.append(static_cast<std::size_t>(indent), ' ');
        out += text.substr(start, end - start);
        out += '\n';
        start = end + 1;
    }
}

void write_scalar(std::string& out, const json::value& value, int indent) {
    if (const auto* text = value.if_string(); text && block_safe(*text)) {
        write_block_text(out, *text, indent + 2);
        return;
    }
    out += scalar_text(value);
    out += '\n';
}

void write_value(std::string& out, const json::value& value, int indent, bool indent_first);

void write_object(std::string& out, const json::object& object, int indent, bool indent_first) {
    for (const auto& member : object) {
        if (indent_first) out.append(static_cast<std::size_t>(indent), ' ');
        indent_first = true;
        const std::string_view key = member.key();
        out += plain_safe(key) ? std::string(key) : quoted(key);
        out += ':';
        if (!is_block(member.value())) {
            out += ' ';
            write_scalar(out, member.value(), indent);
            continue;
        }
        out += '\n';
        write_value(out, member.value(), indent + (member.value().is_array() ? 0 : 2), true);
    }
}

void write_array(std::string& out, const json::array& array, int indent) {
    for (const json::value& item : array) {
        out.append(static_cast<std::size_t>(indent), ' ');
        out += '-';
        if (!is_block(item)) {
            out += ' ';
            write_scalar(out, item, indent);
        } else if (item.is_object()) {
            out += ' ';
            write_value(out, item, indent + 2, false);
        } else {
            out += '\n';
            write_value(out, item, indent + 2, true);
        }
    }
}

void write_value(std::string& out, const json::value& value, int indent, bool indent_first) {
    if (const auto* object = value.if_object(); object && !object->empty()) {
        write_object(out, *object, indent, indent_first);
    } else if (const auto* array = value.if_array(); array && !array->empty()) {
        write_array(out, *array, indent);
    } else {
        write_scalar(out, value, indent);
    }
}

}  // namespace

std::string to_yaml(const json::value& value) {
    std::string out;
    write_value(out, value, 0, true);
    return out;
}

}  // namespace hearth::model
