#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "config/keys.hpp"

namespace hearth::config {

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : +c; };
            const std::size_t same = lower(a[i]) == lower(b[j]) ? 0 : 1;
            const std::size_t next = std::min({row[j] + 1, row[j + 1] + 1, diagonal + same});
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    return row.back();
}

std::string unknown_key(const std::string& key) {
    std::string_view nearest;
    std::size_t best = std::numeric_limits<std::size_t>::max();
    const auto leaf = [](std::string_view name) { return name.substr(name.rfind('.') + 1); };
    for (const auto& row : key_rows()) {
        // A right key in the wrong section is as near as a slip of the pen.
        const auto distance = leaf(row.name) == leaf(key) ? 1 : edit_distance(key, row.name);
        if (distance < best) {
            best = distance;
            nearest = row.name;
        }
    }
    if (best <= std::max<std::size_t>(3, key.size() / 3)) {
        return fmt::format("is no key of hearth.yaml; did you mean {}?", nearest);
    }
    return "is no key of hearth.yaml; config/configuration.md lists them all";
}

/// Fills a Loaded from file and environment, remembering where each value came from for the checks
/// across keys.
class Reader {
 public:
    explicit Reader(Loaded& to) : to_(to) {}

    void read_file(const std::filesystem::path& path) {
        file_ = path.string();
        std::ifstream stream(path, std::ios::binary);
        std::stringstream text;
        if (!stream || !(text << stream.rdbuf()).good()) {
            // An empty file sets failbit on the copy although it was read whole.
            std::error_code ec;
            if (std::filesystem::is_regular_file(path, ec) &&
                std::filesystem::file_size(path, ec) == 0) {
                return;
            }
            to_.errors.push_back(
                {file_, 0, 0, "", "cannot be read; check the path and its permissions"});
            return;
        }
        read_text(text.str());
    }

    void read_environment(
        const std::function<std::optional<std::string>(const std::string&)>& env) {
        for (const auto& row : key_rows()) {
            const auto name = variable_of(row.name);
            const auto value = env(name);
            if (!value) continue;
            sources_[std::string(row.name)] = ConfigError{"environment", 0, 0, name, ""};
            if (auto reason = assign_text(row, *value, to_.config); !reason.empty()) {
                fail(row.name, std::move(reason));
            }
        }
    }

    /// Reports at the place the key's value came from; without one, at the key.
    void fail(std::string_view key, std::string reason) {
        ConfigError error;
        if (const auto found = sources_.find(std::string(key)); found != sources_.end()) {
            error = found->second;
        } else {
            error.key = std::string(key);
        }
        error.reason = std::move(reason);
        to_.errors.push_back(std::move(error));
    }

 private:
    void read_text(const std::string& text) {
        std::vector<YAML::Node> documents;
        try {
            documents = YAML::LoadAll(text);
        } catch (const YAML::Exception& e) {
            to_.errors.push_back(
                {file_, e.mark.line + 1, e.mark.column + 1, "", "is no YAML: " + e.msg});
            return;
        }
        if (documents.size() > 1) {
            add(documents[1].Mark(), "", "holds more than one document; keep one");
            return;
        }
        if (documents.empty() || documents[0].IsNull()) return;
        read_map(documents[0], "");
    }

    void add(const YAML::Mark& mark, const std::string& key, std::string reason) {
        to_.errors.push_back({file_, mark.line + 1, mark.column + 1, key, std::move(reason)});
    }

    void read_map(const YAML::Node& node, const std::string& prefix) {
        if (!node.IsMap()) {
            add(node.Mark(), prefix, "must be a map of keys");
            return;
        }
        std::set<std::string> seen;
        for (const auto& pair : node) {
            if (!pair.first.IsScalar()) {
                add(pair.first.Mark(), prefix, "has a key that is no text");
                continue;
            }
            const auto key =
                prefix.empty() ? pair.first.Scalar() : prefix + "." + pair.first.Scalar();
            if (!seen.insert(key).second) {
                add(pair.first.Mark(), key, "stands twice; keep one");
                continue;
            }
            read_pair(key, pair.first.Mark(), pair.second);
        }
    }

    void read_pair(const std::string& key, const YAML::Mark& mark, const YAML::Node& value) {
        if (is_section(key)) {
            // A section whose keys are all commented out reads as null.
            if (!value.IsNull()) read_map(value, key);
            return;
        }
        const auto* row = find_key(key);
        if (row == nullptr) {
            add(mark, key, unknown_key(key));
            return;
        }
        sources_[key] = ConfigError{file_, mark.line + 1, mark.column + 1, key, ""};
        if (row->form == Form::list) {
            read_list(*row, key, value);
        } else if (row->form == Form::map) {
            read_text_map(*row, key, value);
        } else {
            read_scalar(*row, key, mark, value);
        }
    }

