#include <algorithm>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "backend/interpreter.hpp"
#include "hearth/backend/process_backend.hpp"
#include "hearth/model/document.hpp"

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

/// Reads one env.yaml into a struct and collects everything that is wrong with it.
class Reader {
 public:
    explicit Reader(const model::Document& document) : document_(document) {}

    LocalEnvironment read(const fs::path& folder) {
        LocalEnvironment environment;
        environment.folder = folder;
        if (!document_.value.is_object()) {
            fault("", "must be a map of keys");
            return environment;
        }
        for (const auto& [key, value] : document_.value.get_object())
            take(environment, std::string(key), value);
        if (environment.name.empty()) fault("", "needs the key name");
        if (environment.command.empty()) fault("", "needs the key command");
        if (environment.image.empty() && faults_.empty())
            environment.image = "hearth/" + environment.name + "-env";
        if (environment.builder && environment.builder->image.empty())
            environment.builder->image = "hearth/" + environment.name + "-builder";
        // People read the remedies, so they name the folder.
        environment.check_remedy = replace_folder(environment.check_remedy, folder.string());
        if (environment.builder)
            environment.builder->check_remedy =
                replace_folder(environment.builder->check_remedy, folder.string());
        return environment;
    }

    const std::string& faults() const { return faults_; }

 private:
    void take(LocalEnvironment& environment, const std::string& key, const json::value& value) {
        if (key == "name")
            environment.name = text(key, value);
        else if (key == "image")
            environment.image = text(key, value);
        else if (key == "images")
            environment.images = list(key, value);
        else if (key == "extensions")
            environment.extensions = list(key, value);
        else if (key == "command")
            environment.command = list(key, value);
        else if (key == "zygote")
            environment.zygote = list(key, value);
        else if (key == "env")
            environment.env = map(key, value);
        else if (key == "env_at_load")
            environment.env_at_load = boolean(key, value);
        else if (key == "listen")
            environment.listen_tcp = listen(key, value);
        else if (key == "check")
            environment.check = list(key, value);
        else if (key == "check_remedy")
            environment.check_remedy = text(key, value);
        else if (key == "builder")
            environment.builder = builder(value);
        else if (key == "prepare")
            environment.prepare = words(key, value);
        else
            fault(key,
                  "is no key of env.yaml; known are name, image, images, extensions, command, "
                  "zygote, env, env_at_load, listen, check, check_remedy, builder, prepare");
    }

    LocalBuilder builder(const json::value& value) {
        LocalBuilder found;
        if (!value.is_object()) {
            fault("builder", "must be a map of keys");
            return found;
        }
        for (const auto& [key, item] : value.get_object()) {
            const std::string path = "builder." + std::string(key);
            if (key == "image")
                found.image = text(path, item);
            else if (key == "images")
                found.images = list(path, item);
            else if (key == "command")
                found.command = words(path, item);
            else if (key == "env")
                found.env = map(path, item);
            else if (key == "check")
                found.check = list(path, item);
            else if (key == "check_remedy")
                found.check_remedy = text(path, item);
            else
                fault(path,
                      "is no key of a builder; known are image, images, command, env, check, "
                      "check_remedy");
        }
        if (found.command.empty() && faults_.empty()) fault("builder", "needs the key command");
        return found;
    }

    /// A command without arguments may stand as a text.
    std::vector<std::string> words(const std::string& path, const json::value& value) {
        if (value.is_string()) return {text(path, value)};
        return list(path, value);
    }

    std::string text(const std::string& path, const json::value& value) {
        if (value.is_string() && !value.get_string().empty())
            return std::string(value.get_string());
        fault(path, "must be a text that is not empty");
        return "";
    }

    std::vector<std::string> list(const std::string& path, const json::value& value) {
        std::vector<std::string> items;
        if (!value.is_array()) {
            fault(path, "must be a list of texts");
            return items;
        }
        std::size_t index = 0;
        for (const auto& item : value.get_array())
            items.push_back(text(fmt::format("{}[{}]", path, index++), item));
        return items;
    }

    std::map<std::string, std::string> map(const std::string& path, const json::value& value) {
        std::map<std::string, std::string> entries;
        if (!value.is_object()) {
            fault(path, "must be a map of names to texts");
            return entries;
        }
        for (const auto& [key, item] : value.get_object()) {
            if (item.is_string()) {
                entries[std::string(key)] = std::string(item.get_string());
            } else {
                fault(path + "." + std::string(key), "must be a text; put it in quotes");
            }
        }
        return entries;
    }

    bool boolean(const std::string& path, const json::value& value) {
        if (value.is_bool()) return value.get_bool();
        fault(path, "must be true or false");
        return false;
    }

    bool listen(const std::string& path, const json::value& value) {
        const std::string kind = text(path, value);
        if (kind == "tcp" || kind == "unix") return kind == "tcp";
        fault(path, "must be unix or tcp");
        return false;
    }

    void fault(const std::string& path, const std::string& message) {
        const auto place = document_.place(path);
        model::Fault found;
        found.file = document_.file;
        found.line = place.line;
        found.column = place.column;
        found.path = path;
        found.message = message;
        faults_ += (faults_.empty() ? "" : "\n") + model::to_string(found);
    }

    const model::Document& document_;
    std::string faults_;
};

Result<LocalEnvironment> read_environment(const fs::path& file) {
    std::ifstream stream(file);
    std::stringstream text;
    text << stream.rdbuf();
    if (!stream)
        return Error(Errc::io, fmt::format("cannot read {}", file.string()), "", "backend");
    const auto parsed = model::parse_documents(text.str(), file.string());
    if (!parsed.faults.empty()) {
        return Error(Errc::invalid_argument, model::to_string(parsed.faults.front()), "",
                     "backend");
    }
    if (parsed.documents.size() != 1) {
        return Error(Errc::invalid_argument,
                     fmt::format("{}: must hold one YAML document", file.string()), "", "backend");
    }
    Reader reader(parsed.documents.front());
    LocalEnvironment environment = reader.read(file.parent_path());
    if (!reader.faults().empty())
        return Error(Errc::invalid_argument, reader.faults(), "", "backend");
    return environment;
}

}  // namespace

Result<std::vector<LocalEnvironment>> load_local_environments(const fs::path& folder) {
    std::error_code ec;
    const fs::path absolute = fs::canonical(folder, ec);
    if (ec) {
        return Error(Errc::invalid_argument,
                     fmt::format("the folder of language environments {} cannot be read: {}",
                                 folder.string(), ec.message()),
                     "", "backend");
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(absolute, ec)) {
        const fs::path file = entry.path() / "env.yaml";
        std::error_code ignored;
        if (fs::is_regular_file(file, ignored)) files.push_back(file);
    }
    std::sort(files.begin(), files.end());
    std::vector<LocalEnvironment> environments;
    for (const auto& file : files) {
        auto environment = read_environment(file);
        if (!environment) return environment.error();
        for (const auto& other : environments) {
            if (other.name == environment->name) {
                return Error(Errc::invalid_argument,
                             fmt::format("{}: name: {} is also the name of {}", file.string(),
                                         other.name, (other.folder / "env.yaml").string()),
                             "", "backend");
            }
        }
        environments.push_back(std::move(*environment));
    }
    return environments;
}

}  // namespace hearth::backend
