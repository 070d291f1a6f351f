#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace hearth::store {

/// A prepared statement. Bound text must live until the next step() has returned.
/// Thread: that of its Database.
class Statement {
 public:
    Statement() = default;
    explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}

    Statement& bind(int index, std::int64_t value);
    Statement& bind(int index, std::string_view text);
    Statement& bind_null(int index);
    Statement& bind_blob(int index, std::string_view bytes);
    /// True when there is a row. A statement that has ended or failed is reset by itself.
    /// Errors: those of Database::error.
    Result<bool> step();
    /// One step of a statement that has no rows.
    Result<void> run();
    void reset();

    std::int64_t integer(int column) const;
    /// Valid until the next step() or reset().
    std::string_view text(int column) const;
    std::string_view blob(int column) const;

 private:
    struct Finalize {
        void operator()(sqlite3_stmt* handle) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> handle_;
    int bind_fault_ = 0;
};

/// One SQLite connection with this program's pragmas, each read back.
/// Thread: one at a time.
class Database {
 public:
    /// Opens or creates (mode 0600). Errors: io, no_space, internal (damaged, or not a database).
    static Result<Database> open(const std::filesystem::path& file);

    Result<void> run(const std::string& sql);
    Result<Statement> prepare(std::string_view sql);
    Result<std::int64_t> integer(std::string_view sql);
    Result<std::string> text(std::string_view sql);
    bool in_transaction() const;
    /// Undoes what is open; cannot fail in a way that leaves it open.
    void rollback();
    const std::filesystem::path& file() const { return file_; }

 private:
    struct Close {
        void operator()(sqlite3* handle) const;
    };
    Database(sqlite3* handle, std::filesystem::path file)
        : handle_(handle), file_(std::move(file)) {}
    Result<void> set_pragmas();

    std::unique_ptr<sqlite3, Close> handle_;
    std::filesystem::path file_;
};

/// True when SQLite said that what it read cannot be what it wrote.
bool is_damage(const Error& error);
/// The error for a damaged table, with what to do about it.
Error damaged(const std::filesystem::path& file, std::string_view table, std::string_view why);

}  // namespace hearth::store
