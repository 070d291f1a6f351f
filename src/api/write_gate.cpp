#include "api/write_gate.hpp"

#include <utility>

namespace hearth::api {
namespace {

constexpr std::size_t kMostWaiting = 4096;

}  // namespace

WriteGate::Hold& WriteGate::Hold::operator=(Hold&& other) noexcept {
    std::swap(gate_, other.gate_);
    std::swap(mode_, other.mode_);
    return *this;
}

WriteGate::Hold::~Hold() {
    if (gate_ != nullptr) gate_->leave(mode_);
}

bool WriteGate::free_for(Mode mode) const {
    return !exclusive_ && (mode == Mode::shared || shared_ == 0);
}

void WriteGate::count_in(Mode mode) {
    if (mode == Mode::shared) {
        ++shared_;
    } else {
        exclusive_ = true;
    }
}

void WriteGate::leave(Mode mode) {
    std::lock_guard lock(mutex_);
    if (mode == Mode::shared) {
        --shared_;
    } else {
        exclusive_ = false;
    }
    admit_waiters();
}

void WriteGate::admit_waiters() {
    while (!waiting_.empty() && free_for(waiting_.front().mode)) {
        auto waiter = std::move(waiting_.front());
        waiting_.pop_front();
        if (waiter.slot->deliver(true)) count_in(waiter.mode);
    }
}

Task<Result<WriteGate::Hold>> WriteGate::enter(Mode mode, Deadline deadline) {
    auto executor = co_await aio::net::this_coro::executor;
    std::shared_ptr<aio::OneShot<bool>> slot;
    {
        std::lock_guard lock(mutex_);
        if (waiting_.empty() && free_for(mode)) {
            count_in(mode);
            co_return Hold(*this, mode);
        }
        if (waiting_.size() >= kMostWaiting) {
            co_return Error(Errc::exhausted, "too many writes wait for their turn; try again", {},
                            "api");
        }
        slot = std::make_shared<aio::OneShot<bool>>(executor);
        waiting_.push_back(Waiter{mode, slot});
    }
    const auto admitted = co_await slot->wait(deadline);
    if (!admitted) {
        // Those behind may be able to go once this one no longer stands in front of them.
        std::lock_guard lock(mutex_);
        admit_waiters();
        co_return Error(Errc::deadline_exceeded, "the write waited too long for its turn", {},
                        "api");
    }
    co_return Hold(*this, mode);
}

}  // namespace hearth::api
