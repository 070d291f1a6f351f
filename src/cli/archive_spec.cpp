#include "cli/archive_spec.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "cli/files.hpp"
#include "cli/glob.hpp"

namespace hearth::cli {

namespace fs = std::filesystem;
namespace json = boost::json;
using model::Fault;

namespace {

constexpr std::string_view kScheme = "archive://";

Fault fault_at(const model::Document& document, std::string path, std::string message) {
    const auto place = document.place(path);
    return {document.file, place.line, place.column, std::move(path), std::move(message)};
}

std::vector<std::string> patterns(const model::Document& document, const json::value& value,
                                  const std::string& key, std::vector<Fault>& faults) {
    std::vector<std::string> out;
    if (value.is_null()) return out;
    const auto* list = value.if_array();
    for (std::size_t i = 0; list && i < list->size(); ++i) {
        if (const auto* text = (*list)[i].if_string()) {
            out.emplace_back(*text);
        } else {
            faults.push_back(
                fault_at(document, key + "[" + std::to_string(i) + "]", "must be text"));
        }
    }
    if (!list) faults.push_back(fault_at(document, key, "must be a list of patterns"));
    return out;
}

}  // namespace

ArchiveSpec read_archive_spec(const model::Document& document, const fs::path& spec_folder,
                              std::vector<Fault>& faults) {
    ArchiveSpec spec;
    spec.document = &document;
    const fs::path folder = fs::absolute(spec_folder).lexically_normal();
    spec.root = (folder.has_filename() ? folder : folder.parent_path()).parent_path();
    for (const auto& member : document.value.as_object()) {
        const std::string key(member.key());
        const json::value& value = member.value();
        if (key == "name" || key == "rootdir") {
            const auto* text = value.if_string();
            if (!text && !value.is_null()) {
                faults.push_back(fault_at(document, key, "must be text"));
            } else if (text && key == "name") {
                spec.name = std::string(*text);
            } else if (text && !text->empty()) {
                spec.root = fs::path(std::string(*text)).is_absolute()
                                ? fs::path(std::string(*text))
                                : folder / std::string(*text);
            }
        } else if (key == "include") {
            spec.include = patterns(document, value, key, faults);
        } else if (key == "exclude") {
            spec.exclude = patterns(document, value, key, faults);
        } else if (key != "apiVersion" && key != "kind" && key != "metadata" && key != "status") {
            faults.push_back(fault_at(
                document, key, "is no known field; known here: name, rootdir, include, exclude"));
        }
    }
    if (spec.name.empty()) faults.push_back(fault_at(document, "name", "is missing"));
    if (spec.include.empty())
        faults.push_back(
            fault_at(document, "include", "is missing; it lists the files, such as src/*"));
    return spec;
}

namespace {

class Selection {
 public:
    Selection(const ArchiveSpec& spec, std::vector<Fault>& faults) : spec_(spec), faults_(faults) {}

    SelectedFiles take() {
        for (std::size_t i = 0; i < spec_.include.size(); ++i) {
            const std::string path = "include[" + std::to_string(i) + "]";
            auto matches = expand_glob(spec_.root, spec_.include[i]);
            if (!matches) {
                fault(path, matches.error().message);
                continue;
            }
            const std::size_t before = out_.files.size();
            for (const auto& match : *matches) add_match(match, path);
            if (out_.files.size() == before) {
                fault(path,
                      "\"" + spec_.include[i] + "\" names no file below " + spec_.root.string());
            }
        }
        out_.single = single_file_ && out_.files.size() == 1;
        return std::move(out_);
    }

 private:
    void fault(const std::string& path, std::string message) {
        faults_.push_back(fault_at(*spec_.document, path, std::move(message)));
    }

    bool excluded(fs::path relative) const {
        for (; !relative.empty(); relative = relative.parent_path()) {
            for (const auto& pattern : spec_.exclude) {
                if (glob_match(pattern, relative.generic_string())) return true;
            }
        }
        return false;
    }

    void add_match(const fs::path& match, const std::string& path) {
        std::error_code ec;
        const fs::path file = spec_.root / match;
        if (!fs::is_directory(file, ec)) {
            single_file_ = true;
            return add(match, match.filename().generic_string(), path);
        }
        auto below = files_below(file);
        if (!below) return fault(path, below.error().message);
        for (const auto& name : *below) {
            add(match / name, (match.filename() / name).generic_string(), path);
        }
    }

    void add(const fs::path& relative, const std::string& name, const std::string& path) {
        if (excluded(relative)) return;
        const auto [found, added] = out_.files.emplace(name, spec_.root / relative);
        if (!added && found->second != spec_.root / relative) {
            fault(path, "two files would be " + name + " in the archive: " +
                            found->second.string() + " and " + (spec_.root / relative).string());
        }
    }

    const ArchiveSpec& spec_;
    std::vector<Fault>& faults_;
    SelectedFiles out_;
    bool single_file_ = false;
};

/// Calls `use` with the url of each of a Package's archives and the member that holds it.
template <class Value, class Use>
void each_archive(Value& document, Use use) {
    auto* object = document.if_object();
    if (!object) return;
    auto* kind = object->if_contains("kind");
    auto* spec = object->if_contains("spec");
    if (!kind || *kind != "Package" || !spec || !spec->is_object()) return;
    for (const char* side : {"deployment", "source"}) {
        auto* archive = spec->as_object().if_contains(side);
        if (!archive || !archive->is_object()) continue;
        auto* url = archive->as_object().if_contains("url");
        if (!url || !url->is_string()) continue;
        const std::string text(url->as_string());
        if (text.starts_with(kScheme)) use(text.substr(kScheme.size()), *archive);
    }
}

}  // namespace

SelectedFiles select_files(const ArchiveSpec& spec, std::vector<Fault>& faults) {
    return Selection(spec, faults).take();
}

std::vector<std::string> archive_names(const model::Document& document) {
    std::vector<std::string> names;
    each_archive(document.value,
                 [&](std::string name, const json::value&) { names.push_back(std::move(name)); });
    return names;
}

void replace_archives(model::Document& document,
                      const std::map<std::string, json::object>& packed) {
    each_archive(document.value, [&](const std::string& name, json::value& archive) {
        if (const auto found = packed.find(name); found != packed.end()) archive = found->second;
    });
}

}  // namespace hearth::cli
