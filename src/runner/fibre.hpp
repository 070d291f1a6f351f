#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>

namespace hearth::runner {

/// A function with a stack of its own in the one thread, so that a library that pulls its input can
/// stop in the middle until more has come. The function must not throw and must have ended before
/// the object goes: its owner sees to that.
class Fibre {
 public:
    explicit Fibre(std::function<void()> body);
    ~Fibre();
    Fibre(const Fibre&) = delete;
    Fibre& operator=(const Fibre&) = delete;

    /// Runs the function until it suspends or ends. Not from inside it.
    void resume();
    /// From inside: back to whoever resumed.
    void suspend();
    bool ended() const { return ended_; }

 private:
    static void enter(unsigned high, unsigned low);

    std::function<void()> body_;
    void* stack_;
    ucontext_t inside_{};
    ucontext_t outside_{};
    bool ended_ = false;
};

}  // namespace hearth::runner
