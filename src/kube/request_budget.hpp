#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>

namespace hearth::kube {

/// A token bucket over the requests to one API server: who comes first is served first. Its time is
/// given to it. Thread: any.
class RequestBudget {
 public:
    using Clock = std::chrono::steady_clock;

    RequestBudget(double per_second, double burst)
        : per_second_(std::max(per_second, 0.001)), burst_(std::max(burst, 1.0)), tokens_(burst_) {}

    /// Takes one request's place and says how long it has to wait for it; nothing, and no place
    /// taken, when that would be longer than `patience`.
    std::optional<Clock::duration> take(Clock::time_point now, Clock::duration patience) {
        std::lock_guard lock(mutex_);
        if (filled_ != Clock::time_point{} && now > filled_) {
            const double passed = std::chrono::duration<double>(now - filled_).count();
            tokens_ = std::min(burst_, tokens_ + passed * per_second_);
        }
        filled_ = std::max(filled_, now);
        if (tokens_ >= 1) {
            tokens_ -= 1;
            return Clock::duration::zero();
        }
        const std::chrono::duration<double> missing((1 - tokens_) / per_second_);
        if (missing > std::chrono::duration<double>(patience)) return std::nullopt;
        tokens_ -= 1;
        return std::chrono::ceil<Clock::duration>(missing);
    }

 private:
    const double per_second_, burst_;
    std::mutex mutex_;
    double tokens_;
    Clock::time_point filled_{};
};

}  // namespace hearth::kube
