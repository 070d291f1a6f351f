#include "model/field_tree.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t cut = text.find(separator);
        parts.push_back(text.substr(0, cut));
        if (cut == std::string_view::npos) return parts;
        text.remove_prefix(cut + 1);
    }
}

std::int64_t number(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

void add_rule(FieldRules& rules, std::string_view rule) {
    const std::size_t colon = rule.find(':');
    const std::string_view name = rule.substr(0, colon);
    const std::string_view argument =
        colon == std::string_view::npos ? std::string_view() : rule.substr(colon + 1);
    rules.names.push_back(rule);
    if (name == "enum") {
        rules.choices = split(argument, ',');
    } else if (name == "min") {
        rules.min = number(argument);
    } else if (name == "max") {
        rules.max = number(argument);
    } else if (name == "range") {
        const std::size_t dots = argument.find("..");
        rules.min = number(argument.substr(0, dots));
        rules.max = number(argument.substr(dots + 2));
    } else if (name == "maxlen") {
        rules.max_length = static_cast<std::size_t>(number(argument));
    } else if (name == "keys") {
        rules.key = text_rule(argument);
    } else if (name == "base64") {
        rules.text = text_rule("base64");
        rules.max_decoded = static_cast<std::size_t>(number(argument));
    } else if (name == "nonempty") {
        rules.nonempty = true;
    } else if (name == "positive") {
        rules.positive = true;
    } else if (name == "namespace") {
        rules.own_namespace = true;
    } else if (name == "noeffect") {
        rules.no_effect = true;
    } else if (name == "kubernetes") {
        rules.kubernetes = true;
    } else if (name == "refused") {
        rules.refused = true;
    } else if (name == "onlytrue") {
        rules.only_true = true;
    } else if (name == "extended") {
        rules.extended = true;
    } else if (name == "mapof") {
        rules.map_of = true;
    } else if (name == "tree") {
        rules.part = argument;
    } else if (value_rule(name)) {
        rules.value = value_rule(name);
    } else if (name != "zero-ok") {
        rules.text = text_rule(name);
        if (!rules.text) throw std::logic_error("unknown rule " + std::string(rule));
    }
}

void add_row(FieldNode& root, const FieldRow& row) {
    FieldNode* node = &root;
    const auto parts = split(row.path, '.');
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        std::string_view part = parts[i];
        if (part.ends_with("[]")) part.remove_suffix(2);
        const auto found = std::find_if(node->children.begin(), node->children.end(),
                                        [&](const FieldNode& child) { return child.name == part; });
        if (found == node->children.end()) {
            throw std::logic_error("row without its parent's: " + std::string(row.path));
        }
        node = &*found;
    }
    FieldNode child;
    child.name = parts.back();
    child.row = &row;
    child.type = row.type;
    if (!row.rule.empty()) {
        for (const std::string_view rule : split(row.rule, ';')) add_rule(child.rules, rule);
    }
    node->children.push_back(std::move(child));
}

struct Parts {
    std::vector<std::pair<std::string_view, FieldNode>> trees;
    const FieldNode* find(std::string_view name) const {
        for (const auto& [known, tree] : trees) {
            if (known == name) return &tree;
        }
        throw std::logic_error("unknown part " + std::string(name));
    }
};

void attach(FieldNode& node, const Parts& parts) {
    if (!node.rules.part.empty()) node.part = parts.find(node.rules.part);
    for (FieldNode& child : node.children) attach(child, parts);
}

Parts make_parts() {
    Parts parts;
    for (const auto& [name, rows] : all_parts()) {
        FieldNode root;
        for (const FieldRow& row : rows) add_row(root, row);
        parts.trees.emplace_back(name, std::move(root));
    }
    for (auto& [name, tree] : parts.trees) attach(tree, parts);
    return parts;
}

const Parts& known_parts() {
    static const Parts parts = make_parts();
    return parts;
}

FieldNode make_tree(Kind kind) {
    FieldNode root;
    for (const FieldRow& row : common_fields()) add_row(root, row);
    for (const FieldRow& row : table(kind).fields) add_row(root, row);
    attach(root, known_parts());
    return root;
}

using Trees = std::array<FieldNode, std::size(kAllKinds)>;

Trees make_trees() {
    Trees trees;
    for (const Kind kind : kAllKinds) trees[static_cast<std::size_t>(kind)] = make_tree(kind);
    return trees;
}

char folded(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

const FieldNode* FieldNode::find(std::string_view key) const {
    for (const FieldNode& child : members()) {
        if (child.name == key) return &child;
    }
    return nullptr;
}

const FieldNode& part_tree(std::string_view name) {
    return *known_parts().find(name);
}

std::vector<std::pair<std::string_view, std::span<const FieldRow>>> all_parts() {
    std::vector<std::pair<std::string_view, std::span<const FieldRow>>> all;
    for (const auto parts :
         {pod_parts(), container_parts(), scheduling_parts(), function_parts(), workflow_parts()})
        for (const PodPart& part : parts) all.emplace_back(part.name, part.fields);
    return all;
}

const FieldNode& field_tree(Kind kind) {
    static const Trees trees = make_trees();
    return trees[static_cast<std::size_t>(kind)];
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t differs = folded(a[i - 1]) == folded(b[j - 1]) ? 0 : 1;
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + differs});
            const bool swapped = i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                                 folded(a[i - 2]) == folded(b[j - 1]);
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& words) {
    // A longer word is no slip, and its distances would cost what an attacker likes.
    if (word.size() > 64) return {};
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const std::string_view candidate : words) {
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace hearth::model