    void read_scalar(const KeyRow& row, const std::string& key, const YAML::Mark& mark,
                     const YAML::Node& value) {
        if (value.IsNull()) {
            add(mark, key, "has no value; give one or leave the key out");
        } else if (!value.IsScalar()) {
            add(value.Mark(), key, "must be a single value");
        } else if (value.Tag() == "!" && (row.form == Form::boolean || row.form == Form::integer)) {
            add(value.Mark(), key,
                fmt::format("is a text in quotes; write {} without them",
                            row.form == Form::boolean ? "true or false" : "the number"));
        } else if (auto reason = assign_text(row, value.Scalar(), to_.config); !reason.empty()) {
            add(value.Mark(), key, std::move(reason));
        }
    }

    void read_list(const KeyRow& row, const std::string& key, const YAML::Node& value) {
        auto& list = *std::get<std::vector<std::string>*>(row.slot(to_.config));
        list.clear();
        if (value.IsNull()) return;
        if (!value.IsSequence()) {
            add(value.Mark(), key, "must be a list");
            return;
        }
        std::size_t index = 0;
        for (const auto& item : value) {
            const auto name = fmt::format("{}[{}]", key, index++);
            if (!item.IsScalar()) {
                add(item.Mark(), name, "must be a text");
            } else if (auto reason = check_item(row, item.Scalar()); !reason.empty()) {
                add(item.Mark(), name, std::move(reason));
            } else {
                list.push_back(item.Scalar());
            }
        }
    }

    void read_text_map(const KeyRow& row, const std::string& key, const YAML::Node& value) {
        auto& map = *std::get<std::map<std::string, std::string>*>(row.slot(to_.config));
        map.clear();
        if (value.IsNull()) return;
        if (!value.IsMap()) {
            add(value.Mark(), key, "must be a map of texts");
            return;
        }
        for (const auto& pair : value) {
            const bool named = pair.first.IsScalar() && !pair.first.Scalar().empty();
            if (!named || !pair.second.IsScalar() || pair.second.Scalar().empty()) {
                add(pair.first.Mark(), key,
                    "each entry must be `" + std::string(row.unit) + "`, neither of them empty");
            } else if (!map.emplace(pair.first.Scalar(), pair.second.Scalar()).second) {
                add(pair.first.Mark(), key + "." + pair.first.Scalar(), "stands twice; keep one");
            }
        }
    }

    Loaded& to_;
    std::string file_;
    std::map<std::string, ConfigError> sources_;
};

void check_across(const DaemonConfig& config, Reader& reader) {
    const auto& auth = config.auth;
    if (!auth.required && !auth.allow_unauthenticated_beyond_loopback &&
        !is_loopback(config.listen.api)) {
        reader.fail(
            "auth.required",
            fmt::format(
                "is false while listen.api is {}, which other machines reach: whoever can connect "
                "could run any code. Set auth.required: true, listen on 127.0.0.1, or say "
                "auth.allowUnauthenticatedBeyondLoopback: true",
                config.listen.api));
    }
    if (config.listen.api == config.listen.gateway && !config.listen.api.ends_with(":0")) {
        reader.fail("listen.api", "is the same address as listen.gateway; they need two");
    }
    if (config.log.function_bytes > config.log.total_bytes) {
        reader.fail("log.functionBytes", "is larger than log.totalBytes");
    }
    if (!config.process.network && config.process.isolation == "basic") {
        reader.fail("process.network", "is false, which needs process.isolation: sandbox or auto");
    }
    if (config.backend == "kubernetes" && config.kubernetes.runner_image.empty()) {
        reader.fail("kubernetes.runnerImage",
                    "is missing; with backend: kubernetes it names the image of the container "
                    "that takes the functions' code");
    }
    if (config.archives.store == "s3" && config.archives.s3.endpoint.empty())
        reader.fail("archives.store", "is s3, which needs archives.s3.endpoint, the store's URL");
    if (config.archives.store == "s3" && config.archives.s3.bucket.empty())
        reader.fail("archives.store", "is s3, which needs archives.s3.bucket");
    const auto& limits = config.kubernetes.limits;
    if (limits.memory_request_bytes > limits.memory_bytes) {
        reader.fail("kubernetes.limits.memoryRequest", "is larger than kubernetes.limits.memory");
    }
    if (limits.cpu_millicores != 0 && limits.cpu_request_millicores > limits.cpu_millicores) {
        reader.fail("kubernetes.limits.cpuRequest", "is larger than kubernetes.limits.cpu");
    }
}

}  // namespace

std::string to_string(const ConfigError& error) {
    std::string text = error.file;
    if (error.line > 0) text += fmt::format(":{}:{}", error.line, error.column);
    if (!error.key.empty()) text += fmt::format("{}{}", text.empty() ? "" : ": ", error.key);
    return fmt::format("{}{}{}", text, text.empty() ? "" : ": ", error.reason);
}

Loaded load(const std::optional<std::filesystem::path>& file,
            const std::function<std::optional<std::string>(const std::string&)>& env) {
    Loaded loaded;
    Reader reader(loaded);
    if (file) reader.read_file(*file);
    if (env) reader.read_environment(env);
    check_across(loaded.config, reader);
    return loaded;
}

}  // namespace hearth::config
