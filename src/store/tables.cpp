#include "store/tables.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <bit>
#include <cstring>
#include <set>
#include <tuple>

#include "hearth/catalog/plan.hpp"

namespace hearth::store {
namespace {

// The checksums are written to disk as this machine computes them.
static_assert(std::endian::native == std::endian::little);

using catalog::Change;
using catalog::Record;
using catalog::RecordPtr;
using StringMap = std::map<std::string, std::string>;

/// FNV-1a's step (draft-eastlake-fnv) on eight bytes at a time, which takes a seventh of the time,
/// with a shift that carries high bits down. Every step is a bijection of the state, so one changed
/// byte always changes the sum.
class Checksum {
 public:
    void add(std::string_view text) {
        mix(text.size());
        std::size_t at = 0;
        for (; at + 8 <= text.size(); at += 8) {
            std::uint64_t word;
            std::memcpy(&word, text.data() + at, 8);
            mix(word);
        }
        if (at == text.size()) return;
        std::uint64_t rest = 0;
        std::memcpy(&rest, text.data() + at, text.size() - at);
        mix(rest);
    }
    void add(std::int64_t value) { mix(static_cast<std::uint64_t>(value)); }
    std::uint64_t value() const { return value_; }

 private:
    void mix(std::uint64_t word) {
        value_ = (value_ ^ word) * 0x100000001b3ULL;
        value_ ^= value_ >> 32;
    }
    std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

/// The ten columns of a record, in the order in which both tables have them.
struct Row {
    std::string_view kind, ns, name, uid, created;
    std::int64_t generation = 0, revision = 0;
    std::string_view labels, annotations, spec;

    static Row read(const Statement& statement, int first) {
        Row row;
        row.kind = statement.text(first);
        row.ns = statement.text(first + 1);
        row.name = statement.text(first + 2);
        row.uid = statement.text(first + 3);
        row.created = statement.text(first + 4);
        row.generation = statement.integer(first + 5);
        row.revision = statement.integer(first + 6);
        row.labels = statement.text(first + 7);
        row.annotations = statement.text(first + 8);
        row.spec = statement.text(first + 9);
        return row;
    }

    void bind(Statement& statement, int first) const {
        statement.bind(first, kind).bind(first + 1, ns).bind(first + 2, name);
        statement.bind(first + 3, uid).bind(first + 4, created).bind(first + 5, generation);
        statement.bind(first + 6, revision).bind(first + 7, labels).bind(first + 8, annotations);
        statement.bind(first + 9, spec);
    }

    void add_to(Checksum& sum) const {
        for (const auto text : {kind, ns, name, uid, created}) sum.add(text);
        sum.add(generation);
        sum.add(revision);
        for (const auto text : {labels, annotations, spec}) sum.add(text);
    }

    std::uint64_t checksum() const {
        Checksum sum;
        add_to(sum);
        return sum.value();
    }
};

std::string map_text(const StringMap& map) {
    if (map.empty()) return {};
    boost::json::object object;
    for (const auto& [key, value] : map) object[key] = value;
    return boost::json::serialize(object);
}

/// A record with the texts its row refers to.
struct RecordRow {
    explicit RecordRow(const Record& record)
        : labels(map_text(record.metadata.labels)),
          annotations(map_text(record.metadata.annotations)) {
        const model::Metadata& metadata = record.metadata;
        row = Row{catalog::kind_text(record.kind),
                  metadata.ns,
                  metadata.name,
                  metadata.uid,
                  metadata.created,
                  metadata.generation,
                  metadata.revision,
                  labels,
                  annotations,
                  record.spec_text};
    }
    RecordRow(const RecordRow&) = delete;
    RecordRow& operator=(const RecordRow&) = delete;

