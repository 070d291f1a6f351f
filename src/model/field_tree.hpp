#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/model/kinds.hpp"

namespace hearth::model {

/// Says what is wrong with a text, or nothing.
using TextRule = std::string (*)(std::string_view text);
/// The same of any value.
using ValueRule = std::string (*)(const boost::json::value& value);

/// A row's rules, taken apart once.
struct FieldRules {
    std::vector<std::string_view> choices;
    std::optional<std::int64_t> min, max;
    std::size_t max_length = 0;   ///< 0: none
    std::size_t max_decoded = 0;  ///< of base64; 0: none
    TextRule text =
        nullptr;  ///< of a string, each item of a string_list, each value of a string_map
    TextRule key = nullptr;  ///< of each key of a string_map
    bool nonempty = false;
    bool positive = false;
    bool own_namespace = false;
    bool no_effect = false;
    bool kubernetes = false;
    bool refused = false;
    bool only_true = false;
    bool extended = false;
    bool map_of = false;        ///< an object whose keys are free and whose values have the members
    ValueRule value = nullptr;  ///< of an `any`
    std::string_view part;      ///< of "tree:"
    std::vector<std::string_view> names;  ///< as written, for schema and reference
};

/// The tables as a tree, so that a document is walked once.
struct FieldNode {
    std::string_view name;
    const FieldRow* row = nullptr;  ///< null for the root alone
    FieldType type = FieldType::object;
    FieldRules rules;
    std::vector<FieldNode> children;  ///< members of an object or of each item of a list
    const FieldNode* part = nullptr;  ///< has the members in their stead; shared by many nodes

    std::span<const FieldNode> members() const { return part ? part->children : children; }
    const FieldNode* find(std::string_view key) const;
};

/// The whole document of a kind, apiVersion included. Made on first use. Thread: any.
const FieldNode& field_tree(Kind kind);
/// The fields of a part such as "pod" or "container", as members of the node. Thread: any.
const FieldNode& part_tree(std::string_view name);
/// Every part, in the order of the tables.
std::vector<std::pair<std::string_view, std::span<const FieldRow>>> all_parts();

/// Rule by name ("dns1123"); null when the name is none of a text.
TextRule text_rule(std::string_view name);
/// Those of pods, containers and scheduling; asked by text_rule().
TextRule pod_text_rule(std::string_view name);
ValueRule value_rule(std::string_view name);

/// Case-folded edit distance with neighbouring letters swapped counting once.
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The nearest of `words` when it is near enough to be a slip; else empty.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& words);

}  // namespace hearth::model
