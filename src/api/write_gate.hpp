#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "hearth/aio/one_shot.hpp"
#include "hearth/base/result.hpp"

namespace hearth::api {

/// Lets writes that only put objects run side by side (revisions keep them apart), and gives writes
/// that depend on more than the objects they name (deletes, routes, collecting archives) the
/// catalog to themselves. First come, first served. Thread: any.
class WriteGate {
 public:
    enum class Mode { shared, exclusive };

    /// The right to write; given back when it goes.
    class Hold {
     public:
        Hold() = default;
        Hold(Hold&& other) noexcept : gate_(other.gate_), mode_(other.mode_) {
            other.gate_ = nullptr;
        }
        Hold& operator=(Hold&& other) noexcept;
        ~Hold();

     private:
        friend class WriteGate;
        Hold(WriteGate& gate, Mode mode) : gate_(&gate), mode_(mode) {}
        WriteGate* gate_ = nullptr;
        Mode mode_ = Mode::shared;
    };

    /// Errors: exhausted (too many wait), deadline_exceeded.
    Task<Result<Hold>> enter(Mode mode, Deadline deadline);

 private:
    struct Waiter {
        Mode mode;
        std::shared_ptr<aio::OneShot<bool>> slot;
    };
    bool free_for(Mode mode) const;
    void count_in(Mode mode);
    void leave(Mode mode);
    void admit_waiters();

    std::mutex mutex_;
    std::size_t shared_ = 0;
    bool exclusive_ = false;
    std::deque<Waiter> waiting_;
};

}  // namespace hearth::api
