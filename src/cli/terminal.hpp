#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/failure.hpp"

namespace hearth::cli {

enum class Paint { none, red, green, yellow, dim, bold };

/// Where a command writes. Colours are for terminals alone; what a function printed never reaches
/// one with its escapes.
struct Terminal {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    bool color = false;
    bool interactive = false;  ///< `out` is a terminal: progress and screens may be redrawn

    std::string paint(Paint paint, std::string_view text) const;
    /// One line of a description: "Title       text", nothing when there is no text. Escapes are
    /// taken out of it.
    void field(std::string title, std::string_view text);
    /// Writes "hearth: message" with its detail to `err`; returns the exit code.
    int fail(const Error& error);
};

/// Without ANSI escape sequences (ECMA-48) and other control characters but tab and line feed.
std::string strip_escapes(std::string_view text);

/// Columns as wide as their widest cell, two spaces between; the last is not padded.
class Table {
 public:
    explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    bool empty() const { return rows_.size() < 2; }
    void print(std::ostream& out, bool with_header = true) const;

 private:
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace hearth::cli
