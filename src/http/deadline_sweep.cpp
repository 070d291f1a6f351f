#include "http/deadline_sweep.hpp"

#include <ctime>

namespace hearth::http {

SweepEntry::~SweepEntry() {
    if (sweep_ != nullptr) sweep_->remove(*this);
}

DeadlineSweep::DeadlineSweep(aio::Executor executor)
    : timer_(executor), now_(std::chrono::steady_clock::now()) {
    refresh_date();
}

void DeadlineSweep::add(SweepEntry& entry) {
    entry.sweep_ = this;
    entry.prev_ = nullptr;
    entry.next_ = first_;
    if (first_ != nullptr) first_->prev_ = &entry;
    first_ = &entry;
}

void DeadlineSweep::remove(SweepEntry& entry) {
    if (cursor_ == &entry) cursor_ = entry.next_;
    if (entry.prev_ != nullptr) entry.prev_->next_ = entry.next_;
    if (entry.next_ != nullptr) entry.next_->prev_ = entry.prev_;
    if (first_ == &entry) first_ = entry.next_;
    for (auto& watched : polled_entries_) {
        if (watched == &entry) watched = nullptr;
    }
    entry.sweep_ = nullptr;
    entry.prev_ = entry.next_ = nullptr;
}

void DeadlineSweep::watch_hangup(int fd, SweepEntry& entry) {
    polled_.push_back(pollfd{fd, POLLRDHUP, 0});  // POLLERR and POLLHUP are always reported
    polled_entries_.push_back(&entry);
}

void DeadlineSweep::start() {
    *running_ = true;
    arm();
}

void DeadlineSweep::stop() {
    *running_ = false;
    timer_.cancel();
}

void DeadlineSweep::arm() {
    timer_.expires_after(kTick);
    timer_.async_wait([this, running = running_](boost::system::error_code ec) {
        if (ec || !*running) return;
        pass();
        if (*running) arm();
    });
}

void DeadlineSweep::pass() {
    ++tick_;
    now_ = std::chrono::steady_clock::now();
    refresh_date();
    for_each([this](SweepEntry& entry) { entry.on_sweep(now_); });
    if (!polled_.empty() && ::poll(polled_.data(), polled_.size(), 0) > 0) {
        for (std::size_t i = 0; i < polled_.size(); ++i) {
            const bool gone = (polled_[i].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
            if (polled_entries_[i] == nullptr) continue;
            if (gone) {
                polled_entries_[i]->on_hangup();
            } else if ((polled_[i].revents & POLLRDHUP) != 0) {
                polled_entries_[i]->on_half_close();
            }
        }
    }
    polled_.clear();
    polled_entries_.clear();
}

void DeadlineSweep::refresh_date() {
    const auto second = std::time(nullptr);
    if (second == date_second_) return;
    date_second_ = second;
    std::tm parts{};
    gmtime_r(&second, &parts);
    char text[40];
    const auto length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    date_.assign(text, length);
}

}  // namespace hearth::http
