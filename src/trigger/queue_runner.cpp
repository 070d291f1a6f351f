#include "trigger/queue_runner.hpp"

#include <algorithm>

#include "trigger/queue_meeting.hpp"

namespace hearth::trigger {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

namespace {

// A look without any event, so that nothing hangs on a signal that a library forgot.
constexpr milliseconds kLongestRest{1'000};
constexpr milliseconds kDrainLook{50};

std::string state_of(const Error& error) {
    switch (error.code) {
        case Errc::invalid_argument:
            return "NotConfigured";
        case Errc::unauthenticated:
        case Errc::forbidden:
            return "AuthenticationFailed";
        case Errc::not_found:
        case Errc::conflict:
            return error.component == "secret" ? "SecretMissing" : "TopicUnavailable";
        default:
            return "Disconnected";
    }
}

telemetry::Counter& counter(const QueueSurroundings& around, const QueueNames& names,
                            const char* result) {
    return around.metrics.counter(
        "hearth_queue_messages_total", "Messages of queue triggers by what became of them",
        {{"namespace", names.ns}, {"trigger", names.name}, {"result", result}});
}

telemetry::Gauge& gauge(const QueueSurroundings& around, const QueueNames& names, const char* name,
                        const char* help) {
    return around.metrics.gauge(name, help, {{"namespace", names.ns}, {"trigger", names.name}});
}

}  // namespace

QueueRunner::QueueRunner(QueueNames names, const QueueSurroundings& around)
    : names_(std::move(names)),
      around_(around),
      meeting_(std::make_shared<Meeting>()),
      chance_(std::hash<std::string>{}(names_.ns + "/" + names_.name)),
      delivered_(counter(around, names_, "delivered")),
      retried_(counter(around, names_, "retried")),
      failed_(counter(around, names_, "failed")),
      dropped_(counter(around, names_, "dropped")),
      connected_gauge_(gauge(around, names_, "hearth_queue_connected",
                             "1 while a queue trigger gets messages from its broker")),
      lag_gauge_(gauge(around, names_, "hearth_queue_lag", "Messages that wait at the broker")),
      in_flight_gauge_(
          gauge(around, names_, "hearth_queue_in_flight", "Calls of a queue trigger that run")),
      calls_(around.log) {
    status_.since = std::chrono::system_clock::now();
}

QueueRunner::~QueueRunner() {
    begin_stop();
    if (thread_.joinable()) thread_.join();
    calls_.cancel();
    calls_.join_blocking(Deadline::after(std::chrono::seconds(5)));
    connected_gauge_.set(0);
    in_flight_gauge_.set(0);
    lag_gauge_.set(0);
}

void QueueRunner::start() {
    thread_ = std::thread([this] {
        run();
        stopped_ = true;
    });
}

void QueueRunner::begin_stop() {
    {
        std::lock_guard lock(meeting_->mutex);
        meeting_->stop = true;
    }
    meeting_->wake();
}

void QueueRunner::reconnect() {
    {
        std::lock_guard lock(meeting_->mutex);
        meeting_->reconnect = true;
    }
    meeting_->wake();
}

bool QueueRunner::stopping() const {
    std::lock_guard lock(meeting_->mutex);
    return meeting_->stop;
}

QueueStatus QueueRunner::status() const {
    std::lock_guard lock(status_mutex_);
    auto status = status_;
    status.delivered = delivered_.value();
    status.retried = retried_.value();
    status.failed = failed_.value();
    status.dropped = dropped_.value();
    return status;
}

double QueueRunner::draw() {
    // Enough to keep pauses apart; splitmix64.
    std::uint64_t z = (chance_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

void QueueRunner::run() {
    auto pause = around_.first_pause;
    while (!stopping()) {
        bool was_good = false;
        const auto settings = gather();
        if (settings) {
            auto link = around_.make_link(*settings, [meeting = meeting_] { meeting->wake(); });
            if (link)
                was_good = run_link(**link);
            else
                tell_failure(link.error());
        } else {
            tell_failure(settings.error());
        }
        if (was_good) pause = around_.first_pause;
        const auto until =
            Steady::now() + milliseconds(static_cast<std::int64_t>(
                                static_cast<double>(pause.count()) * (0.5 + draw() / 2)));
        std::unique_lock lock(meeting_->mutex);
        meeting_->changed.wait_until(lock, until,
                                     [&] { return meeting_->stop || meeting_->reconnect; });
        pause =
            meeting_->reconnect ? around_.first_pause : std::min(pause * 2, around_.longest_pause);
        meeting_->reconnect = false;
    }
    LinkState ended;
    ended.word = "Stopped";
    tell(ended);
}

Result<LinkSettings> QueueRunner::gather() {
    LinkSettings settings;
    settings.ns = names_.ns;
    settings.name = names_.name;
    settings.spec = names_.spec;
    settings.call_limit = around_.call_limit(names_.ns, names_.spec.function);
    settings.window = policy().window;
    if (names_.spec.secret.empty()) return settings;
    auto credentials = around_.secret(names_.ns, names_.spec.secret);
    if (!credentials) {
        Error error = credentials.error();
        error.component = "secret";
        return error;
    }
    settings.credentials = std::move(*credentials);
    return settings;
}

/// Until the link cannot go on or the trigger ends. True when it had been connected.
bool QueueRunner::run_link(QueueLink& link) {
    bool was_good = false;
    link_ = &link;
    for (bool on = true; on;) {
        {
            std::lock_guard lock(meeting_->mutex);
            meeting_->signal = false;
        }
        link.poll(*this);
        take_refusals();
        take_completions();
        step();
        const auto state = link.state();
        tell(state);
        was_good = was_good || state.connected;
        {
            std::lock_guard lock(meeting_->mutex);
            on = !meeting_->stop && !meeting_->reconnect && !state.reopen;
        }
        if (!on) break;
        auto until = Steady::now() + kLongestRest;
        for (const auto& [number, partition] : partitions_) {
            if (const auto due = partition.core.next_due(); due && *due < until) until = *due;
        }
        rest(until);
    }
    link.close(*this, around_.stop_patience);
    partitions_.clear();
    tokens_.clear();
    refused_at_once_.clear();
    link_ = nullptr;
    return was_good;
}

void QueueRunner::rest(base::SteadyTime until) {
    std::unique_lock lock(meeting_->mutex);
    meeting_->changed.wait_until(lock, until, [&] { return meeting_->signal; });
}

void QueueRunner::on_assigned(const std::vector<int>& numbers) {
    for (const int number : numbers) {
        partitions_.erase(number);
        partitions_.try_emplace(number, policy(), ++generations_);
    }
}

void QueueRunner::on_revoked(milliseconds patience) {
    const auto until = Steady::now() + patience;
    const auto busy = [this] {
        return std::any_of(partitions_.begin(), partitions_.end(),
                           [](const auto& item) { return item.second.core.under_way() > 0; });
    };
    while (busy() && Steady::now() < until) {
        link_->poll_published(*this);
        take_refusals();
        take_completions();
        keep_alive(Steady::now());
        if (!busy()) break;
        {
            std::lock_guard lock(meeting_->mutex);
            meeting_->signal = !meeting_->completions.empty();
        }
        rest(std::min(until, Steady::now() + kDrainLook));
    }
    keep_positions();
    partitions_.clear();
    tokens_.clear();
}

void QueueRunner::on_lost() {
    partitions_.clear();
    tokens_.clear();
}

void QueueRunner::keep_positions() {
    for (auto& [number, partition] : partitions_) {
        const auto position = partition.core.position();
        if (!position || position == partition.stored) continue;
        link_->store(number, *position);
        partition.stored = position;
    }
}

void QueueRunner::keep_alive(base::SteadyTime now) {
    const auto every = link_->keep_alive();
    if (!every || now < next_touch_) return;
    next_touch_ = now + *every;
    for (const auto& [number, partition] : partitions_) {
        for (const auto& [offset, message] : partition.messages) link_->touch(message);
    }
}

void QueueRunner::tell_failure(const Error& error) {
    LinkState state;
    state.word = state_of(error);
    state.message = error.message;
    tell(state);
}

/// What hinders the work goes before what the link says, as long as the link is well.
void QueueRunner::tell(const LinkState& state) {
    LinkState shown = state;
    if (state.connected && !publish_trouble_.empty()) {
        shown.word = "PublishFailing";
        shown.message = publish_trouble_;
    } else if (state.connected && !call_trouble_.empty()) {
        shown.word = "FunctionUnavailable";
        shown.message = call_trouble_;
    }
    connected_gauge_.set(state.connected ? 1 : 0);
    in_flight_gauge_.set(static_cast<std::int64_t>(in_flight_));
    const auto lag = link_ != nullptr ? link_->lag() : std::nullopt;
    lag_gauge_.set(lag.value_or(0));
    const auto now = std::chrono::system_clock::now();
    std::lock_guard lock(status_mutex_);
    const bool changed = shown.word != status_.state;
    status_.message = shown.message;
    status_.connected = state.connected;
    status_.lag = lag;
    status_.in_flight = in_flight_;
    status_.held = 0;
    status_.partitions.clear();
    for (const auto& [number, partition] : partitions_) {
        status_.partitions.push_back(number);
        status_.held += partition.core.unfinished();
    }
    if (!changed) return;
    status_.state = shown.word;
    status_.since = now;
    const bool well = shown.word == "Connected" || shown.word == "Stopped";
    if (!well && !shown.message.empty()) {
        status_.last_error = shown.message;
        status_.last_error_at = now;
    }
    around_.log.log(well || shown.word == "Joining" || shown.word == "Connecting"
                        ? telemetry::Level::info
                        : telemetry::Level::warn,
                    "trigger", "queue trigger is " + shown.word,
                    {{"trigger", names_.ns + "/" + names_.name},
                     {telemetry::kErr, well ? std::string() : shown.message}});
}

void QueueRunner::note_error(const std::string& words) {
    std::lock_guard lock(status_mutex_);
    status_.last_error = words;
    status_.last_error_at = std::chrono::system_clock::now();
}

}  // namespace hearth::trigger
