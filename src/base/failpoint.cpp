#include "hearth/base/failpoint.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace hearth::base {
namespace {

struct Rule {
    std::string name;
    std::string action;
    long at = 0;  // 0: every hit
    long hits = 0;
};

struct Rules {
    std::mutex mutex;
    std::vector<Rule> rules;
    std::set<std::string, std::less<>> hit;

    Rules() {
        const char* text = std::getenv("HEARTH_FAILPOINTS");
        if (text == nullptr) return;
        std::string_view rest = text;
        while (!rest.empty()) {
            const auto end = rest.find(';');
            add(rest.substr(0, end));
            rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
        }
    }

    void add(std::string_view entry) {
        const auto equals = entry.find('=');
        if (equals == std::string_view::npos) return;
        Rule rule;
        rule.name = entry.substr(0, equals);
        std::string_view action = entry.substr(equals + 1);
        if (const auto at = action.find('@'); at != std::string_view::npos) {
            std::from_chars(action.data() + at + 1, action.data() + action.size(), rule.at);
            action = action.substr(0, at);
        }
        rule.action = action;
        rules.push_back(std::move(rule));
    }
};

// The one process-wide state of this module: failpoints are read from the environment and must be
// reachable from any depth without being passed through every constructor.
Rules& rules() {
    static Rules instance;
    return instance;
}

Result<void> act(const std::string& action, std::string_view name) {
    if (action == "kill") ::kill(::getpid(), SIGKILL);
    if (action == "error") return Error(Errc::io, "failpoint " + std::string(name));
    if (action == "nospace") return Error(Errc::no_space, "failpoint " + std::string(name));
    if (action.starts_with("sleep:")) {
        std::this_thread::sleep_for(std::chrono::milliseconds(std::atol(action.c_str() + 6)));
    }
    return {};
}

}  // namespace

Result<void> failpoint(std::string_view name) {
    Rules& all = rules();
    if (all.rules.empty()) return {};
    std::string action;
    {
        std::lock_guard lock(all.mutex);
        all.hit.emplace(name);
        for (Rule& rule : all.rules) {
            if (rule.name != "*" && rule.name != name) continue;
            ++rule.hits;
            if (rule.at == 0 || rule.hits == rule.at) action = rule.action;
        }
    }
    if (action.empty()) return {};
    return act(action, name);
}

std::vector<std::string> failpoints_hit() {
    Rules& all = rules();
    std::lock_guard lock(all.mutex);
    return {all.hit.begin(), all.hit.end()};
}

}  // namespace hearth::base
