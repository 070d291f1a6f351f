#pragma once

#include <boost/json.hpp>

#include <map>
#include <string>

#include "hearth/model/document.hpp"
#include "support/catch.hpp"
#include "workflow/run_core.hpp"
#include "workflow/shape.hpp"

namespace hearth::test {

/// Long values in memory.
struct MemoryValues final : workflow::ValueSource {
    std::string load(const std::string& digest) override {
        ++loads;
        const auto found = values.find(digest);
        if (found == values.end()) throw workflow::ValueLost{digest, "it is not there"};
        return found->second;
    }
    void keep(const std::vector<catalog::RunValue>& made) {
        for (const auto& value : made) values[value.digest] = value.text;
    }
    std::string text(const workflow::Value& value) {
        return value.outside() ? load(value.digest) : value.text;
    }
    std::map<std::string, std::string> values;
    int loads = 0;
};

inline std::shared_ptr<const model::WorkflowSpec> workflow_spec(const std::string& spec) {
    const auto read = model::parse_documents(
        "apiVersion: hearth/v1\nkind: Workflow\nmetadata: {name: w}\nspec:\n" + spec, "w.yaml");
    REQUIRE(read.faults.empty());
    const auto checked = model::check(read.documents.at(0));
    for (const auto& fault : checked.faults) FAIL(fault.path + ": " + fault.message);
    auto decoded = model::decode_workflow(checked.resource);
    REQUIRE(decoded);
    return std::make_shared<const model::WorkflowSpec>(std::move(*decoded));
}

/// A core whose effects the test carries out by hand.
struct CoreBench {
    explicit CoreBench(const std::string& text, workflow::RunLimits l = {})
        : spec(workflow_spec(text)), limits(l), core(spec, values, &history) {}

    workflow::Effects send(workflow::Event event) {
        event.at = now;
        auto made = core.apply(event);
        values.keep(made.values);
        if (made.applied) journal.push_back(workflow::encode(event));
        return made;
    }
    workflow::Effects begin(const std::string& input) {
        workflow::Event event;
        event.value = workflow::Value(input);
        event.secret = "s";
        event.limits = limits;
        return send(event);
    }
    workflow::Effects of(workflow::Event::Type type, std::int64_t step = 0, int attempt = 0,
                         const std::string& value = "null") {
        workflow::Event event;
        event.type = type;
        event.step = step;
        event.attempt = attempt;
        event.value = workflow::Value(value);
        return send(event);
    }
    workflow::Effects answer(const workflow::StepCall& call, const std::string& value) {
        return of(workflow::Event::Type::answered, call.step, call.attempt, value);
    }
    workflow::Effects fail(const workflow::StepCall& call, std::string type,
                           bool permanent = false) {
        workflow::Event event;
        event.type = workflow::Event::Type::answered;
        event.step = call.step;
        event.attempt = call.attempt;
        event.failure = workflow::Failure{
            std::move(type),
            std::string(permanent ? workflow::kPermanentError : workflow::kFunctionError), "boom",
            permanent};
        return send(event);
    }
    std::string output() { return values.text(core.output()); }
    /// The same run, read from its journal.
    workflow::RunCore replayed() {
        workflow::RunCore again(spec, values);
        for (const auto& event : journal) {
            const auto decoded = workflow::decode(event);
            REQUIRE(decoded);
            values.keep(again.apply(*decoded).values);
        }
        return again;
    }

    MemoryValues values;
    std::shared_ptr<const model::WorkflowSpec> spec;
    workflow::RunLimits limits;
    workflow::History history;
    std::int64_t now = 1'000'000;
    std::vector<catalog::RunEvent> journal;
    workflow::RunCore core;
};

}  // namespace hearth::test
