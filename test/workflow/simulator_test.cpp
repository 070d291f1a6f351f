#include <algorithm>
#include <random>
#include <set>

#include "workflow/core_fixture.hpp"

using namespace hearth;
using namespace hearth::workflow;
using catalog::RunPhase;

namespace {

constexpr const char* kSpecs[] = {"  steps: [a, b, c, d]\n  defaultRetry: {maxAttempts: 3}\n",
                                  R"(  startAt: p
  defaultRetry: {maxAttempts: 2}
  states:
    p:
      type: Parallel
      resultPath: $.p
      catch: [{errorType: Fission.All, next: mend, resultPath: $.e}]
      next: w
      branches:
        - startAt: a
          states:
            a: {type: Task, function: {name: a}, next: pause}
            pause: {type: Wait, duration: 2s, next: b}
            b: {type: Task, function: {name: b}, end: true}
        - startAt: m
          states:
            m:
              type: Map
              maxConcurrency: 3
              itemsPath: $.list
              end: true
              branches: [{startAt: x, states: {x: {type: Task, function: {name: x}, end: true}}}]
    w: {type: Wait, duration: 5s, next: last}
    mend: {type: Task, function: {name: mend}, resultPath: $.mended, next: last}
    last: {type: Task, function: {name: last}, resultPath: $.last, end: true}
)",
                                  R"(  startAt: ask
  states:
    ask: {type: Task, callback: true, function: {name: ask}, timeout: 1h, resultPath: $.answer, next: sub}
    sub: {type: Task, function: {type: workflow, name: other}, retry: {maxAttempts: 2}, resultPath: $.sub, next: m}
    m:
      type: Map
      itemsPath: $.list
      maxConcurrency: 2
      resultPath: $.m
      next: choose
      branches:
        - startAt: two
          states:
            two:
              type: Parallel
              end: true
              branches:
                - {startAt: l, states: {l: {type: Task, function: {name: l}, end: true}}}
                - {startAt: r, states: {r: {type: Task, callback: true, end: true}}}
    choose:
      type: Choice
      choices: [{variable: $.n, numericLessThan: 3, next: end1}]
      default: end2
    end1: {type: Task, function: {name: e}, end: true}
    end2: {type: Succeed}
)"};

/// A driver without a network, whose process dies at any write and whose calls end in any order,
/// late or twice.
class Simulation {
 public:
    Simulation(const std::shared_ptr<const model::WorkflowSpec>& spec, std::uint64_t seed)
        : spec_(spec), random_(seed) {
        limits_.outside_from = one_in(3) ? 24 : 64 * 1024;
        restart();
    }

    void run() {
        Event begun;
        begun.secret = "s";
        begun.limits = limits_;
        begun.value = Value(R"({"list":[1,2,3,4,5],"n":)" + std::to_string(random_() % 6) + "}");
        crashes_on_ = false;  // what is not accepted is not a run
        deliver(begun);
        crashes_on_ = true;
        for (turns_ = 0; turns_ < 4'000; ++turns_) {
            if (core_->phase() == RunPhase::succeeded) return;
            if (core_->phase() != RunPhase::running) {
                deliver(event(Event::Type::redriven, 0, 0));
                continue;
            }
            if (one_in(300)) deliver(event(Event::Type::cancelled, 0, 0));
            turn();
        }
    }

    bool succeeded() const { return core_->phase() == RunPhase::succeeded; }
    int doubled() const { return doubled_; }
    int strange() const { return strange_; }
    int crashes() const { return crashes_; }
    int turns() const { return turns_; }

 private:
    bool one_in(unsigned n) { return random_() % n == 0; }

    Event event(Event::Type type, std::int64_t step, int attempt) const {
        Event made;
        made.type = type;
        made.step = step;
        made.attempt = attempt;
        return made;
    }

    void turn() {
        const auto pick = random_() % 4;
        if (!calls_.empty() && pick < 2) return end_call();
        if (!children_.empty() && pick == 2) return end_child();
        if (pick == 3 && call_back()) return;
        if (!wakes_.empty() && (calls_.empty() || one_in(4))) {
            const auto wake = *wakes_.begin();
            wakes_.erase(wakes_.begin());
            now_ = std::max(now_, std::get<0>(wake));
            deliver(event(Event::Type::due, std::get<1>(wake), std::get<2>(wake)));
        }
    }

