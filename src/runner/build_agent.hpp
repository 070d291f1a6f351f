#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/configuration.hpp"
#include "runner/order.hpp"
#include "runner/service.hpp"
#include "runner/token_file.hpp"

namespace hearth::runner {

/// The first line of a build.
struct BuildOrder {
    std::vector<std::string> words;  ///< of the command
    std::chrono::milliseconds limit{0};
    ArchiveBounds bounds;  ///< of the source
    BuildOrder() = default;
};
/// Unknown members are left alone. Errors: invalid_argument naming the member.
Result<BuildOrder> parse_build_order(std::string_view line);

/// Runs one build in the container of a builder image and is of no more use then: it takes the
/// source, runs the command and sends back what it printed and made. Thread: the loop's.
class BuildAgent final : public Service {
 public:
    /// `over` is called when the answer to the build has left, or its receiver has gone.
    BuildAgent(const Configuration& configuration, Executor executor, std::function<void()> over);

    Task<Reply> answer(Call call, Body& body) override;
    Task<void> watch() override { co_return; }
    void stop() override {}

 private:
    Task<Reply> build(const Call& call, Body& body);
    Task<Result<void>> take_source(const BuildOrder& order, std::string begin, Body& rest,
                                   Clock::time_point deadline);
    Result<void> make_folders() const;
    boost::json::object state() const;

    const Configuration& configuration_;
    TokenFile token_;
    Executor executor_;
    std::function<void()> over_;
    bool begun_ = false;
};

}  // namespace hearth::runner
