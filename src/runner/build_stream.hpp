#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runner/build_process.hpp"
#include "runner/fd.hpp"
#include "runner/packing.hpp"
#include "runner/service.hpp"

namespace hearth::runner {

/// The answer to a build, a row of frames "KIND LENGTH\n" and as many bytes:
///   out    what the command printed
///   alive  nothing for some seconds; empty
///   tar    what it made, a folder: a piece of its archive
///   file   what it made, a single file: a piece of it
///   note   one line on what was left out of the archive
///   end    the last one: {"outcome": "built" | "exited" | "signalled" | "timed_out" |
///          "nothing_made" | "not_packed", "code": N, "outOfMemory": bool, "detail": text}
/// Dropped before its end it ends the build. Thread: the loop's.
class BuildStream final : public Source {
 public:
    BuildStream(std::shared_ptr<BuildProcess> process, std::string made, Clock::time_point deadline,
                std::function<void()> over);
    ~BuildStream() override;
    Task<Result<std::string_view>> next() override;

 private:
    enum class Phase { runs, packs, ended };

    std::string_view frame(std::string_view kind, std::string_view bytes);
    std::string_view end(std::string_view outcome, int code = 0, const std::string& detail = "");
    Task<std::string_view> run();
    Task<std::string_view> pack();
    std::string_view command_ended();
    std::string_view begin_packing();
    std::string_view fail(const Fault& fault);

    std::shared_ptr<BuildProcess> process_;
    const std::string made_;
    const Clock::time_point deadline_;
    std::function<void()> over_;
    const int oom_before_;
    Phase phase_ = Phase::runs;
    std::string kind_;  ///< "tar" or "file"
    std::unique_ptr<Packing> folder_;
    Fd file_;
    std::size_t noted_ = 0;
    std::string frame_;
};

}  // namespace hearth::runner
