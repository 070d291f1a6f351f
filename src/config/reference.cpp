#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "config/keys.hpp"

namespace hearth::config {

namespace {

std::string_view form_name(Form form) {
    switch (form) {
        case Form::text:
            return "text";
        case Form::path:
            return "path";
        case Form::boolean:
            return "true or false";
        case Form::integer:
            return "whole number";
        case Form::bytes:
            return "quantity (`64Mi`)";
        case Form::cpu:
            return "quantity (`500m`)";
        case Form::duration:
            return "duration (`30s`)";
        case Form::list:
            return "list of texts";
        case Form::map:
            return "map of texts";
    }
    return "";
}

/// The rule in words: "64Ki to 1Gi", "debug, info, warn or error".
std::string rule_text(const KeyRow& row) {
    if (row.rule.starts_with("range:")) {
        const auto bounds = row.rule.substr(6);
        const auto dots = bounds.find("..");
        return fmt::format("{} to {}", bounds.substr(0, dots), bounds.substr(dots + 2));
    }
    if (row.rule.starts_with("enum:")) {
        std::string text;
        for (const char c : row.rule.substr(5))
            text += c == ',' ? std::string(", ") : std::string(1, c);
        return text;
    }
    return {};
}

std::string yaml_value(const KeyRow& row, const DaemonConfig& config) {
    if (row.form == Form::list) return "[]";
    if (row.form == Form::map) return "{}";
    const auto text = text_of(row, config);
    if (text.empty()) return "\"\"";
    return text;
}

void append_comment(std::string& out, std::string_view indent, std::string_view text) {
    constexpr std::size_t kWidth = 98;
    std::string line = fmt::format("{}#", indent);
    while (!text.empty()) {
        const auto space = std::min(text.find(' '), text.size());
        if (line.size() + 1 + space > kWidth) {
            out += line + "\n";
            line = fmt::format("{}#", indent);
        }
        line += fmt::format(" {}", text.substr(0, space));
        text.remove_prefix(std::min(space + 1, text.size()));
    }
    out += line + "\n";
}

/// Writes the headings a key needs that are not open already; returns its indentation.
std::string open_sections(std::string& out, std::string_view key,
                          std::vector<std::string_view>& open) {
    std::vector<std::string_view> wanted;
    for (auto dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.', dot + 1))
        wanted.push_back(key.substr(0, dot));
    std::size_t common = 0;
    while (common < wanted.size() && common < open.size() && wanted[common] == open[common])
        ++common;
    for (std::size_t level = common; level < wanted.size(); ++level) {
        const auto name = wanted[level].substr(wanted[level].rfind('.') + 1);
        out += fmt::format("{}{}:\n", std::string(level * 2, ' '), name);
    }
    open = wanted;
    return std::string(wanted.size() * 2, ' ');
}

}  // namespace

boost::json::object to_json(const DaemonConfig& config) {
    boost::json::object root;
    for (const auto& row : key_rows()) {
        auto* object = &root;
        auto name = row.name;
        for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
            auto& section = (*object)[name.substr(0, dot)];
            if (!section.is_object()) section.emplace_object();
            object = &section.as_object();
            name.remove_prefix(dot + 1);
        }
        auto& value = (*object)[name];
        const auto slot = row.slot(const_cast<DaemonConfig&>(config));
        if (auto* const* list = std::get_if<std::vector<std::string>*>(&slot)) {
            auto& array = value.emplace_array();
            for (const auto& item : **list) array.emplace_back(item);
        } else if (auto* const* map = std::get_if<std::map<std::string, std::string>*>(&slot)) {
            auto& pairs = value.emplace_object();
            for (const auto& [key, text] : **map) pairs[key] = text;
        } else if (auto* const* flag = std::get_if<bool*>(&slot)) {
            value = **flag;
        } else if (row.form == Form::integer) {
            value = std::stoll(text_of(row, config));
        } else {
            value = text_of(row, config);
        }
    }
    return root;
}

std::string reference_markdown() {
    const DaemonConfig defaults;
    std::string out =
        "# Configuration\n\n"
        "`hearth serve --config hearth.yaml` reads one YAML file; `hearth serve --check` checks it "
        "and stops. Every key has\n"
        "a default, so the file may be empty or left out. Unknown keys, duplicate keys and values "
        "out of range are\n"
        "refused, all at once, each with its line. An environment variable overrides the file's "
        "value of its key: lists\n"
        "are written `a,b`, maps `glob=name,glob=name`. Every key is read once, when the daemon "
        "starts.\n\n"
        "`hearth.yaml` beside this page holds every key with its default. This page and that file "
        "are made from the\n"
        "table in `src/config/keys.cpp`: `HEARTH_UPDATE_GOLDEN=1 build/dev/test_config` writes "
        "them anew.\n\n"
        "| Key | Type | Default | Unit | Allowed | Environment variable | Effect |\n"
        "|---|---|---|---|---|---|---|\n";
    for (const auto& row : key_rows()) {
        out += fmt::format("| `{}` | {} | `{}` | {} | {} | `{}` | {} |\n", row.name,
                           form_name(row.form), yaml_value(row, defaults), row.unit, rule_text(row),
                           variable_of(row.name), row.doc);
    }
    return out;
}

std::string example_yaml() {
    const DaemonConfig defaults;
    std::string out =
        "# Hearth's configuration: every key with its default. Leave out what you do not change.\n"
        "# Reference: configuration.md. Check a file with: hearth serve --check --config FILE\n";
    std::vector<std::string_view> sections;
    for (const auto& row : key_rows()) {
        out += "\n";
        const auto indent = open_sections(out, row.name, sections);
        append_comment(out, indent, row.doc);
        std::string facts;
        if (!row.unit.empty()) facts = fmt::format("Unit: {}.", row.unit);
        if (const auto rule = rule_text(row); !rule.empty()) {
            facts += fmt::format("{}Allowed: {}.", facts.empty() ? "" : " ", rule);
        }
        if (!facts.empty()) append_comment(out, indent, facts);
        const auto leaf = row.name.substr(row.name.rfind('.') + 1);
        out += fmt::format("{}{}: {}\n", indent, leaf, yaml_value(row, defaults));
    }
    return out;
}

}  // namespace hearth::config
