#pragma once

#include <chrono>

namespace hearth::aio {

/// An absolute point on the steady clock, made once at the edge and passed down by value.
class Deadline {
  public:
    using Clock = std::chrono::steady_clock;
    Deadline() = default;  // never
    explicit Deadline(Clock::time_point at) : at_(at) {}
    static Deadline never() { return Deadline(); }
    static Deadline after(Clock::duration d) {
        const auto now = Clock::now();
        return Deadline(d >= Clock::time_point::max() - now ? Clock::time_point::max() : now + d);
    }
    Clock::time_point at() const { return at_; }
    bool is_never() const { return at_ == Clock::time_point::max(); }
    bool passed() const { return Clock::now() >= at_; }
    /// Zero once it has passed.
    Clock::duration left() const {
        const auto now = Clock::now();
        return now >= at_ ? Clock::duration::zero() : at_ - now;
    }
    Deadline sooner(Deadline other) const { return at_ <= other.at_ ? *this : other; }
    auto operator<=>(const Deadline&) const = default;

  private:
    Clock::time_point at_ = Clock::time_point::max();
};

}  // namespace hearth::aio

namespace hearth {
using aio::Deadline;
}  // namespace hearth
