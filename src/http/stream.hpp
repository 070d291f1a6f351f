#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "hearth/aio/task.hpp"
#include "http/deadline_sweep.hpp"
#include "http/poller.hpp"

namespace hearth::http {

/// Why an operation on a stream ended without what was asked for.
enum class Fault {
    none,
    pending,  ///< try_write: the socket is full, call flush()
    eof,
    timeout,
    stopped,  ///< by stop_reads()
    broken,   ///< reset, aborted by us, or any other error
};

struct Io {
    Fault fault;
    std::size_t bytes;
};

/// A connected socket, TCP or unix, with one deadline per direction that its owner's sweep checks.
/// One reader and one writer at a time. Thread: its shard.
class Stream final : private PollTarget {
 public:
    explicit Stream(Poller& poller) : poller_(poller) {}
    ~Stream() { close(); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// Takes over a non-blocking descriptor. False: the event loop refused it, and it was closed.
    bool adopt(int fd);
    int fd() const { return fd_; }
    bool open() const { return fd_ >= 0; }
    aio::Executor executor() const { return poller_.executor(); }

    SteadyTime read_by = SteadyTime::max();
    SteadyTime write_by = SteadyTime::max();
    /// Longest time without progress while writing; each step of flush() moves write_by.
    std::chrono::steady_clock::duration write_patience = std::chrono::steady_clock::duration::max();
    /// No write may last past it, whatever progress it makes.
    SteadyTime write_limit = SteadyTime::max();

    /// Suspends until at least one byte came. `data` must stay valid.
    Task<Io> receive(char* data, std::size_t size);
    /// One attempt without suspending; bytes 0 and fault pending when nothing is there. Asks the
    /// system only if there may be something.
    Io try_receive(char* data, std::size_t size);
    /// After try_receive() gave pending: suspends until another attempt is worth while.
    Task<void> readable() { return suspend(reader_); }
    /// The system is asked next time, whatever is known.
    void doubt() { readable_ = true; }

    /// Sends all it can in one call. Unless none or a final fault is returned, the rest is
    /// remembered and the memory must stay valid until flush() has ended.
    Fault try_write(std::span<const iovec> parts);
    Fault try_write(std::string_view bytes);
    Task<Fault> flush();
    Task<Fault> write(std::string_view bytes);
    /// Bytes the kernel took since the stream was made.
    std::uint64_t bytes_written() const { return written_; }

    /// Suspends until the socket can be written, or `by` has passed.
    Task<Fault> wait_writable(SteadyTime by);

    void shutdown_send();
    /// Ends the reader with Fault::stopped, now and until resume_reads(); the writer goes on.
    void stop_reads();
    void resume_reads() { reads_stopped_ = false; }
    /// Acts as if both deadlines had passed.
    void expire();
    /// Ends all operations with Fault::broken, now and later.
    void abort();
    /// Closing will reset the connection, so that the peer cannot take what it has for the whole.
    void reset_on_close();
    /// Called by the owner's sweep.
    void check_deadlines(SteadyTime now);
    /// Lets reading go on after a timeout, to answer it or to linger.
    void clear_read_timeout() { read_expired_ = false; }

 private:
    using Token = net::use_awaitable_t<aio::Executor>;
    using Waiter = std::optional<net::async_result<Token, void()>::handler_type>;

    void note_events(std::uint32_t events) override;
    void resume_reader() override;
    void resume_writer() override;
    Task<void> suspend(Waiter& waiter);
    /// Lets it go on from the shard's loop, to look at what has changed.
    void wake(Waiter& waiter);
    void wake_all();
    void close();
    Fault send_pending();

    Poller& poller_;
    int fd_ = -1;
    Waiter reader_, writer_;
    bool readable_ = true;  ///< there may be something to read
    bool ended_ = false;    ///< the end has been reported and is yet to be read
    bool writable_ = false;
    std::array<iovec, 4> pending_{};
    std::size_t pending_first_ = 0, pending_count_ = 0;
    std::uint64_t written_ = 0;
    bool read_expired_ = false;
    bool write_expired_ = false;
    bool reads_stopped_ = false;
};

}  // namespace hearth::http
