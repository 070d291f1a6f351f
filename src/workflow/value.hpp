#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "hearth/catalog/run_journal.hpp"

namespace hearth::workflow {

/// A JSON value as text. A long one stands outside of it, under its digest.
struct Value {
    std::string text;
    std::string digest;  ///< of a long one; `text` is empty then
    std::uint64_t bytes = 0;

    Value() = default;
    explicit Value(std::string t) : text(std::move(t)), bytes(text.size()) {}
    bool outside() const { return !digest.empty(); }
    bool operator==(const Value&) const = default;
};

/// A long value could not be had: what was being computed must be begun anew from the journal.
struct ValueLost {
    std::string digest, why;
};

/// Where long values are. Thread: one at a time; load() may block.
class ValueSource {
 public:
    virtual ~ValueSource() = default;
    /// Throws ValueLost.
    virtual std::string load(const std::string& digest) = 0;
    /// Values that may be asked for and are not stored yet.
    virtual void expect(const std::vector<catalog::RunValue>&) {}
};

/// Reads values and makes new ones; long new ones are collected, to be stored with the event that
/// made them. Thread: that of its core.
class ValueBook {
 public:
    ValueBook(ValueSource& source, std::uint64_t outside_from)
        : source_(source), outside_from_(outside_from) {}
    void set_outside_from(std::uint64_t bytes) { outside_from_ = bytes; }
    std::string read(const Value& value);
    Value make(std::string text);
    /// The new long values since the last call. They can be read until the next one.
    std::vector<catalog::RunValue> take();

 private:
    ValueSource& source_;
    std::uint64_t outside_from_;
    std::unordered_map<std::string, std::string> fresh_;
    std::vector<std::string> order_;
};

}  // namespace hearth::workflow
