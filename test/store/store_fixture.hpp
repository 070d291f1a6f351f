#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "catalog/catalog_contract.hpp"
#include "hearth/store/sqlite_catalog.hpp"
#include "support/temp_dir.hpp"

namespace hearth::test {

/// A database in a folder of its own with what open_sqlite_catalog needs around it.
class StoreFixture {
 public:
    StoreFixture() { options.file = dir.path() / "hearth.db"; }

    Result<std::unique_ptr<catalog::Catalog>> try_open() {
        return store::open_sqlite_catalog(options, log, metrics);
    }
    std::unique_ptr<catalog::Catalog> open() {
        auto opened = try_open();
        if (!opened) throw std::runtime_error(opened.error().message);
        return std::move(*opened);
    }
    std::uint64_t counter(const std::string& name) { return metrics.counter(name, "").value(); }

    TempDir dir;
    store::StoreOptions options;
    telemetry::Logger log{static_cast<telemetry::Level>(99), telemetry::Logger::Format::text};
    telemetry::Registry metrics;
};

/// The first column of the first row, read by a connection of its own.
inline std::string ask_sqlite(const std::filesystem::path& file, const std::string& sql) {
    sqlite3* handle = nullptr;
    std::string answer = "open failed";
    if (sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                        nullptr) == SQLITE_OK) {
        answer.clear();
        const auto keep = [](void* out, int, char** values, char**) {
            auto& text = *static_cast<std::string*>(out);
            if (text.empty() && values[0] != nullptr) text = values[0];
            return 0;
        };
        char* message = nullptr;
        if (sqlite3_exec(handle, sql.c_str(), keep, &answer, &message) != SQLITE_OK) {
            answer = message;
        }
        sqlite3_free(message);
    }
    sqlite3_close_v2(handle);
    return answer;
}

/// "kind-index ns/name revision generation uid spec" of everything, to compare two states.
inline std::vector<std::string> dump(const catalog::Catalog& catalog) {
    std::vector<std::string> lines;
    for (const auto& record : catalog.list(catalog::ListQuery{})) {
        const model::Metadata& m = record->metadata;
        std::string line = std::to_string(static_cast<int>(record->kind)) + " " + m.ns + "/" +
                           m.name + " " + std::to_string(m.revision) + " " +
                           std::to_string(m.generation) + " " + m.uid + " " + m.created + " " +
                           record->spec_text;
        for (const auto& [key, value] : m.labels) line += " " + key + "=" + value;
        for (const auto& [key, value] : m.annotations) line += " " + key + "=" + value;
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace hearth::test
