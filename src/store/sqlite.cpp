#include "store/sqlite.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

namespace hearth::store {
namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr std::string_view kDamagePrefix = "the database is damaged";

bool is_space_errno(int number) {
    // EFBIG: a file-size limit is a space limit to whoever set it.
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

Error error_of(sqlite3* handle, int code) {
    const char* file = sqlite3_db_filename(handle, "main");
    const std::string where = file == nullptr ? "database" : file;
    const std::string why = sqlite3_errmsg(handle);
    const int primary = code & 0xff;
    const bool may_be_space =
        primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL;
    if (primary == SQLITE_FULL || (may_be_space && is_space_errno(sqlite3_system_errno(handle)))) {
        return Error(Errc::no_space,
                     fmt::format("no space left for {}: {}; free some and repeat", where, why), {},
                     "store");
    }
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
        return Error(Errc::unavailable,
                     fmt::format("{} is locked by another program, for example a sqlite3 shell: {}",
                                 where, why),
                     {}, "store");
    }
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
        return Error(Errc::internal, fmt::format("{}: {}: {}", kDamagePrefix, where, why), {},
                     "store");
    }
    const bool io = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN ||
                    primary == SQLITE_READONLY || primary == SQLITE_PERM;
    return Error(io ? Errc::io : Errc::internal, fmt::format("{}: {} ({})", where, why, code), {},
                 "store");
}

/// SQLite would create it readable for everybody; WAL and index inherit the mode.
Result<void> create_private(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return base::from_errno(errno, "open " + file.string());
    ::close(fd);
    const auto parent = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
    const int folder = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return base::from_errno(errno, "open " + parent.string());
    const int failed = ::fsync(folder) == 0 ? 0 : errno;
    ::close(folder);
    if (failed != 0) return base::from_errno(failed, "fsync " + parent.string());
    return {};
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* handle) const {
    sqlite3_finalize(handle);
}

Statement& Statement::bind(int index, std::int64_t value) {
    if (const int code = sqlite3_bind_int64(handle_.get(), index, value)) bind_fault_ = code;
    return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
    const char* data = text.data() == nullptr ? "" : text.data();
    if (const int code = sqlite3_bind_text64(handle_.get(), index, data, text.size(), SQLITE_STATIC,
                                             SQLITE_UTF8)) {
        bind_fault_ = code;
    }
    return *this;
}

Statement& Statement::bind_null(int index) {
    if (const int code = sqlite3_bind_null(handle_.get(), index)) bind_fault_ = code;
    return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
    const char* data = bytes.data() == nullptr ? "" : bytes.data();
    if (const int code =
            sqlite3_bind_blob64(handle_.get(), index, data, bytes.size(), SQLITE_STATIC)) {
        bind_fault_ = code;
    }
    return *this;
}

Result<bool> Statement::step() {
    sqlite3* handle = sqlite3_db_handle(handle_.get());
    if (bind_fault_ != 0) {
        const int code = std::exchange(bind_fault_, 0);
        Error error = error_of(handle, code);
        reset();
        return error;
    }
    const int code = sqlite3_step(handle_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        sqlite3_reset(handle_.get());
        return false;
    }
    Error error = error_of(handle, code);
    sqlite3_reset(handle_.get());
    return error;
}

Result<void> Statement::run() {
    auto row = step();
    if (!row) return row.error();
    if (*row) reset();
    return {};
}

void Statement::reset() {
    sqlite3_reset(handle_.get());
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(handle_.get(), column);
}

std::string_view Statement::text(int column) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
    if (data == nullptr) return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

std::string_view Statement::blob(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
    if (data == nullptr) return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

void Database::Close::operator()(sqlite3* handle) const {
    sqlite3_close_v2(handle);
}

Result<Database> Database::open(const std::filesystem::path& file) {
    if (auto created = create_private(file); created.has_error()) {
        Error error = created.error();
        error.component = "store";
        return error;
    }
    sqlite3* handle = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int code = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
    Database database(handle, file);
    if (code != SQLITE_OK) return error_of(handle, code);
    if (auto done = database.set_pragmas(); done.has_error()) return done.error();
    return database;
}

Result<void> Database::set_pragmas() {
    struct Pragma {
        const char* set;
        const char* read;
        std::string_view value;
    };
    // The first two guard against what a damaged or planted file could do; they come before it is
    // read.
    constexpr Pragma kPragmas[] = {
        {"PRAGMA trusted_schema=OFF", "PRAGMA trusted_schema", "0"},
        {"PRAGMA cell_size_check=ON", "PRAGMA cell_size_check", "1"},
        {"PRAGMA busy_timeout=5000", "PRAGMA busy_timeout", "5000"},
        {"PRAGMA journal_mode=WAL", "PRAGMA journal_mode", "wal"},
        {"PRAGMA synchronous=FULL", "PRAGMA synchronous", "2"},
        {"PRAGMA foreign_keys=ON", "PRAGMA foreign_keys", "1"},
        {"PRAGMA wal_autocheckpoint=1000", "PRAGMA wal_autocheckpoint", "1000"},
        {"PRAGMA journal_size_limit=8388608", "PRAGMA journal_size_limit", "8388608"},
        {"PRAGMA temp_store=MEMORY", "PRAGMA temp_store", "2"},
    };
    sqlite3_busy_timeout(handle_.get(), kBusyTimeoutMs);
    for (const Pragma& pragma : kPragmas) {
        if (auto done = run(pragma.set); done.has_error()) return done.error();
        auto value = text(pragma.read);
        if (!value) return value.error();
        if (*value != pragma.value) {
            return Error(Errc::internal,
                         fmt::format("{}: SQLite answers {} to \"{}\", not {}", file_.string(),
                                     *value, pragma.read, pragma.value),
                         {}, "store");
        }
    }
    return {};
}

Result<void> Database::run(const std::string& sql) {
    const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return error_of(handle_.get(), code);
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* handle = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
    if (code != SQLITE_OK) return error_of(handle_.get(), code);
    return Statement(handle);
}

Result<std::int64_t> Database::integer(std::string_view sql) {
    auto statement = prepare(sql);
    if (!statement) return statement.error();
    auto row = statement->step();
    if (!row) return row.error();
    return *row ? statement->integer(0) : 0;
}

Result<std::string> Database::text(std::string_view sql) {
    auto statement = prepare(sql);
    if (!statement) return statement.error();
    auto row = statement->step();
    if (!row) return row.error();
    return *row ? std::string(statement->text(0)) : std::string();
}

bool Database::in_transaction() const {
    return sqlite3_get_autocommit(handle_.get()) == 0;
}

void Database::rollback() {
    if (!in_transaction()) return;
    // What it reports was reported by the statement that failed before; the transaction ends either
    // way.
    sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

bool is_damage(const Error& error) {
    return error.code == Errc::internal && error.message.starts_with(kDamagePrefix);
}

Error damaged(const std::filesystem::path& file, std::string_view table, std::string_view why) {
    return Error(Errc::internal,
                 fmt::format("{}: {}, table {}: {}; stop here and restore the file from a backup",
                             kDamagePrefix, file.string(), table, why),
                 {}, "store");
}

}  // namespace hearth::store
