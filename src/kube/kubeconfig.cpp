#include <boost/json/object.hpp>

#include <fstream>
#include <iterator>

#include "hearth/base/ids.hpp"
#include "hearth/base/json_view.hpp"
#include "hearth/kube/access.hpp"
#include "hearth/kube/status.hpp"
#include "hearth/model/document.hpp"
#include "kube/server_url.hpp"

namespace hearth::kube {
namespace fs = std::filesystem;
namespace json = boost::json;
using base::bool_at;
using base::list_at;
using base::object_at;
using base::text_at;
namespace {

/// Text, or what YAML took for a number (a token of digits).
std::string scalar_at(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    if (value == nullptr || value->is_string()) return text_at(from, key);
    if (value->is_int64()) return std::to_string(value->get_int64());
    if (value->is_uint64()) return std::to_string(value->get_uint64());
    return {};
}

/// One kubeconfig file.
struct ConfigFile {
    json::object root;
    fs::path path;
};

/// An entry of one of the lists, and the file whose folder its relative paths are meant from.
struct Entry {
    const json::object* body = nullptr;
    const ConfigFile* file = nullptr;
};

Error fault(const ConfigFile& file, const std::string& what) {
    return Error(Errc::invalid_argument, "kubeconfig " + file.path.string() + ": " + what, {},
                 std::string(kComponent));
}

fs::path resolved(const ConfigFile& file, const std::string& name) {
    const fs::path path(name);
    return path.is_absolute() ? path : fs::absolute(file.path).parent_path() / path;
}

/// `KEY-data` in base64, or the file that `KEY` names; data wins.
Result<void> set_pem(const Entry& entry, const std::string& key, std::string& text,
                     fs::path& file) {
    const auto data = scalar_at(*entry.body, key + "-data");
    if (!data.empty()) {
        if (!base::base64_decode(data, text)) return fault(*entry.file, key + "-data is no base64");
        return {};
    }
    const auto name = scalar_at(*entry.body, key);
    if (!name.empty()) file = resolved(*entry.file, name);
    return {};
}

Result<void> set_cluster(Access& access, const Entry& entry) {
    if (auto set = set_server(access, scalar_at(*entry.body, "server")); !set)
        return fault(*entry.file, "cluster: server " + set.error().message);
    access.server_name = scalar_at(*entry.body, "tls-server-name");
    access.verify = !bool_at(*entry.body, "insecure-skip-tls-verify");
    return set_pem(entry, "certificate-authority", access.ca_pem, access.ca_file);
}

Result<void> set_exec(Access& access, const Entry& entry, const json::object& exec) {
    ExecCredential credential;
    credential.command = scalar_at(exec, "command");
    if (credential.command.empty()) return fault(*entry.file, "exec: command is missing");
    if (credential.command.find('/') != std::string::npos)
        credential.command = resolved(*entry.file, credential.command).string();
    credential.api_version = scalar_at(exec, "apiVersion");
    if (credential.api_version != "client.authentication.k8s.io/v1" &&
        credential.api_version != "client.authentication.k8s.io/v1beta1")
        return fault(*entry.file,
                     "exec: apiVersion must be client.authentication.k8s.io/v1 or v1beta1");
    if (text_at(exec, "interactiveMode") == "Always")
        return fault(*entry.file,
                     "exec: interactiveMode Always needs a terminal, which a daemon "
                     "does not have");
    if (const auto* arguments = list_at(exec, "args"))
        for (const auto& one : *arguments)
            if (one.is_string()) credential.arguments.emplace_back(one.get_string());
    if (const auto* variables = list_at(exec, "env"))
        for (const auto& one : *variables)
            if (const auto* pair = one.if_object())
                credential.env[scalar_at(*pair, "name")] = scalar_at(*pair, "value");
    credential.install_hint = text_at(exec, "installHint");
    credential.provide_cluster_info = bool_at(exec, "provideClusterInfo");
    access.exec = std::move(credential);
    return {};
}

Result<void> set_user(Access& access, const Entry& entry) {
    const auto& user = *entry.body;
    if (user.contains("auth-provider"))
        return fault(*entry.file,
                     "user: auth-provider is no longer part of Kubernetes; use exec or a token");
    if (auto set = set_pem(entry, "client-certificate", access.client_certificate_pem,
                           access.client_certificate_file);
        !set)
        return set.error();
    if (auto set = set_pem(entry, "client-key", access.client_key_pem, access.client_key_file);
        !set)
        return set.error();
    access.token = scalar_at(user, "token");
    const auto token_file = scalar_at(user, "tokenFile");
    if (!token_file.empty()) access.token_file = resolved(*entry.file, token_file);
    access.username = scalar_at(user, "username");
    access.password = scalar_at(user, "password");
    access.impersonate_user = scalar_at(user, "as");
    if (const auto* groups = list_at(user, "as-groups"))
        for (const auto& one : *groups)
            if (one.is_string()) access.impersonate_groups.emplace_back(one.get_string());
    if (const auto* exec = object_at(user, "exec")) return set_exec(access, entry, *exec);
    return {};
}

/// Several files as one: the first that names a thing wins.
class Kubeconfig {
 public:
    explicit Kubeconfig(std::vector<ConfigFile> files) : files_(std::move(files)) {}

