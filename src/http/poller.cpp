#include "http/poller.hpp"

#include <algorithm>

namespace hearth::http {
namespace {

constexpr std::uint32_t kReads = EPOLLIN | EPOLLRDHUP | EPOLLET;

bool control(int epoll, int action, int fd, PollTarget& target, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &target;
    return ::epoll_ctl(epoll, action, fd, &event) == 0;
}

}  // namespace

Poller::Poller(aio::Executor executor) : executor_(executor), epoll_(executor) {
    boost::system::error_code ec;
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return;
    epoll_.assign(fd, ec);
    if (ec) ::close(fd);
}

Poller::~Poller() {
    *running_ = false;
}

void Poller::stop() {
    *running_ = false;
    boost::system::error_code ignored;
    epoll_.close(ignored);
}

bool Poller::add(int fd, PollTarget& target) {
    if (!epoll_.is_open()) return false;
    if (!control(epoll_.native_handle(), EPOLL_CTL_ADD, fd, target, kReads)) return false;
    if (!armed_) arm();
    return true;
}

void Poller::watch_writes(int fd, PollTarget& target, bool watch) {
    if (!epoll_.is_open()) return;
    const std::uint32_t events = watch ? kReads | EPOLLOUT : kReads;
    control(epoll_.native_handle(), EPOLL_CTL_MOD, fd, target, events);
}

void Poller::remove(int fd, PollTarget& target) {
    std::replace(due_.begin(), due_.begin() + due_count_, &target,
                 static_cast<PollTarget*>(nullptr));
    if (epoll_.is_open()) control(epoll_.native_handle(), EPOLL_CTL_DEL, fd, target, 0);
}

void Poller::arm() {
    armed_ = true;
    epoll_.async_wait(net::posix::descriptor_base::wait_read,
                      [this, running = running_](boost::system::error_code ec) {
                          if (ec || !*running) return;
                          turn();
                          if (*running) arm();
                      });
}

// One look per wake-up: arming again finds what is left, after others of the shard had their turn.
void Poller::turn() {
    std::array<epoll_event, kEventsPerTurn> events;
    const int count = ::epoll_wait(epoll_.native_handle(), events.data(), kEventsPerTurn, 0);
    due_count_ = std::max(count, 0);
    for (int i = 0; i < due_count_; ++i) {
        const auto at = static_cast<std::size_t>(i);
        due_[at] = static_cast<PollTarget*>(events[at].data.ptr);
        due_[at]->note_events(events[at].events);
    }
    const auto alive = running_;
    for (int i = 0; i < due_count_; ++i) {
        const auto at = static_cast<std::size_t>(i);
        if (due_[at] != nullptr) due_[at]->resume_reader();
        if (!*alive) return;
        if (due_[at] != nullptr) due_[at]->resume_writer();
        if (!*alive) return;
    }
    due_count_ = 0;
}

}  // namespace hearth::http
