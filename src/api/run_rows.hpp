#pragma once

#include <vector>

#include "api/operations.hpp"

namespace hearth::api {

/// The operations on runs of workflows.
void add_run_rows(std::vector<Operation>& rows);

}  // namespace hearth::api
