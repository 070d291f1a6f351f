#include "hearth/http/web_turns.hpp"

#include <deque>
#include <mutex>

#include "hearth/aio/one_shot.hpp"

namespace hearth::http {
namespace {

constexpr std::size_t kMostWaiting = 1000;

class Turns : public std::enable_shared_from_this<Turns> {
 public:
    explicit Turns(std::size_t at_once) : free_(at_once) {}

    /// One turn; given back by its end.
    class Turn {
     public:
        explicit Turn(std::shared_ptr<Turns> turns) : turns_(std::move(turns)) {}
        Turn(Turn&& other) noexcept = default;
        Turn& operator=(Turn&&) = delete;
        ~Turn() {
            if (turns_) turns_->give_back();
        }

     private:
        std::shared_ptr<Turns> turns_;
    };

    Task<Result<Turn>> take(Deadline deadline) {
        const aio::Executor executor = co_await aio::net::this_coro::executor;
        auto waiter = std::make_shared<aio::OneShot<bool>>(executor);
        {
            const std::lock_guard lock(mutex_);
            if (free_ > 0) {
                --free_;
                co_return Turn(shared_from_this());
            }
            if (waiting_.size() >= kMostWaiting)
                co_return Error(Errc::exhausted, "too many fetches wait for their turn; try again",
                                {}, "http");
            waiting_.push_back(waiter);
        }
        const auto admitted = co_await waiter->wait(deadline);
        if (admitted) co_return Turn(shared_from_this());
        co_return Error(Errc::deadline_exceeded, "the fetch waited too long for its turn", {},
                        "http");
    }

 private:
    void give_back() {
        const std::lock_guard lock(mutex_);
        while (!waiting_.empty()) {
            auto next = std::move(waiting_.front());
            waiting_.pop_front();
            if (next->deliver(true)) return;  // the turn is handed on
        }
        ++free_;
    }

    std::mutex mutex_;
    std::size_t free_;
    std::deque<std::shared_ptr<aio::OneShot<bool>>> waiting_;
};

class WaitingClient final : public WebClient {
 public:
    WaitingClient(std::shared_ptr<WebClient> client, std::size_t at_once)
        : client_(std::move(client)), turns_(std::make_shared<Turns>(at_once)) {}

    Task<Result<WebResponse>> send(WebRequest request, BodySink* sink, std::uint64_t limit,
                                   Deadline deadline) override {
        auto turn = co_await turns_->take(deadline);
        if (!turn) co_return turn.error();
        co_return co_await client_->send(std::move(request), sink, limit, deadline);
    }
    Task<Result<WebResponse>> get(WebAddress address, BodySink& sink, std::uint64_t limit,
                                  Deadline deadline) override {
        auto turn = co_await turns_->take(deadline);
        if (!turn) co_return turn.error();
        co_return co_await client_->get(std::move(address), sink, limit, deadline);
    }

 private:
    const std::shared_ptr<WebClient> client_;
    const std::shared_ptr<Turns> turns_;
};

}  // namespace

std::shared_ptr<WebClient> take_turns(std::shared_ptr<WebClient> client, std::size_t at_once) {
    return std::make_shared<WaitingClient>(std::move(client), at_once);
}

}  // namespace hearth::http
