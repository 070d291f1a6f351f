#pragma once

#include <optional>
#include <string>

#include "runner/fault.hpp"
#include "runner/net.hpp"
#include "runner/order.hpp"

namespace hearth::runner {

/// The language runtime in the container beside. Thread: the loop's.
class Environment {
 public:
    Environment(Executor executor, std::optional<Endpoint> endpoint);

    /// Asks until it answers. One coroutine for the object's life; ends soon after stop().
    Task<void> watch();
    void stop();

    bool there_is_one() const { return endpoint_.has_value(); }
    /// It has answered once. Always where there is none.
    bool ready() const { return ready_; }
    /// Waits for that; returns ready().
    Task<bool> wait_ready(Clock::time_point until);
    /// Something listens on its port now. Asks no function: after a load its paths may be the
    /// function's.
    Task<bool> listens();
    /// Puts code in through Fission's contract. `code` is the path as the runtime sees it.
    /// Errors: 422 `function_failed` with the answer's body as it came, 504, 502
    /// `environment_gone`.
    Task<Result<void>> specialize(const LoadOrder& order, std::string code,
                                  Clock::time_point deadline);

 private:
    Task<bool> answers();

    Executor executor_;
    std::optional<Endpoint> endpoint_;
    Timer changed_;  ///< cancelled when ready_ or stopping_ changes; expires never
    Timer pause_;
    bool ready_;
    bool stopping_ = false;
};

}  // namespace hearth::runner
