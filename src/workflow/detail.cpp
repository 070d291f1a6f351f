#include "workflow/detail.hpp"

#include <boost/json.hpp>

#include "workflow/shape.hpp"

namespace hearth::workflow {
namespace {

std::string text_of(const Value& value, ValueSource& values) {
    return value.outside() ? values.load(value.digest) : value.text;
}

}  // namespace

Result<std::shared_ptr<const model::WorkflowSpec>> spec_of_text(const std::string& text,
                                                                const std::string& name) {
    const auto value = parsed(text);
    if (!value.is_object())
        return Error(Errc::internal, "the workflow of the run is no JSON object", {}, "workflow");
    auto spec = model::decode_workflow_spec(value.get_object(), name);
    if (!spec) return spec.error();
    return std::make_shared<const model::WorkflowSpec>(std::move(*spec));
}

Result<Replayed> replay(const catalog::RunLog& log, ValueSource& values, History* history) {
    const auto broken = [&](std::string why) {
        return Error(Errc::internal, "run " + log.row.id + ": " + std::move(why), {}, "workflow");
    };
    if (log.events.size() < 2) return broken("its first events are missing");
    Replayed out;
    auto spec = spec_of_text(log.events[0].body, log.row.ns + "/" + log.row.workflow);
    if (!spec) return spec.error();
    out.spec = std::move(*spec);
    out.core = std::make_unique<RunCore>(out.spec, values, history);
    try {
        for (std::size_t i = 1; i < log.events.size(); ++i) {
            const auto event = decode(log.events[i]);
            if (!event) return event.error();
            auto made = out.core->apply(*event);
            if (!made.applied) return broken("event " + std::to_string(i) + " does not follow");
            out.made_last = std::move(made.values);
        }
    } catch (const ValueLost& lost) {
        return Error(Errc::io, "run " + log.row.id + ": " + lost.why, {}, "workflow");
    }
    return out;
}

Result<catalog::RunDetail> detail_of(const catalog::RunLog& log, ValueSource& values, bool io) {
    History history;
    auto run = replay(log, values, &history);
    if (!run) return run.error();
    values.expect(run->made_last);
    catalog::RunDetail detail;
    detail.row = log.row;
    detail.spec = log.events[0].body;
    const bool over = log.row.phase != catalog::RunPhase::running;
    try {
        const auto begun = decode(log.events[1]);
        if (begun) detail.input = text_of(begun->value, values);
        if (log.row.phase == catalog::RunPhase::succeeded)
            detail.output = text_of(run->core->output(), values);
        for (auto& [number, row] : history.steps()) {
            auto& step = detail.steps.emplace_back(std::move(row.step));
            if (over && step.left == 0) step.status = "Stopped";
            if (!io) continue;
            step.input = text_of(row.input, values);
            step.output = text_of(row.output, values);
        }
    } catch (const ValueLost& lost) {
        return Error(Errc::io, "run " + log.row.id + ": " + lost.why, {}, "workflow");
    }
    return detail;
}

}  // namespace hearth::workflow
