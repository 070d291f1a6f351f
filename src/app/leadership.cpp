#include "app/leadership.hpp"

namespace hearth::app {
namespace {

using telemetry::Level;

/// Between two tries to open what the leader before may not have closed yet.
constexpr std::chrono::milliseconds kRetry{200};

}  // namespace

std::string Leadership::identity_of(const std::string& name, const std::string& host) {
    return name + "@" + host;
}

std::optional<std::string> Leadership::host_of(const std::string& identity) {
    const auto at = identity.rfind('@');
    if (at == std::string::npos || at + 1 == identity.size()) return std::nullopt;
    return identity.substr(at + 1);
}

Leadership::Leadership(std::unique_ptr<kube::LeaderLease> lease, std::string identity, Hooks hooks,
                       telemetry::Logger& log)
    : lease_(std::move(lease)),
      identity_(std::move(identity)),
      hooks_(std::move(hooks)),
      log_(log) {}

Leadership::~Leadership() {
    stop_taking_over();
}

void Leadership::start() {
    thread_ = std::thread([this] { run(); });
    kube::LeaderLease::Listener listener;
    listener.acquired = [this] {
        hooks_.fence(false);
        std::lock_guard lock(mutex_);
        acquired_ = true;
        changed_.notify_all();
    };
    listener.lost = [this] {
        hooks_.fence(true);
        std::lock_guard lock(mutex_);
        acquired_ = false;
    };
    listener.holder = [this](const std::string& holder) { on_holder(holder); };
    lease_->start(std::move(listener));
}

bool Leadership::leads() const {
    std::lock_guard lock(mutex_);
    return leads_;
}

void Leadership::on_holder(const std::string& holder) {
    if (holder == identity_) return;
    bool leading = false;
    {
        std::lock_guard lock(mutex_);
        if (ending_) return;
        leading = leads_;
    }
    if (leading) {
        // Nobody renews it: the API server is away, or this replica is late. It goes on serving
        // what it has.
        if (holder.empty()) return;
        log_.log(Level::error, "app", "another replica has taken over; this one ends",
                 {{"holder", holder}});
        hooks_.replaced();
        return;
    }
    hooks_.leader(holder.empty() ? std::nullopt : host_of(holder));
}

void Leadership::run() {
    while (true) {
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return ending_ || (acquired_ && !leads_); });
            if (ending_) return;
        }
        const auto done = hooks_.take_over();
        std::unique_lock lock(mutex_);
        if (!done.has_error()) {
            leads_ = true;
            continue;
        }
        log_.log(Level::warn, "app",
                 "this replica has the lease and cannot start yet; trying again",
                 {{telemetry::kErr, done.error().message}});
        changed_.wait_for(lock, kRetry, [this] { return ending_; });
        if (ending_) return;
    }
}

void Leadership::stop_taking_over() {
    {
        std::lock_guard lock(mutex_);
        ending_ = true;
        changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
}

void Leadership::release(Deadline deadline) {
    stop_taking_over();
    lease_->release(deadline);
}

}  // namespace hearth::app
