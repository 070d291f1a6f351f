#pragma once

#include <span>
#include <string_view>

#include "hearth/base/result.hpp"
#include "store/sqlite.hpp"

namespace hearth::store {

/// The steps from an empty file to the present schema. Steps only add; one that has shipped is
/// never changed (test/store/migrations_test.cpp holds their SHA-256). The database's user_version
/// counts the steps it has.
std::span<const std::string_view> migration_steps();

/// The same of the database of queued calls.
std::span<const std::string_view> call_migration_steps();

/// The same of the journal of workflow runs.
std::span<const std::string_view> run_migration_steps();

/// Brings the database to the schema of `steps`, each step in a transaction with its number.
/// Errors: internal for a file that is newer than this binary or not Hearth's; io, no_space.
Result<void> migrate(Database& database, std::span<const std::string_view> steps);

}  // namespace hearth::store
