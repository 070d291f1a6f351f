#include "cli/results.hpp"

#include <boost/json.hpp>

#include <utility>

#include "cli/objects.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

const json::array& results_of(const json::object& answer) {
    static const json::array kNone;
    const auto* results = answer.if_contains("results");
    return results && results->is_array() ? results->get_array() : kNone;
}

Paint paint_of(std::string_view action) {
    if (action == "created") return Paint::green;
    if (action == "configured") return Paint::yellow;
    if (action == "pruned" || action == "deleted") return Paint::red;
    return Paint::dim;
}

/// Texts of several lines are shown line by line.
void print_side(const Context& context, Paint paint, char sign, const std::string& path,
                const json::value& value) {
    const auto line = [&](const std::string& text) {
        context.terminal.out << context.terminal.paint(paint, std::string(1, sign) + "   " + text)
                             << '\n';
    };
    const auto* text = value.if_string();
    if (!text || text->find('\n') == json::string::npos)
        return line(path + ": " + json::serialize(value));
    line(path + ": |");
    const std::string lines = strip_escapes(*text);
    for (std::size_t start = 0; start < lines.size();) {
        const std::size_t end = std::min(lines.find('\n', start), lines.size());
        line("  " + lines.substr(start, end - start));
        start = end + 1;
    }
}

}  // namespace

std::string object_label(const json::object& result, std::string_view current_namespace) {
    const auto kind = model::find_kind(text_at(result, "kind"));
    std::string label = kind ? std::string(model::table(*kind).singular) : text_at(result, "kind");
    label += '/';
    const auto ns = text_at(result, "namespace");
    if (!ns.empty() && ns != current_namespace) label += ns + "/";
    return label + text_at(result, "name");
}

void print_results(const Context& context, const json::object& answer, std::string_view suffix) {
    std::size_t width = 0;
    for (const auto& item : results_of(answer)) {
        if (item.is_object())
            width = std::max(width, object_label(item.get_object(), context.settings.ns).size());
    }
    for (const auto& item : results_of(answer)) {
        const auto* result = item.if_object();
        if (!result) continue;
        const std::string label = object_label(*result, context.settings.ns);
        if (context.settings.output == Output::name) {
            context.terminal.out << label << '\n';
            continue;
        }
        const std::string action = text_at(*result, "action");
        context.terminal.out << label << std::string(width - label.size() + 2, ' ')
                             << context.terminal.paint(paint_of(action), action) << suffix << '\n';
        if (const auto* upcoming = result->if_contains("upcoming");
            upcoming && upcoming->is_array() && !upcoming->get_array().empty()) {
            context.terminal.out << "  next: ";
            const char* between = "";
            for (const auto& time : upcoming->get_array()) {
                if (!time.is_string()) continue;
                context.terminal.out << std::exchange(between, ", ")
                                     << strip_escapes(time.get_string());
            }
            context.terminal.out << '\n';
        }
        const auto* warnings = result->if_contains("warnings");
        if (!warnings || !warnings->is_array()) continue;
        for (const auto& warning : warnings->get_array()) {
            if (!warning.is_string()) continue;
            context.terminal.err << context.terminal.paint(Paint::yellow, "warning:") << ' '
                                 << label << ": " << strip_escapes(warning.get_string()) << '\n';
        }
    }
}

bool print_diff(const Context& context, const json::object& answer) {
    bool different = false;
    for (const auto& item : results_of(answer)) {
        const auto* result = item.if_object();
        if (!result) continue;
        const std::string action = text_at(*result, "action");
        if (action == "unchanged") continue;
        different = true;
        context.terminal.out << context.terminal.paint(
                                    Paint::bold,
                                    object_label(*result, context.settings.ns) + "  " + action)
                             << '\n';
        const auto* changes = result->if_contains("diff");
        if (!changes || !changes->is_array()) continue;
        for (const auto& change : changes->get_array()) {
            const auto* entry = change.if_object();
            if (!entry) continue;
            const std::string path = text_at(*entry, "path");
            const auto* from = entry->if_contains("from");
            const auto* to = entry->if_contains("to");
            if (from && !from->is_null()) print_side(context, Paint::red, '-', path, *from);
            if (to && !to->is_null()) print_side(context, Paint::green, '+', path, *to);
        }
    }
    return different;
}

}  // namespace hearth::cli