    std::string labels;
    std::string annotations;
    Row row;
};

bool read_map(std::string_view text, StringMap& map) {
    if (text.empty()) return true;
    boost::json::error_code error;
    const auto value = boost::json::parse(text, error);
    if (error || !value.is_object()) return false;
    for (const auto& [key, each] : value.get_object()) {
        if (!each.is_string()) return false;
        map.emplace(key, std::string_view(each.get_string()));
    }
    return true;
}

/// Null when the texts are not what a record is made of.
RecordPtr to_record(const Row& row) {
    auto record = std::make_shared<Record>();
    if (!catalog::parse_kind_text(row.kind, record->kind)) return nullptr;
    model::Metadata& metadata = record->metadata;
    metadata.name = row.name;
    metadata.ns = row.ns;
    metadata.uid = row.uid;
    metadata.generation = row.generation;
    metadata.revision = row.revision;
    metadata.created = row.created;
    if (!read_map(row.labels, metadata.labels)) return nullptr;
    if (!read_map(row.annotations, metadata.annotations)) return nullptr;
    record->spec_text = row.spec;
    return record;
}

/// The row of an object that is not what was written, under the name it has now; null when even
/// its kind is unknown.
RecordPtr damaged_record(const Row& row, std::uint64_t stored) {
    auto record = std::make_shared<Record>();
    if (!catalog::parse_kind_text(row.kind, record->kind)) return nullptr;
    record->metadata.name = row.name;
    record->metadata.ns = row.ns;
    record->metadata.uid = row.uid;
    record->metadata.generation = row.generation;
    record->metadata.revision = row.revision;
    record->metadata.created = row.created;
    record->spec_text = row.spec;
    auto damage = std::make_shared<catalog::Damage>();
    damage->why = "it is not what was written (table object, checksum)";
    damage->checksum = stored;
    record->damage = std::move(damage);
    return record;
}

/// A damaged name may be another object's: that one keeps it, and the damaged row is lost.
void move_shadowed(Tables::Objects& objects) {
    using Key = std::tuple<model::Kind, std::string_view, std::string_view>;
    const auto key_of = [](const RecordPtr& record) {
        return Key(record->kind, record->metadata.ns, record->metadata.name);
    };
    std::set<Key> taken;
    for (const auto& record : objects.records) {
        if (!record->damage) taken.insert(key_of(record));
    }
    std::erase_if(objects.records, [&](const RecordPtr& record) {
        if (!record->damage || taken.insert(key_of(record)).second) return false;
        objects.lost.push_back(fmt::format(
            "a row cannot be read whose damaged name is that of {} {} (table object, checksum)",
            catalog::kind_text(record->kind), model::qualified(record->metadata)));
        return true;
    });
}

std::string lost_text(const Row& row) {
    return fmt::format(
        "the row of \"{}\" {}/{} cannot be read: there is no kind of that name (table object)",
        row.kind, row.ns, row.name);
}

/// What the sum over all rows holds of a record that is replaced or removed.
std::uint64_t stored_checksum(const RecordPtr& record) {
    return record->damage ? record->damage->checksum : RecordRow(*record).row.checksum();
}

constexpr std::string_view kTypeTexts[] = {"added", "modified", "removed"};

std::string_view type_text(Change::Type type) {
    return kTypeTexts[static_cast<std::size_t>(type)];
}

bool parse_type(std::string_view text, Change::Type& type) {
    for (std::size_t i = 0; i < std::size(kTypeTexts); ++i) {
        if (kTypeTexts[i] != text) continue;
        type = static_cast<Change::Type>(i);
        return true;
    }
    return false;
}

std::uint64_t history_checksum(std::int64_t revision, std::string_view type, const Row& row) {
    Checksum sum;
    sum.add(revision);
    sum.add(type);
    row.add_to(sum);
    return sum.value();
}

std::uint64_t state_checksum(const State& state) {
    Checksum sum;
    sum.add(state.revision);
    sum.add(state.history_floor);
    sum.add(state.objects);
    sum.add(static_cast<std::int64_t>(state.object_sum));
    return sum.value();
}

/// What SQLite found broken while reading a table, with the table's name; other failures as they
/// are.
Error in_table(const Database& database, std::string_view table, const Error& error) {
    return is_damage(error) ? damaged(database.file(), table, error.message) : error;
}

/// The record of a history row, null when it is not what was written; gives the change its type. A
/// row of the present state gives the present record, which was checked already: a fresh database's
/// history costs no memory and little time.
RecordPtr history_record(const Statement& row, Change& change, const catalog::Lookup& present) {
    model::Kind kind{};
    if (!parse_type(row.text(1), change.type)) return nullptr;
    if (!catalog::parse_kind_text(row.text(2), kind)) return nullptr;
    const std::int64_t object_revision = row.integer(8);
    if (change.type != Change::Type::removed && object_revision == change.revision) {
        RecordPtr now = present(kind, row.text(3), row.text(4));
        if (now && !now->damage && now->metadata.revision == object_revision) return now;
    }
    const Row columns = Row::read(row, 2);
    const std::uint64_t sum = history_checksum(change.revision, row.text(1), columns);
    if (sum != static_cast<std::uint64_t>(row.integer(12))) return nullptr;
    return to_record(columns);
}

}  // namespace

Result<Tables> Tables::prepare(Database& database) {
    Tables tables(database);
    struct Text {
        Statement& statement;
        std::string_view sql;
    };
    const Text texts[] = {
        {tables.put_object_,
         "INSERT INTO object VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
         "uid=excluded.uid, created=excluded.created, generation=excluded.generation, "
         "revision=excluded.revision, labels=excluded.labels, annotations=excluded.annotations, "
         "spec=excluded.spec, checksum=excluded.checksum"},
        {tables.remove_object_, "DELETE FROM object WHERE kind=? AND ns=? AND name=?"},
        {tables.add_history_, "INSERT INTO history VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"},
        {tables.forget_history_, "DELETE FROM history WHERE revision<=?"},
        {tables.save_state_, "INSERT OR REPLACE INTO state VALUES (1,?,?,?,?,?,?)"},
    };
    for (const Text& text : texts) {
        auto statement = database.prepare(text.sql);
        if (!statement) return in_table(database, "sqlite_schema", statement.error());
        text.statement = std::move(*statement);
    }
    return tables;
}

Result<State> Tables::load_state() {
    auto select = database_->prepare(
        "SELECT revision, history_floor, objects, object_sum, checksum, undone_commits FROM state");
    if (!select) return in_table(*database_, "state", select.error());
    auto row = select->step();
    if (!row) return in_table(*database_, "state", row.error());
    State state;
    if (!*row) {
        // Right for a database that nothing was ever written to; load_objects refuses rows without
        // a state.
        return state;
    }
    state.revision = select->integer(0);
    state.history_floor = select->integer(1);
    state.objects = select->integer(2);
    state.object_sum = static_cast<std::uint64_t>(select->integer(3));
    const auto checksum = static_cast<std::uint64_t>(select->integer(4));
    state.undone_commits = select->integer(5);
    if (checksum != state_checksum(state)) {
        return damaged(database_->file(), "state", "its row does not match its checksum");
    }
    return state;
}

Result<Tables::Objects> Tables::load_objects(State& state) {
    auto select = database_->prepare("SELECT * FROM object ORDER BY kind, ns, name");
    if (!select) return in_table(*database_, "object", select.error());
    Objects objects;
    std::uint64_t sum = 0;
    std::int64_t rows = 0;
    bool damage = false;
    for (;;) {
        auto more = select->step();
        if (!more) return in_table(*database_, "object", more.error());
        if (!*more) break;
        const Row row = Row::read(*select, 0);
        const auto stored = static_cast<std::uint64_t>(select->integer(10));
        RecordPtr record;
        if (row.checksum() == stored) record = to_record(row);
        if (!record) {
            damage = true;
            record = damaged_record(row, stored);
        }
        if (!record) objects.lost.push_back(lost_text(row));
        sum += stored;
        ++rows;
        if (record) objects.records.push_back(std::move(record));
    }
    if (damage) move_shadowed(objects);
    if (damage && rows == state.objects) state.object_sum = sum;
    if (rows != state.objects || sum != state.object_sum) {
        return damaged(
            database_->file(), "object",
            fmt::format("{} rows can be read where {} were written", rows, state.objects));
    }
    return objects;
}

Result<Tables::History> Tables::load_history(const State& state, const catalog::Lookup& present) {
    auto select = database_->prepare(
        "SELECT revision, type, kind, ns, name, uid, created, generation, object_revision, labels, "
        "annotations, spec, checksum FROM history WHERE revision > ? ORDER BY revision");
    if (!select) return in_table(*database_, "history", select.error());
    select->bind(1, state.history_floor);
    History history;
    history.floor = state.history_floor;
    std::int64_t rows = 0;
    for (;;) {
        auto more = select->step();
        if (!more) return in_table(*database_, "history", more.error());
        if (!*more) break;
        Change change;
        change.revision = select->integer(0);
        change.record = history_record(*select, change, present);
        ++rows;
        if (change.record) {
            history.changes.push_back(std::move(change));
            continue;
        }
        // Whoever asks from before it is told to list again, as if it were forgotten.
        ++history.damaged;
        history.floor = change.revision;
        history.changes.clear();
    }
    if (rows != state.revision - state.history_floor) {
        return damaged(database_->file(), "history",
                       fmt::format("{} changes can be read where {} were written", rows,
                                   state.revision - state.history_floor));
    }
    return history;
}

Result<void> Tables::write(const Change& change, const RecordPtr& before, State& state) {
    const RecordRow record(*change.record);
    const std::string_view type = type_text(change.type);
    add_history_.bind(1, change.revision).bind(2, type);
    record.row.bind(add_history_, 3);
    add_history_.bind(
        13, static_cast<std::int64_t>(history_checksum(change.revision, type, record.row)));
    if (auto done = add_history_.run(); done.has_error()) return done;

    if (before) {
        state.object_sum -= stored_checksum(before);
        --state.objects;
    }
    state.revision = change.revision;
    if (change.type == Change::Type::removed) {
        remove_object_.bind(1, record.row.kind).bind(2, record.row.ns).bind(3, record.row.name);
        return remove_object_.run();
    }
    const std::uint64_t checksum = record.row.checksum();
    state.object_sum += checksum;
    ++state.objects;
    record.row.bind(put_object_, 1);
    put_object_.bind(11, static_cast<std::int64_t>(checksum));
    return put_object_.run();
}

Result<void> Tables::forget_history(std::int64_t through_revision) {
    return forget_history_.bind(1, through_revision).run();
}

Result<void> Tables::save_state(const State& state) {
    save_state_.bind(1, state.revision).bind(2, state.history_floor).bind(3, state.objects);
    save_state_.bind(4, static_cast<std::int64_t>(state.object_sum));
    save_state_.bind(5, static_cast<std::int64_t>(state_checksum(state)));
    return save_state_.bind(6, state.undone_commits).run();
}

}  // namespace hearth::store
