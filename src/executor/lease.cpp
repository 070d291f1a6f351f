#include "executor/driver.hpp"

namespace hearth::executor {

Lease::Lease(std::shared_ptr<Held> held, LeaseTimings timings)
    : held_(std::move(held)), timings_(timings) {}

Lease::Lease(Lease&& other) noexcept : held_(std::move(other.held_)), timings_(other.timings_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
    if (this != &other) {
        release(LeaseOutcome::ok);
        held_ = std::move(other.held_);
        timings_ = other.timings_;
    }
    return *this;
}

Lease::~Lease() {
    release(LeaseOutcome::ok);
}

const http::Upstream& Lease::upstream() const {
    return held_->upstream;
}

const std::string& Lease::instance_name() const {
    return held_->record->instance.name;
}

const FunctionInfo& Lease::function() const {
    return *held_->function;
}

void Lease::release(LeaseOutcome outcome) {
    if (!held_) return;
    const auto held = std::move(held_);
    held->driver->release(*held, outcome);
}

std::optional<std::string> Lease::end_reason() const {
    if (!held_) return std::nullopt;
    std::lock_guard lock(held_->record->mutex);
    return held_->record->end_reason;
}

}  // namespace hearth::executor
