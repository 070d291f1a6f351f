#include "api/operations.hpp"

#include <algorithm>

#include "hearth/http/message.hpp"

namespace hearth::api {
namespace {

std::string_view next_segment(std::string_view& rest) {
    rest.remove_prefix(1);
    const auto end = rest.find('/');
    const auto segment = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end);
    return segment;
}

bool match_template(std::string_view pattern, std::string_view path, PathValues& values) {
    values.clear();
    while (!pattern.empty() && pattern.front() == '/') {
        const auto wanted = next_segment(pattern);
        const bool parameter = wanted.size() > 2 && wanted.front() == '{';
        if (parameter && wanted.ends_with("...}")) {
            if (path.empty()) return false;
            values.emplace_back(wanted.substr(1, wanted.size() - 5), path);
            return true;
        }
        if (path.empty() || path.front() != '/') return false;
        const auto given = next_segment(path);
        if (!parameter) {
            if (given != wanted) return false;
            continue;
        }
        auto decoded = http::percent_decode(given, false);
        if (!decoded || decoded->empty()) return false;
        values.emplace_back(wanted.substr(1, wanted.size() - 2), std::move(*decoded));
    }
    return path.empty();
}

void add_method(std::string& allow, std::string_view method) {
    if (("," + allow + ",").find("," + std::string(method) + ",") != std::string::npos) return;
    if (!allow.empty()) allow += ',';
    allow += method;
}

/// "GET,HEAD" as an Allow header shows it.
std::string spaced(const std::string& allow) {
    std::string out;
    for (const char c : allow) {
        out += c;
        if (c == ',') out += ' ';
    }
    return out;
}

}  // namespace

OperationTable::OperationTable() : rows_(operation_rows()) {}

Match OperationTable::match(std::string_view method, std::string_view path) const {
    Match found;
    const Operation* get_row = nullptr;
    PathValues values, get_values;
    const auto same = [path](const Operation& row) { return row.path == path; };
    const bool literal = std::any_of(rows_.begin(), rows_.end(), same);
    for (const auto& row : rows_) {
        // /archives/collect is not the archive named "collect".
        if (literal && row.path != path) continue;
        if (!match_template(row.path, path, values)) continue;
        if (row.method == method || row.method == "*") {
            found.operation = &row;
            found.values = std::move(values);
            return found;
        }
        if (row.method == "GET" && get_row == nullptr) {
            get_row = &row;
            get_values = values;
        }
        add_method(found.allow, row.method);
        if (row.method == "GET") add_method(found.allow, "HEAD");
    }
    if (method == "HEAD" && get_row != nullptr) {
        found.operation = get_row;
        found.values = std::move(get_values);
        return found;
    }
    found.allow = spaced(found.allow);
    return found;
}

std::string_view to_string(Role role) {
    switch (role) {
        case Role::view:
            return "view";
        case Role::call:
            return "call";
        case Role::deploy:
            return "deploy";
        case Role::admin:
            return "admin";
    }
    return "view";
}

}  // namespace hearth::api
