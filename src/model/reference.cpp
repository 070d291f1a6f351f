#include <string>

#include "hearth/model/kinds.hpp"
#include "model/field_tables.hpp"
#include "model/field_tree.hpp"

namespace hearth::model {

namespace {

std::string_view type_word(FieldType type) {
    switch (type) {
        case FieldType::string:
            return "text";
        case FieldType::integer:
            return "whole number";
        case FieldType::number:
            return "number";
        case FieldType::boolean:
            return "true or false";
        case FieldType::object:
            return "map";
        case FieldType::list:
            return "list of maps";
        case FieldType::string_map:
            return "map of texts";
        case FieldType::string_list:
            return "list of texts";
        case FieldType::duration:
            return "duration (`30s`)";
        case FieldType::bytes:
            return "bytes (`64Mi`)";
        case FieldType::cpu:
            return "CPU (`500m`)";
        case FieldType::any:
            return "anything";
    }
    return "";
}

std::string rule_words(std::string_view rule) {
    struct Word {
        std::string_view rule, text;
    };
    static constexpr Word kWords[] = {
        {"nonempty", "not empty"},
        {"dns1123", "DNS label, at most 63"},
        {"hostname", "DNS name, `*.` in front allowed"},
        {"namespace", "the object's own"},
        {"env", "name of a variable, none of the reserved ones"},
        {"relpath", "relative path without `..`"},
        {"keys:filepath", "keys are relative paths without `..`"},
        {"keys:data", "keys of letters, digits, `_`, `-`, `.`"},
        {"keys:env", "keys are names of variables"},
        {"keys:label", "keys as Kubernetes takes them"},
        {"keys:annotation", "keys as Kubernetes takes them"},
        {"labelvalue", "values of at most 63"},
        {"base64", "base64"},
        {"base64:262144", "base64"},
        {"sha256", "64 hexadecimal digits"},
        {"route", "path; `{name}` segments"},
        {"prefix", "path"},
        {"origin", "`*` or scheme and host"},
        {"method", "HTTP method"},
        {"url", "archive:// or http(s)://"},
        {"header", "header name"},
        {"nonempty-items", "no empty texts"},
        {"positive", "more than 0"},
        {"rfc3339", "RFC 3339"},
        {"count", "1 to 1000"},
        {"zero-ok", "0 is the default"},
        {"noeffect", "no effect here"},
        {"kubernetes", "kubernetes backend alone"},
        {"refused", "refused"},
        {"onlytrue", "true"},
        {"extended", "extended resources (`nvidia.com/gpu`) as well"},
        {"mapof", "keys are free"},
        {"keys:statename", "at most 64 letters, digits, `_`, `-`"},
        {"statename", "name of a state"},
        {"jsonpath", "`$`, `$.a.b`, `$.list[0]`, `$['a key']`"},
        {"port", "1 to 65535, or a port's name"},
        {"quantity", "quantity"},
        {"decimal", "number"},
        {"groups", "list of 1 to 4294967294"},
        {"subdomain", "DNS name"},
        {"secretname", "DNS name, not `hearth-…`"},
        {"optionalsecret", "DNS name, not `hearth-…`"},
        {"image", "no spaces"},
        {"abspath", "absolute path without `..`"},
        {"mountpath", "absolute path, none of the reserved ones"},
        {"podenv", "name of a variable, not `HEARTH_…`"},
        {"fieldpath", "a field of the pod that is safe to show"},
        {"portname", "at most 15"},
        {"ip", "IP address"},
        {"priorityclass", "not `system-…`"},
        {"labelkey", "key as Kubernetes takes it"},
        {"label", "key as Kubernetes takes it"},
        {"data", "key of letters, digits, `_`, `-`, `.`"},
        {"filepath", "relative path without `..`"},
    };
    for (const Word& word : kWords) {
        if (word.rule == rule) return std::string(word.text);
    }
    const std::size_t colon = rule.find(':');
    const std::string_view name = rule.substr(0, colon), argument = rule.substr(colon + 1);
    if (name == "enum") {
        std::string out;
        for (std::size_t start = 0; start <= argument.size();) {
            const std::size_t end = std::min(argument.find(',', start), argument.size());
            const auto word = argument.substr(start, end - start);
            if (!word.empty()) out += (out.empty() ? "`" : ", `") + std::string(word) + "`";
            start = end + 1;
        }
        return out;
    }
    if (name == "range") {
        const std::size_t dots = argument.find("..");
        return std::string(argument.substr(0, dots)) + " to " +
               std::string(argument.substr(dots + 2));
    }
    if (name == "tree")
        return "see [" + std::string(argument) + "](#part-" + std::string(argument) + ")";
    if (name == "min") return "at least " + std::string(argument);
    if (name == "max") return "at most " + std::string(argument);
    if (name == "maxlen") return "at most " + std::string(argument) + " bytes";
    return std::string(rule);
}

std::string rules_text(std::string_view rules) {
    std::string out;
    for (std::size_t start = 0; start < rules.size();) {
        const std::size_t end = std::min(rules.find(';', start), rules.size());
        out += (out.empty() ? "" : "; ") + rule_words(rules.substr(start, end - start));
        start = end + 1;
    }
    return out;
}

void add_rows(std::string& out, std::span<const FieldRow> rows) {
    out += "| field | type | default | rule | meaning |\n|---|---|---|---|---|\n";
    for (const FieldRow& row : rows) {
        out += "| `" + std::string(row.path) + "` | " + std::string(type_word(row.type)) + " | ";
        out += row.required ? "required"
                            : (row.fallback.empty() ? "" : "`" + std::string(row.fallback) + "`");
        out += " | " + rules_text(row.rule) + " | " + std::string(row.doc) + " |\n";
    }
}

}  // namespace

std::string reference_markdown() {
    std::string out =
        "# Resources\n\n"
        "Every kind and field, made from the tables the validator reads. A key that is not listed "
        "here is refused.\n"
        "Absent members and members that are `null` are the same.\n\n"
        "## In every kind\n\n";
    add_rows(out, common_fields());
    for (const Kind kind : kAllKinds) {
        const KindTable& row = table(kind);
        out += "\n## " + std::string(row.name) + "\n\n" + std::string(row.doc) +
               " On the command line: `" + std::string(row.plural) + "`, `" +
               std::string(row.singular) + "` or `" + std::string(row.short_name) + "`.\n\n";
        add_rows(out, row.fields);
    }
    out +=
        "\n## Parts\n\nWhat several fields take in the same form: Kubernetes' own names and "
        "meanings. A field that is listed as refused, or not\nlisted, is refused on every "
        "backend.\n";
    for (const auto& [name, rows] : all_parts()) {
        out += "\n### Part " + std::string(name) + "\n\n";
        add_rows(out, rows);
    }
    return out;
}

}  // namespace hearth::model
