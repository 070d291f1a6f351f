#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runner/service.hpp"

namespace hearth::runner {

/// A folder as a tar stream, piece by piece; the reverse of Unpacking.
class Packing final : public Source {
 public:
    /// What becomes of links: an unpacked package has none, what a build made may. Copied: those to
    /// what lies in the folder itself become what they lead to.
    enum class Links { left_out, copied };
    /// Errors: 404 `not_found`, io.
    static Result<std::unique_ptr<Packing>> begin(const std::string& folder, Links links);
    ~Packing() override;
    Packing(const Packing&) = delete;
    Packing& operator=(const Packing&) = delete;

    /// Some tens of KiB at a time. Errors: io.
    Task<Result<std::string_view>> next() override;
    /// What was left out and why, up to now, at most some hundred lines.
    const std::vector<std::string>& notes() const;

 private:
    struct State;
    explicit Packing(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace hearth::runner
