#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::telemetry {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// Monotone count. Thread: any.
class Counter {
  public:
    void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// A level that goes up and down. Thread: any.
class Gauge {
  public:
    void set(std::int64_t v) { value_.store(v, std::memory_order_relaxed); }
    void add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
    std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::int64_t> value_{0};
};

/// Seconds in classic buckets from 1 ms to 60 s (the range of a function call). Thread: any.
class Histogram {
  public:
    static constexpr std::array<double, 15> kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                       0.5,   1,      2.5,   5,    10,    30,   60};
    void observe(double seconds);
    std::uint64_t bucket(std::size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }
    std::uint64_t sum_us() const { return sum_us_.load(std::memory_order_relaxed); }

  private:
    std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> buckets_{};
    std::atomic<std::uint64_t> sum_us_{0};
};

/// Families of series and their text form (Prometheus exposition 0.0.4). A series lives as long as the
/// registry; references stay valid. Thread: any.
class Registry {
  public:
    Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
    Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
    Histogram& histogram(std::string_view name, std::string_view help, Labels labels = {});
    /// A value read when scraped.
    void gauge_callback(std::string_view name, std::string_view help, Labels labels,
                        std::function<double()> read);
    std::string text() const;

  private:
    struct Family;
    Family& family(std::string_view name, std::string_view help, std::string_view type);
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<Family>> families_;
};

}  // namespace hearth::telemetry
