#include "hearth/telemetry/function_log.hpp"

#include <pthread.h>

#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <thread>

#include "telemetry/function_log_file.hpp"

namespace hearth::telemetry {
namespace {

constexpr std::size_t kLongestMessage = 16 * 1024;
/// How long lines may wait to be written together: one open and one write per function and round.
constexpr auto kRound = std::chrono::milliseconds(50);
/// A queue that grew past it in a burst gives its memory back.
constexpr std::size_t kKeepQueue = 1 << 20;

using Key = std::pair<std::string, std::string>;

/// Lines in order of arrival, flat: a request adds to two buffers that have grown already.
struct Queue {
    struct Line {
        base::WallTime time;
        LogEntry::Stream stream;
        std::uint32_t at;  ///< of its text: namespace, function, request id, instance and message
        std::uint32_t ns, function, request_id, instance, message;
    };
    std::string text;
    std::vector<Line> lines;

    void push(std::string_view ns, std::string_view function, const LogLine& line) {
        const auto size = [](std::string_view part) {
            return static_cast<std::uint32_t>(part.size());
        };
        lines.push_back(Line{line.time, line.stream, size(text), size(ns), size(function),
                             size(line.request_id), size(line.instance), size(line.message)});
        text.append(ns)
            .append(function)
            .append(line.request_id)
            .append(line.instance)
            .append(line.message);
    }
    std::pair<std::string_view, std::string_view> key(const Line& line) const {
        const auto whole = std::string_view(text).substr(line.at);
        return {whole.substr(0, line.ns), whole.substr(line.ns, line.function)};
    }
    LogLine view(const Line& line) const {
        auto rest = std::string_view(text).substr(line.at + line.ns + line.function);
        const auto next = [&rest](std::size_t size) {
            const auto part = rest.substr(0, size);
            rest.remove_prefix(size);
            return part;
        };
        LogLine view{line.time, line.stream, {}, {}, {}};
        view.request_id = next(line.request_id);
        view.instance = next(line.instance);
        view.message = next(line.message);
        return view;
    }
    void clear() {
        if (text.capacity() > kKeepQueue) *this = Queue();
        text.clear();
        lines.clear();
    }
};

struct Follow {
    Key key;
    std::function<void(const LogEntry&)> on_entry;
};

LogEntry entry_of(const LogLine& line) {
    return LogEntry{line.time, line.stream, std::string(line.request_id),
                    std::string(line.instance), std::string(line.message)};
}

}  // namespace

struct FunctionLog::Impl {
    explicit Impl(FunctionLogOptions o) : options(std::move(o)) {
        std::error_code ignored;
        std::filesystem::create_directories(options.folder, ignored);
        std::filesystem::permissions(options.folder, std::filesystem::perms::owner_all, ignored);
        load_present();
        writer = std::thread([this] {
            pthread_setname_np(pthread_self(), "function-log");
            write_loop();
        });
    }

    std::filesystem::path stem(const Key& key) const {
        return options.folder / key.first / key.second;
    }

    /// Files of an earlier run count towards the bound, oldest first.
    void load_present() {
        std::vector<std::pair<std::filesystem::file_time_type, Key>> found;
        std::error_code ec;
        for (const auto& ns : std::filesystem::directory_iterator(options.folder, ec)) {
            if (!ns.is_directory()) continue;
            for (const auto& file : std::filesystem::directory_iterator(ns.path(), ec)) {
                const std::string name = file.path().filename().string();
                if (!name.ends_with(".log") || name.ends_with(".1.log")) continue;
                found.emplace_back(file.last_write_time(ec), Key(ns.path().filename().string(),
                                                                 name.substr(0, name.size() - 4)));
            }
        }
        std::sort(found.begin(), found.end());
        for (auto& [time, key] : found) open(key);
    }

    /// Caller holds file_mutex (or is the constructor).
    FunctionLogFile& open(const Key& key) {
        if (const auto at = files.find(key); at != files.end()) {
            recent.splice(recent.end(), recent, at->second.second);
            return at->second.first;
        }
        std::error_code ignored;
        std::filesystem::create_directories(options.folder / key.first, ignored);
        recent.push_back(key);
        const auto added =
            files.emplace(key, std::pair(FunctionLogFile(stem(key), options.bytes_per_function),
                                         std::prev(recent.end())));
        total += added.first->second.first.bytes();
        return added.first->second.first;
    }

    void write_loop() {
        Queue round;  // swapped with the queue, so that both keep their memory
        for (;;) {
            bool stop = false;
            {
                std::unique_lock lock(mutex);
                ready.wait(lock, [&] { return stopping || !queue.lines.empty(); });
                if (!stopping && !flush_wanted)
                    ready.wait_for(lock, kRound, [&] { return stopping || flush_wanted; });
                std::swap(round, queue);
                queued_bytes = 0;
                stop = stopping;
                writing = true;
            }
            write_round(round);
            round.clear();
            {
                std::lock_guard lock(mutex);
                writing = false;
                if (queue.lines.empty()) flush_wanted = false;
            }
            written.notify_all();
            std::lock_guard lock(mutex);
            if (stop && queue.lines.empty()) return;
        }
    }

