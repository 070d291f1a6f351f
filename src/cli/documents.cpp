#include "cli/documents.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <iterator>
#include <set>

#include "cli/files.hpp"

namespace hearth::cli {

namespace fs = std::filesystem;
namespace json = boost::json;
using model::Fault;

namespace {

constexpr std::uint64_t kMostBytes = 16u << 20;

struct Source {
    std::string file;      ///< as faults name it
    fs::path spec_folder;  ///< whose parent archive patterns are relative to
};

bool is_spec_file(const fs::path& path) {
    const auto extension = path.extension();
    return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

Result<std::vector<Source>> list_sources(const std::vector<std::string>& given) {
    std::vector<Source> sources;
    for (const std::string& name : given) {
        std::error_code ec;
        if (name == "-") {
            // Patterns of what comes by standard input are relative to the present folder.
            sources.push_back({"-", fs::current_path(ec) / "specs"});
        } else if (fs::is_directory(name, ec)) {
            auto files = files_below(name);
            if (!files) return files.error();
            const std::size_t before = sources.size();
            for (const auto& file : *files) {
                if (is_spec_file(file)) sources.push_back({(fs::path(name) / file).string(), name});
            }
            if (sources.size() == before) {
                return Error(Errc::not_found, name + " holds no *.yaml, *.yml or *.json file");
            }
        } else {
            fs::path folder = fs::path(name).parent_path();
            sources.push_back({name, folder.empty() ? fs::path(".") : folder});
        }
    }
    return sources;
}

Result<std::string> read_source(const Source& source, std::istream& in) {
    if (source.file != "-") return read_file(source.file, kMostBytes);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    return text;
}

std::string name_of(const model::Document& document) {
    const auto* object = document.value.if_object();
    const auto* name = object ? object->if_contains("name") : nullptr;
    return name && name->is_string() ? std::string(name->get_string()) : std::string();
}

bool has_kind(const model::Document& document, std::string_view kind) {
    return document.value.as_object().at("kind").as_string() == kind;
}

void add_text(Documents& out, const Source& source, std::string_view text,
              std::vector<fs::path>& folders) {
    auto parsed = model::parse_documents(text, source.file);
    std::move(parsed.faults.begin(), parsed.faults.end(), std::back_inserter(out.faults));
    for (auto& document : parsed.documents) {
        if (!model::is_client_side(document)) {
            out.documents.push_back(std::move(document));
            continue;
        }
        out.client_side.push_back(std::move(document));
        folders.push_back(source.spec_folder);
    }
}

void read_client_side(Documents& out, const std::vector<fs::path>& folders) {
    for (std::size_t i = 0; i < out.client_side.size(); ++i) {
        const auto& document = out.client_side[i];
        if (has_kind(document, "DeploymentConfig")) {
            out.set = name_of(document);
            continue;
        }
        const std::size_t faults = out.faults.size();
        auto spec = read_archive_spec(document, folders[i], out.faults);
        if (out.faults.size() == faults) {
            const bool fresh =
                out.selected.emplace(spec.name, select_files(spec, out.faults)).second;
            if (!fresh) {
                const auto place = document.place("name");
                out.faults.push_back({document.file, place.line, place.column, "name",
                                      "ArchiveUploadSpec " + spec.name + " is there twice"});
            }
        }
        out.archives.push_back(std::move(spec));
    }
}

bool is_digest(const std::string& name) {
    return name.size() == 64 &&
           name.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
}

void check_archive_names(Documents& out) {
    std::set<std::string> known, used;
    for (const auto& spec : out.archives) known.insert(spec.name);
    for (const auto& document : out.documents) {
        for (const auto& name : archive_names(document)) {
            used.insert(name);
            if (known.contains(name) || is_digest(name)) continue;
            std::string path = "spec.deployment.url";
            if (!document.places.contains(path)) path = "spec.source.url";
            const auto place = document.place(path);
            out.faults.push_back({document.file, place.line, place.column, path,
                                  "there is no ArchiveUploadSpec " + name + " among these files"});
        }
    }
    for (const auto& spec : out.archives) {
        if (spec.name.empty() || used.contains(spec.name)) continue;
        const auto place = spec.document->place("name");
        out.warnings.push_back({spec.document->file, place.line, place.column, "name",
                                "no package uses the archive " + spec.name});
    }
}

void check_documents(Documents& out, const std::string& ns) {
    std::vector<model::Checked> checked;
    for (const auto& document : out.documents) {
        checked.push_back(model::check(document, ns, model::Target::any));
        auto& last = checked.back();
        out.faults.insert(out.faults.end(), last.faults.begin(), last.faults.end());
        out.warnings.insert(out.warnings.end(), last.warnings.begin(), last.warnings.end());
    }
    auto twice = model::repeated(out.documents, checked);
    std::move(twice.begin(), twice.end(), std::back_inserter(out.faults));
}

/// A parse fault and a check of what was parsed nevertheless may say the same of one place.
void sort_faults(std::vector<Fault>& faults) {
    std::stable_sort(faults.begin(), faults.end(), [](const Fault& a, const Fault& b) {
        return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
    });
}

}  // namespace

Result<Documents> read_documents(const std::vector<std::string>& sources, std::istream& in,
                                 const std::string& default_namespace) {
    auto list = list_sources(sources);
    if (!list) return list.error();
    Documents out;
    std::vector<fs::path> folders;
    for (const Source& source : *list) {
        auto text = read_source(source, in);
        if (!text) return text.error();
        add_text(out, source, *text, folders);
    }
    read_client_side(out, folders);
    check_documents(out, default_namespace);
    check_archive_names(out);
    sort_faults(out.faults);
    return out;
}

Result<void> resolve_archives(Documents& documents, Client& client) {
    std::set<std::string> used;
    for (const auto& document : documents.documents) {
        for (auto& name : archive_names(document)) used.insert(std::move(name));
    }
    std::map<std::string, json::object> packed;
    for (const auto& [name, selected] : documents.selected) {
        if (!used.contains(name)) continue;
        auto archive = pack(selected.files, selected.single, client);
        if (!archive) return archive.error();
        packed.emplace(name, std::move(*archive));
    }
    for (auto& document : documents.documents) replace_archives(document, packed);
    return {};
}

std::string request_body(const std::vector<model::Document>& documents) {
    std::string body = "[";
    for (std::size_t i = 0; i < documents.size(); ++i) {
        body += i ? ",\n" : "\n";
        body += json::serialize(documents[i].value);
    }
    return body + "\n]\n";
}

void rename_places(json::object& problem, const std::vector<model::Document>& documents) {
    auto* errors = problem.if_contains("errors");
    if (!errors || !errors->is_array()) return;
    for (auto& item : errors->get_array()) {
        auto* error = item.if_object();
        if (!error) continue;
        const auto* line = error->if_contains("line");
        const auto* path = error->if_contains("path");
        if (!line || !line->is_int64()) continue;
        // Line 1 is the bracket.
        const std::int64_t index = line->get_int64() - 2;
        if (index < 0 || index >= static_cast<std::int64_t>(documents.size())) continue;
        const auto& document = documents[static_cast<std::size_t>(index)];
        const auto place = document.place(
            path && path->is_string() ? std::string_view(path->get_string()) : std::string_view());
        (*error)["file"] = document.file;
        (*error)["line"] = place.line;
        (*error)["column"] = place.column;
    }
}

std::string fault_text(const std::vector<Fault>& faults) {
    std::string out;
    for (const Fault& fault : faults) out += model::to_string(fault) + "\n";
    return out;
}

}  // namespace hearth::cli
