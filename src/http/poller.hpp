#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <memory>

#include "hearth/aio/task.hpp"

namespace hearth::http {

namespace net = boost::asio;

/// A socket's side of a poller.
class PollTarget {
 public:
    /// What epoll reported. Nothing may be resumed or destroyed here: all events of a turn are told
    /// first.
    virtual void note_events(std::uint32_t events) = 0;
    /// Lets its reader or writer go on, if what it waits for has come. May destroy any target.
    virtual void resume_reader() = 0;
    virtual void resume_writer() = 0;

 protected:
    ~PollTarget() = default;
};

/// Readiness of sockets, edge-triggered: an epoll instance of its own that the shard's loop waits
/// for. Asio tries each read before it waits, a wasted system call for a proxy, and takes each
/// completion through its queue; here a socket known to be empty is not asked, and a coroutine goes
/// on where its event is found. Thread: its shard, but for the constructor, and the destructor
/// after stop().
class Poller {
 public:
    explicit Poller(aio::Executor executor);
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    /// Reports from now on that `fd` can be read or has ended. False when the system refuses.
    bool add(int fd, PollTarget& target);
    /// Reports as well, or no longer, that it can be written.
    void watch_writes(int fd, PollTarget& target, bool watch);
    /// Before `fd` is closed: a copy of it in a child process would keep the registration alive.
    void remove(int fd, PollTarget& target);
    /// Nothing is reported any more.
    void stop();
    aio::Executor executor() const { return executor_; }

 private:
    static constexpr int kEventsPerTurn = 128;

    void arm();
    void turn();

    aio::Executor executor_;
    net::posix::basic_stream_descriptor<aio::Executor> epoll_;
    /// Tells a wake-up that is already queued that the poller has stopped.
    std::shared_ptr<bool> running_ = std::make_shared<bool>(true);
    bool armed_ = false;
    /// Of the present turn; null where the target has gone meanwhile.
    std::array<PollTarget*, kEventsPerTurn> due_{};
    int due_count_ = 0;
};

}  // namespace hearth::http
