#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::backend {

/// How a build ended, as its agent tells; src/runner/build_stream.hpp has the words.
struct BuildEnd {
    std::string outcome;
    int code = 0;
    bool out_of_memory = false;
    std::string detail;
};

/// Reads what an agent answers to a build, as its bytes arrive. Pure.
class BuildStreamReader {
 public:
    struct Sinks {
        std::function<void(std::string_view)> printed;       ///< bytes of the command's output
        std::function<void(std::string_view)> note;          ///< what was left out of the archive
        std::function<Result<void>(std::string_view)> made;  ///< bytes of the result
    };
    explicit BuildStreamReader(Sinks sinks) : sinks_(std::move(sinks)) {}

    /// Errors: io for what no agent sends; what `made` answers.
    Result<void> feed(std::string_view bytes);
    /// Nothing until the whole answer is there.
    const std::optional<BuildEnd>& end() const { return end_; }
    bool folder() const { return folder_; }  ///< the result is a tar of a folder

 private:
    Result<void> begin_frame();
    Result<void> content(std::string_view bytes);
    Result<void> finish_frame();

    Sinks sinks_;
    std::string head_;   ///< of the frame that comes
    std::string kind_;   ///< of the frame that is being read; empty: none is
    std::string small_;  ///< content of a `note` or `end`
    std::size_t left_ = 0;
    bool folder_ = false;
    std::optional<BuildEnd> end_;
};

/// What a build's command was, for messages.
struct BuildWords {
    std::string command, image;
    std::uint64_t memory_bytes = 0;
};
/// The error of a build that ended; nothing for one that made its result. Pure.
std::optional<Error> build_fault(const BuildEnd& end, const BuildWords& words);
/// The error of an agent's answer other than 200. Pure.
Error agent_error(int status, std::string_view body, const BuildWords& words);

}  // namespace hearth::backend
