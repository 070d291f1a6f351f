#pragma once

#include <algorithm>
#include <chrono>

#include "hearth/base/clock.hpp"

namespace hearth::kube {

/// When a silent watch is taken for dead: after `probe` without a byte the server is asked for a
/// sign of life, which it has `timeout` to give; after `most` without a byte, signs of life or not,
/// the watch itself is of no use. Pure; on the defaults of WatchOptions a dead path is noticed
/// after 30 s. Keepalive finds the paths that die for one connection only.
class WatchPulse {
 public:
    using Time = base::SteadyTime;
    using Span = std::chrono::milliseconds;

    WatchPulse(Span probe, Span most, Time now)
        : probe_(probe), most_(most), heard_(now), sign_(now) {}

    /// Bytes came.
    void heard(Time now) { heard_ = sign_ = now; }
    /// A probe that began at `began` ended.
    void probed(bool answered, Time began) {
        if (answered)
            sign_ = std::max(sign_, began);
        else if (sign_ < began)
            dead_ = true;
    }

    enum class Do { wait, probe, cut };
    struct Next {
        Do what = Do::wait;
        Time at{};  ///< wait: until then
    };
    Next next(Time now) const {
        if (dead_ || now >= heard_ + most_) return {Do::cut, now};
        if (now >= sign_ + probe_) return {Do::probe, now};
        return {Do::wait, std::min(heard_ + most_, sign_ + probe_)};
    }

 private:
    const Span probe_, most_;
    Time heard_, sign_;
    bool dead_ = false;
};

}  // namespace hearth::kube
