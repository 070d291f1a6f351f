#include "build/build_queue.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::build {

std::string to_string(const PackageKey& key) {
    return key.ns + "/" + key.name;
}

void BuildQueue::observe(const PackageKey& key, const Observation& seen, Effects& effects) {
    using State = Observation::State;
    const auto found = entries_.find(key);
    if (found == entries_.end()) {
        if (seen.state == State::pending || seen.state == State::running) add(key, seen, effects);
        return;
    }
    Entry& entry = found->second;
    if (entry.phase == Phase::closing) return;
    const bool wanted = seen.state == State::pending || seen.state == State::running;
    if (entry.phase == Phase::waiting) {
        if (wanted) {
            entry.input = seen.input;
        } else {
            leave_line(key);
            entries_.erase(found);
        }
        return;
    }
    // What it runs with is written in the catalog, so a difference means that the package changed.
    if (!wanted) {
        stop(key, entry,
             seen.state == State::gone ? "the package was deleted"
                                       : "the package needs no build any more",
             effects);
    } else if (seen.input != entry.input) {
        stop(key, entry, "the package was changed", effects);
    }
}

void BuildQueue::add(const PackageKey& key, const Observation& seen, Effects& effects) {
    Entry& entry = entries_[key];
    entry.input = seen.input;
    if (seen.state == Observation::State::running) {
        entry.attempts = seen.attempts;
        if (seen.attempts >= kMostAttempts) {
            fail(key, entry,
                 fmt::format("the daemon ended {} times while it ran; start it again with "
                             "`hearth package rebuild`",
                             seen.attempts),
                 effects);
            return;
        }
    }
    line_.push_back(key);
    fill(effects);
}

bool BuildQueue::cancel(const PackageKey& key, Effects& effects) {
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.phase == Phase::closing) return false;
    if (found->second.phase == Phase::waiting) {
        leave_line(key);
        fail(key, found->second, "it was cancelled before it began", effects);
    } else {
        stop(key, found->second, "it was cancelled", effects);
    }
    return true;
}

void BuildQueue::finished(std::uint64_t run, Effects& effects) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [run](const auto& each) { return each.second.run == run; });
    if (found == entries_.end()) return;
    if (found->second.phase == Phase::running) --running_;
    entries_.erase(found);
    fill(effects);
}

void BuildQueue::close(Effects& effects) {
    closed_ = true;
    for (auto& [key, entry] : entries_) {
        if (entry.phase == Phase::running) stop(key, entry, "the daemon ends", effects);
    }
}

void BuildQueue::stop(const PackageKey& key, Entry& entry, std::string why, Effects& effects) {
    if (entry.stopping) return;
    entry.stopping = true;
    Effect effect;
    effect.type = Effect::Type::stop;
    effect.key = key;
    effect.run = entry.run;
    effect.why = std::move(why);
    effects.push_back(std::move(effect));
}

void BuildQueue::fail(const PackageKey& key, Entry& entry, std::string why, Effects& effects) {
    entry.phase = Phase::closing;
    entry.run = next_run_++;
    Effect effect;
    effect.type = Effect::Type::fail;
    effect.key = key;
    effect.run = entry.run;
    effect.input = entry.input;
    effect.why = std::move(why);
    effects.push_back(std::move(effect));
}

void BuildQueue::leave_line(const PackageKey& key) {
    line_.erase(std::remove(line_.begin(), line_.end(), key), line_.end());
}

void BuildQueue::fill(Effects& effects) {
    while (!closed_ && running_ < concurrency_ && !line_.empty()) {
        const PackageKey key = std::move(line_.front());
        line_.pop_front();
        Entry& entry = entries_.at(key);
        entry.phase = Phase::running;
        entry.run = next_run_++;
        ++running_;
        Effect effect;
        effect.type = Effect::Type::start;
        effect.key = key;
        effect.run = entry.run;
        effect.input = entry.input;
        effect.attempts = entry.attempts + 1;
        effects.push_back(std::move(effect));
    }
}

bool BuildQueue::waits(const PackageKey& key) const {
    const auto found = entries_.find(key);
    return found != entries_.end() && found->second.phase == Phase::waiting;
}

bool BuildQueue::runs(const PackageKey& key) const {
    const auto found = entries_.find(key);
    return found != entries_.end() && found->second.phase == Phase::running;
}

std::vector<PackageKey> BuildQueue::order() const {
    std::vector<std::pair<std::uint64_t, PackageKey>> running;
    for (const auto& [key, entry] : entries_) {
        if (entry.phase == Phase::running) running.emplace_back(entry.run, key);
    }
    std::sort(running.begin(), running.end());
    std::vector<PackageKey> keys;
    for (auto& [run, key] : running) keys.push_back(std::move(key));
    keys.insert(keys.end(), line_.begin(), line_.end());
    return keys;
}

std::string BuildQueue::reason(const PackageKey& key) const {
    const auto place = std::find(line_.begin(), line_.end(), key);
    if (place == line_.end()) return {};
    return fmt::format("waiting: {} {}, {} before it", running_,
                       running_ == 1 ? "build runs" : "builds run", place - line_.begin());
}

}  // namespace hearth::build
