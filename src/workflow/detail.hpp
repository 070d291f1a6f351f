#pragma once

#include "hearth/catalog/run_desk.hpp"
#include "workflow/run_core.hpp"

namespace hearth::workflow {

/// A run's core, made from its journal. `made_last`: what the last event made of long values.
/// Errors: internal, when the journal is not what a run writes; io, when a long value cannot be
/// read.
struct Replayed {
    std::shared_ptr<const model::WorkflowSpec> spec;
    std::unique_ptr<RunCore> core;
    std::vector<catalog::RunValue> made_last;
    Replayed() = default;
};
Result<Replayed> replay(const catalog::RunLog& log, ValueSource& values, History* history);

/// The spec that is a run's first event. Errors: internal.
Result<std::shared_ptr<const model::WorkflowSpec>> spec_of_text(const std::string& text,
                                                                const std::string& name);

/// Blocks, when `values` does.
Result<catalog::RunDetail> detail_of(const catalog::RunLog& log, ValueSource& values, bool io);

}  // namespace hearth::workflow
