#include "runner/fibre.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace hearth::runner {
namespace {

/// Only pages that are touched count; libarchive's tar reader stays below 32 KiB.
constexpr std::size_t kStackBytes = 256 * 1024;
constexpr std::size_t kGuardBytes = 4096;

}  // namespace

Fibre::Fibre(std::function<void()> body) : body_(std::move(body)) {
    stack_ =
        ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack_ == MAP_FAILED) throw std::bad_alloc();
    ::mprotect(stack_, kGuardBytes, PROT_NONE);
    ::getcontext(&inside_);
    inside_.uc_stack.ss_sp = static_cast<char*>(stack_) + kGuardBytes;
    inside_.uc_stack.ss_size = kStackBytes - kGuardBytes;
    inside_.uc_link = &outside_;
    // makecontext passes int arguments only, so the pointer travels in halves.
    const auto self = reinterpret_cast<std::uintptr_t>(this);
    ::makecontext(&inside_, reinterpret_cast<void (*)()>(&Fibre::enter), 2,
                  static_cast<unsigned>(self >> 32), static_cast<unsigned>(self & 0xffffffffu));
}

Fibre::~Fibre() {
    ::munmap(stack_, kStackBytes);
}

void Fibre::enter(unsigned high, unsigned low) {
    auto* self = reinterpret_cast<Fibre*>((static_cast<std::uintptr_t>(high) << 32) | low);
    self->body_();
    self->ended_ = true;
}

void Fibre::resume() {
    if (!ended_) ::swapcontext(&outside_, &inside_);
}

void Fibre::suspend() {
    ::swapcontext(&inside_, &outside_);
}

}  // namespace hearth::runner
