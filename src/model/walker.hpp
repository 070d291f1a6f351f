#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>

#include "hearth/model/document.hpp"
#include "model/field_tree.hpp"

namespace hearth::model {

/// Where a walk is; turned into text only when there is something to say.
struct PathLink {
    const PathLink* parent = nullptr;
    std::string_view key;  ///< of a map's member; else `index` counts
    std::size_t index = 0;
    bool is_index = false;

    std::string text() const;
};

/// Collects the faults and warnings of one document with their places.
class Findings {
 public:
    Findings(const Document& document, Checked& out) : document_(document), out_(out) {}
    void fault(const std::string& path, std::string message);
    void warn(const std::string& path, std::string message);

 private:
    Fault make(const std::string& path, std::string message) const;

    const Document& document_;
    Checked& out_;
};

/// Checks a document against its kind's tree, row by row. Members that are null are dropped on the
/// way: Fission's own tools write them for what is absent.
class Walker {
 public:
    Walker(Findings& findings, const FieldNode& root, Target target)
        : findings_(findings), root_(root), target_(target) {}
    void walk(boost::json::object& document);
    /// The namespace that references must not leave. Set before walk().
    void set_namespace(std::string_view ns) { namespace_ = ns; }

 private:
    void walk_object(const FieldNode& node, boost::json::object& object, const PathLink* path);
    void walk_map(const FieldNode& node, boost::json::object& object, const PathLink& path);
    void walk_value(const FieldNode& node, boost::json::value& value, const PathLink& path);
    void check_type(const FieldNode& node, boost::json::value& value, const PathLink& path);
    void check_string(const FieldNode& node, boost::json::value& value, const PathLink& path);
    void check_integer(const FieldNode& node, const boost::json::value& value,
                       const PathLink& path);
    void check_quantity(const FieldNode& node, const boost::json::value& value,
                        const PathLink& path);
    void check_list(const FieldNode& node, boost::json::value& value, const PathLink& path);
    void check_map(const FieldNode& node, boost::json::value& value, const PathLink& path);
    void check_text(const FieldNode& node, std::string_view text, const PathLink& path);
    void check_effect(const FieldNode& node, const boost::json::value& value, const PathLink& path);
    void check_extended(boost::json::value& value, std::string_view key, const PathLink& path);
    void unknown_key(const FieldNode& node, std::string_view key, const PathLink* path);
    void wrong_type(std::string_view wanted, const boost::json::value& value, const PathLink& path);

    Findings& findings_;
    const FieldNode& root_;
    const Target target_;
    std::string_view namespace_;
};

/// True for what says nothing: null, false, 0, "", {} and [].
bool is_zero(const boost::json::value& value);

}  // namespace hearth::model