    void end_call() {
        const auto index = random_() % calls_.size();
        const auto call = calls_[index];
        if (!one_in(10)) calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(index));
        auto ended = event(Event::Type::answered, call.step, call.attempt);
        if (one_in(6))
            ended.failure = Failure{"Odd", std::string(kFunctionError), "boom", one_in(3)};
        else
            ended.value = book_.make("{\"of\":" + std::to_string(call.step) + "}");
        values_.keep(book_.take());
        deliver(ended);
    }

    void end_child() {
        const auto child = children_.back();
        children_.pop_back();
        auto ended = event(Event::Type::child_ended, child.step, child.attempt);
        if (one_in(4))
            ended.failure = Failure{"Odd", std::string(kFunctionError), "boom", false};
        else
            ended.value = Value("\"child\"");
        deliver(ended);
    }

    bool call_back() {
        if (tokens_.empty()) return false;
        const auto token = *tokens_.begin();
        const auto step = core_->step_of(token);
        if (step == 0) {
            tokens_.erase(token);
            return true;
        }
        auto back = event(Event::Type::called_back, step, 0);
        back.value = Value("\"back\"");
        deliver(back);
        return true;
    }

    bool crash() {
        if (!crashes_on_ || !one_in(5)) return false;
        ++crashes_;
        restart();
        return true;
    }

    void deliver(Event event) {
        event.at = ++now_;
        if (crash()) return;
        auto made = core_->apply(event);
        if (!made.applied) return;
        if (crash()) return;
        values_.keep(made.values);
        journal_.push_back(encode(event));
        for (const auto& [step, row] : history_.steps())
            if (row.step.status == "Succeeded") finished_.insert(step);
        if (crash()) return;
        carry_out(made);
    }

    void carry_out(const Effects& made) {
        for (const auto& call : made.calls) {
            doubled_ += finished_.contains(call.step) ? 1 : 0;
            // A step keeps its number, and with it its idempotency key, over all attempts.
            const auto [known, fresh] = names_.emplace(call.step, call.state->name + call.branch);
            strange_ += known->second == call.state->name + call.branch ? 0 : 1;
            static_cast<void>(values_.text(call.input));
            calls_.push_back(call);
        }
        for (const auto& child : made.children) children_.push_back(child);
        for (const auto& wake : made.wakes) wakes_.emplace(wake.at, wake.step, wake.attempt);
        for (const auto& [step, row] : history_.steps())
            if (!row.step.token.empty()) tokens_.insert(row.step.token);
    }

    void restart() {
        calls_.clear();
        children_.clear();
        wakes_.clear();
        tokens_.clear();
        history_ = History();
        core_ = std::make_unique<RunCore>(spec_, values_, &history_);
        for (const auto& event : journal_) {
            const auto decoded = decode(event);
            if (!decoded || !core_->apply(*decoded).applied) ++strange_;
        }
        carry_out(core_->outstanding());
    }

    std::shared_ptr<const model::WorkflowSpec> spec_;
    std::mt19937_64 random_;
    RunLimits limits_;
    test::MemoryValues values_;
    ValueBook book_{values_, 24};
    History history_;
    std::unique_ptr<RunCore> core_;
    std::vector<catalog::RunEvent> journal_;
    std::vector<StepCall> calls_;
    std::vector<StepChild> children_;
    std::set<std::tuple<UnixMs, std::int64_t, int>> wakes_;
    std::set<std::string> tokens_;
    std::set<std::int64_t> finished_;
    std::map<std::int64_t, std::string> names_;
    UnixMs now_ = 1'000;
    bool crashes_on_ = true;
    int doubled_ = 0, strange_ = 0, crashes_ = 0, turns_ = 0;
};

}  // namespace

TEST_CASE("workflow simulator: crashes at every write lose no run and repeat no finished step",
          "[workflow][unit]") {
    constexpr std::uint64_t kSeeds = 1'500;
    std::vector<std::shared_ptr<const model::WorkflowSpec>> specs;
    for (const auto* text : kSpecs) specs.push_back(test::workflow_spec(text));
    int lost = 0, doubled = 0, strange = 0, crashes = 0;
    for (std::uint64_t seed = 0; seed < kSeeds * specs.size(); ++seed) {
        Simulation simulation(specs[seed % specs.size()], seed);
        simulation.run();
        if (!simulation.succeeded()) {
            ++lost;
            UNSCOPED_INFO("lost: seed " << seed);
        }
        if (simulation.doubled() > 0) UNSCOPED_INFO("doubled: seed " << seed);
        doubled += simulation.doubled();
        strange += simulation.strange();
        crashes += simulation.crashes();
    }
    CHECK(lost == 0);
    CHECK(doubled == 0);
    CHECK(strange == 0);
    CHECK(crashes > 10'000);
}