    Result<Access> access(std::string context_name) const;

 private:
    std::string current_context() const {
        for (const auto& file : files_)
            if (auto name = scalar_at(file.root, "current-context"); !name.empty()) return name;
        return {};
    }
    Result<Entry> find(const std::string& list, const std::string& inner,
                       const std::string& name) const;

    std::vector<ConfigFile> files_;
};

Result<Entry> Kubeconfig::find(const std::string& list, const std::string& inner,
                               const std::string& name) const {
    std::string known;
    for (const auto& file : files_) {
        const auto* items = list_at(file.root, list);
        if (items == nullptr) continue;
        for (const auto& item : *items) {
            const auto* object = item.if_object();
            if (object == nullptr) continue;
            const auto found = scalar_at(*object, "name");
            const auto* body = object_at(*object, inner);
            if (found == name && body != nullptr) return Entry{body, &file};
            known += (known.empty() ? "" : ", ") + found;
        }
    }
    return fault(files_.front(), "there is no " + inner + " \"" + name + "\"; " +
                                     (known.empty() ? "it has none" : "it has " + known));
}

Result<Access> Kubeconfig::access(std::string context_name) const {
    if (context_name.empty()) context_name = current_context();
    if (context_name.empty())
        return fault(files_.front(), "there is no current-context; name one of its contexts");
    auto context = find("contexts", "context", context_name);
    if (!context) return context.error();
    auto cluster = find("clusters", "cluster", scalar_at(*context->body, "cluster"));
    if (!cluster) return cluster.error();
    Access access;
    access.source = "kubeconfig " + files_.front().path.string();
    if (auto ns = scalar_at(*context->body, "namespace"); !ns.empty()) access.ns = std::move(ns);
    if (auto set = set_cluster(access, *cluster); !set) return set.error();
    const auto user_name = scalar_at(*context->body, "user");
    if (user_name.empty()) return access;
    auto user = find("users", "user", user_name);
    if (!user) return user.error();
    if (auto set = set_user(access, *user); !set) return set.error();
    return access;
}

}  // namespace

Result<Access> kubeconfig_access(const std::vector<fs::path>& files, const std::string& context) {
    std::vector<ConfigFile> read;
    for (const auto& path : files) {
        std::ifstream in(path, std::ios::binary);
        if (!in) continue;
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        auto parsed = model::parse_documents(text, path.string());
        if (!parsed.faults.empty())
            return Error(Errc::invalid_argument,
                         "kubeconfig " + model::to_string(parsed.faults.front()), {},
                         std::string(kComponent));
        if (parsed.documents.empty()) continue;
        auto* root = parsed.documents.front().value.if_object();
        if (root == nullptr || parsed.documents.size() > 1)
            return fault(ConfigFile{{}, path}, "it is not one YAML mapping");
        read.push_back(ConfigFile{std::move(*root), path});
    }
    std::string names;
    for (const auto& path : files) names += (names.empty() ? "" : ", ") + path.string();
    if (read.empty())
        return Error(Errc::not_found, "there is no kubeconfig at " + names, {},
                     std::string(kComponent));
    return Kubeconfig(std::move(read)).access(context);
}

}  // namespace hearth::kube
