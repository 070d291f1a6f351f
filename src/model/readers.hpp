#pragma once

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/model/document.hpp"

namespace hearth::model {

inline constexpr int kMaxDepth = 32;
inline constexpr std::size_t kMaxDocuments = 1000;

/// What one of the two readers made of a text. After a syntax error nothing behind it was read.
struct ReadText {
    std::vector<Document> documents;
    std::vector<Fault> faults;
    bool syntax_error = false;
};

/// Reads a YAML stream by yaml-cpp's events; never throws.
ReadText read_yaml(std::string_view text, std::string_view file);
/// Reads exactly one JSON value (RFC 8259); its root may be a list.
ReadText read_json(std::string_view text, std::string_view file);

/// Value of a plain scalar after the YAML 1.2 core schema.
struct Scalar {
    boost::json::value value;
    std::string fault;  ///< set when it is a number nothing can hold
};
Scalar resolve_plain(std::string_view text);

/// Offset of the first byte that is not UTF-8 (RFC 3629) or a control character no text holds.
std::optional<std::size_t> first_bad_byte(std::string_view text);
/// Makes UTF-8 of what yaml-cpp makes of the escapes \\_ and \\N: bytes of Latin-1. False when
/// anything else in it is not UTF-8.
bool repair_escapes(std::string& text);
Document::Place place_of(std::string_view text, std::size_t offset);

}  // namespace hearth::model