    void write_round(const Queue& round) {
        std::map<std::pair<std::string_view, std::string_view>, std::vector<const Queue::Line*>>
            sorted;
        auto last = sorted.end();
        for (const auto& line : round.lines) {
            const auto key = round.key(line);
            if (last == sorted.end() || last->first != key) last = sorted.try_emplace(key).first;
            last->second.push_back(&line);
        }
        for (const auto& [key, lines] : sorted) write_lines(Key(key), round, lines);
    }

    void write_lines(const Key& key, const Queue& round,
                     const std::vector<const Queue::Line*>& lines) {
        std::string text;
        for (const auto* line : lines) append_line(text, round.view(*line));
        {
            std::lock_guard lock(file_mutex);
            FunctionLogFile& file = open(key);
            const auto before = file.bytes();
            if (!file.write(text)) dropped.fetch_add(lines.size(), std::memory_order_relaxed);
            total = total - before + file.bytes();
            while (total > options.bytes_total && recent.size() > 1) drop_oldest();
        }
        std::vector<std::shared_ptr<Follow>> hearers;
        {
            std::lock_guard lock(mutex);
            for (auto& weak : followers) {
                if (auto follower = weak.lock(); follower && follower->key == key)
                    hearers.push_back(follower);
            }
            std::erase_if(followers, [](const auto& weak) { return weak.expired(); });
        }
        for (const auto& hearer : hearers) {
            for (const auto* line : lines) hearer->on_entry(entry_of(round.view(*line)));
        }
    }

    void drop_oldest() {
        const auto at = files.find(recent.front());
        total -= at->second.first.bytes();
        at->second.first.remove();
        files.erase(at);
        recent.pop_front();
    }

    void flush() {
        std::unique_lock lock(mutex);
        if (queue.lines.empty() && !writing) return;
        flush_wanted = true;
        ready.notify_all();
        written.wait(lock, [&] { return queue.lines.empty() && !writing; });
    }

    FunctionLogOptions options;
    std::mutex mutex;
    std::condition_variable ready, written;
    Queue queue;
    std::size_t queued_bytes = 0;
    bool stopping = false, flush_wanted = false, writing = false;
    std::vector<std::weak_ptr<Follow>> followers;
    std::atomic<std::uint64_t> dropped{0};

    std::mutex file_mutex;
    std::list<Key> recent;
    std::map<Key, std::pair<FunctionLogFile, std::list<Key>::iterator>> files;
    std::uint64_t total = 0;
    std::thread writer;
};

FunctionLog::FunctionLog(FunctionLogOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

FunctionLog::~FunctionLog() {
    {
        std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
    }
    impl_->ready.notify_all();
    impl_->writer.join();
}

void FunctionLog::append(std::string_view ns, std::string_view function, const LogEntry& entry) {
    append(ns, function, view_of(entry));
}

void FunctionLog::append(std::string_view ns, std::string_view function, const LogLine& line) {
    std::string cut;
    LogLine kept = line;
    if (line.message.size() > kLongestMessage) {
        cut.append(line.message.substr(0, kLongestMessage)).append(" [cut]");
        kept.message = cut;
    }
    const std::size_t cost =
        kept.message.size() + kept.request_id.size() + kept.instance.size() + 96;
    bool wake = false;
    {
        std::lock_guard lock(impl_->mutex);
        if (impl_->queued_bytes + cost > impl_->options.queue_bytes) {
            impl_->dropped.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        impl_->queued_bytes += cost;
        wake = impl_->queue.lines.empty();
        impl_->queue.push(ns, function, kept);
    }
    if (wake) impl_->ready.notify_one();
}

Result<std::vector<LogEntry>> FunctionLog::read(const LogQuery& query) {
    impl_->flush();
    std::lock_guard lock(impl_->file_mutex);
    return FunctionLogFile::read(impl_->stem(Key(query.ns, query.function)), query);
}

FunctionLog::Follower FunctionLog::follow(std::string ns, std::string function,
                                          std::function<void(const LogEntry&)> on_entry) {
    auto follower = std::make_shared<Follow>();
    follower->key = Key(std::move(ns), std::move(function));
    follower->on_entry = std::move(on_entry);
    std::lock_guard lock(impl_->mutex);
    impl_->followers.push_back(follower);
    return follower;
}

void FunctionLog::forget(std::string_view ns, std::string_view function) {
    impl_->flush();
    std::lock_guard lock(impl_->file_mutex);
    const auto at = impl_->files.find(Key(ns, function));
    if (at == impl_->files.end()) return;
    impl_->total -= at->second.first.bytes();
    at->second.first.remove();
    impl_->recent.erase(at->second.second);
    impl_->files.erase(at);
}

std::uint64_t FunctionLog::dropped() const {
    return impl_->dropped.load(std::memory_order_relaxed);
}

}  // namespace hearth::telemetry
