#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runner/fault.hpp"

namespace hearth::runner {

/// A folder as a tar stream, piece by piece; the reverse of Unpacking.
class Packing {
 public:
    /// Errors: 404 `not_found`, io.
    static Result<std::unique_ptr<Packing>> begin(const std::string& folder);
    ~Packing();
    Packing(const Packing&) = delete;
    Packing& operator=(const Packing&) = delete;

    /// Some tens of KiB, empty at the end; valid until the next call. Errors: io.
    Result<std::string_view> next();

 private:
    struct State;
    explicit Packing(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace hearth::runner
