#include "store/migrations.hpp"

#include <fmt/format.h>

namespace hearth::store {
namespace {

constexpr std::int64_t kApplicationId = 0x48525448;  // "HRTH"

// `checksum` covers the other columns of a row. `state` has what SQLite itself cannot notice to be
// missing: how many objects there are and the sum of their checksums.
constexpr std::string_view kSteps[] = {
    R"(CREATE TABLE object (
  kind TEXT NOT NULL,
  ns TEXT NOT NULL,
  name TEXT NOT NULL,
  uid TEXT NOT NULL,
  created TEXT NOT NULL,
  generation INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  labels TEXT NOT NULL,
  annotations TEXT NOT NULL,
  spec TEXT NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (kind, ns, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE history (
  revision INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  kind TEXT NOT NULL,
  ns TEXT NOT NULL,
  name TEXT NOT NULL,
  uid TEXT NOT NULL,
  created TEXT NOT NULL,
  generation INTEGER NOT NULL,
  object_revision INTEGER NOT NULL,
  labels TEXT NOT NULL,
  annotations TEXT NOT NULL,
  spec TEXT NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL,
  history_floor INTEGER NOT NULL,
  objects INTEGER NOT NULL,
  object_sum INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  undone_commits INTEGER NOT NULL
) STRICT;
)",
};

// The file of queued calls. What changes often stands apart from what may be long.
constexpr std::string_view kCallSteps[] = {
    R"(CREATE TABLE call (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  lane TEXT NOT NULL,
  ns TEXT NOT NULL,
  function TEXT NOT NULL,
  url TEXT NOT NULL,
  origin TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  depth INTEGER NOT NULL,
  state TEXT NOT NULL,
  created INTEGER NOT NULL,
  due INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  budget_from INTEGER NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL
) STRICT;
CREATE INDEX call_state ON call (state, seq);
CREATE INDEX call_ended ON call (state, ended) WHERE ended > 0;
CREATE UNIQUE INDEX call_key ON call (lane, idempotency_key) WHERE idempotency_key <> '';
CREATE TABLE call_request (
  seq INTEGER PRIMARY KEY REFERENCES call ON DELETE CASCADE,
  method TEXT NOT NULL,
  target TEXT NOT NULL,
  headers BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE call_attempt (
  seq INTEGER NOT NULL REFERENCES call ON DELETE CASCADE,
  number INTEGER NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  status INTEGER NOT NULL,
  error TEXT NOT NULL,
  component TEXT NOT NULL,
  PRIMARY KEY (seq, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE call_result (
  seq INTEGER PRIMARY KEY REFERENCES call ON DELETE CASCADE,
  status INTEGER NOT NULL,
  truncated INTEGER NOT NULL,
  headers BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE call_meta (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  undone_commits INTEGER NOT NULL
) STRICT;
INSERT INTO call_meta VALUES (1, 0);
)",
};

// The file of workflow runs. Events are only added; what is long stands apart.
constexpr std::string_view kRunSteps[] = {
    R"(CREATE TABLE run (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  ns TEXT NOT NULL,
  workflow TEXT NOT NULL,
  generation INTEGER NOT NULL,
  origin TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  parent TEXT NOT NULL,
  depth INTEGER NOT NULL,
  phase TEXT NOT NULL,
  created INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  error_type TEXT NOT NULL,
  cause TEXT NOT NULL
) STRICT;
CREATE INDEX run_workflow ON run (ns, workflow, seq);
CREATE INDEX run_phase ON run (phase, seq);
CREATE INDEX run_ended ON run (ended) WHERE ended > 0;
CREATE UNIQUE INDEX run_key ON run (ns, workflow, idempotency_key) WHERE idempotency_key <> '';
CREATE TABLE run_event (
  seq INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  number INTEGER NOT NULL,
  head TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (seq, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE run_value (
  seq INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  digest TEXT NOT NULL,
  text BLOB NOT NULL,
  PRIMARY KEY (seq, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE run_meta (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  undone_commits INTEGER NOT NULL
) STRICT;
INSERT INTO run_meta VALUES (1, 0);
)",
};

Error foreign(const Database& database) {
    return Error(Errc::internal,
                 fmt::format("{} is an SQLite database of another program; choose another data "
                             "folder with --data",
                             database.file().string()),
                 {}, "store");
}

Result<void> apply_step(Database& database, std::span<const std::string_view> steps,
                        std::size_t index) {
    std::string sql = "BEGIN IMMEDIATE;\n";
    sql += steps[index];
    sql += fmt::format("PRAGMA application_id={};\nPRAGMA user_version={};\nCOMMIT;",
                       kApplicationId, index + 1);
    auto done = database.run(sql);
    if (done.has_error()) database.rollback();
    return done;
}

}  // namespace

std::span<const std::string_view> migration_steps() {
    return kSteps;
}

std::span<const std::string_view> call_migration_steps() {
    return kCallSteps;
}

std::span<const std::string_view> run_migration_steps() {
    return kRunSteps;
}

Result<void> migrate(Database& database, std::span<const std::string_view> steps) {
    auto version = database.integer("PRAGMA user_version");
    if (!version) return version.error();
    auto application = database.integer("PRAGMA application_id");
    if (!application) return application.error();
    auto tables = database.integer("SELECT count(*) FROM sqlite_schema");
    if (!tables) return tables.error();
    const bool empty = *tables == 0 && *version == 0 && *application == 0;
    if (!empty && *application != kApplicationId) return foreign(database);
    const auto known = static_cast<std::int64_t>(steps.size());
    if (*version > known) {
        return Error(Errc::internal,
                     fmt::format("{} was written by a newer hearth (schema {}, this one knows {}); "
                                 "start that one, or restore a backup made before the upgrade",
                                 database.file().string(), *version, known),
                     {}, "store");
    }
    for (auto step = *version < 0 ? 0 : *version; step < known; ++step) {
        if (auto done = apply_step(database, steps, static_cast<std::size_t>(step));
            done.has_error()) {
            return done;
        }
    }
    return {};
}

}  // namespace hearth::store
