#include "hearth/kube/access.hpp"

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "hearth/kube/status.hpp"

namespace hearth::kube {
namespace fs = std::filesystem;
namespace {

bool is_file(const fs::path& file) {
    std::error_code ec;
    return fs::is_regular_file(file, ec);
}

std::string first_line(const fs::path& file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
}

/// KUBECONFIG holds a list as PATH does.
std::vector<fs::path> split_list(const std::string& text) {
    std::vector<fs::path> files;
    std::size_t at = 0;
    while (at <= text.size()) {
        const auto end = std::min(text.find(':', at), text.size());
        if (end > at) files.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    return files;
}

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
}

Result<Access> in_cluster_access(const Environment& env, const fs::path& folder) {
    const auto host = env("KUBERNETES_SERVICE_HOST");
    if (!host || host->empty())
        return Error(Errc::not_found,
                     "KUBERNETES_SERVICE_HOST is not set: this is no pod of a cluster", {},
                     std::string(kComponent));
    if (!is_file(folder / "token"))
        return Error(Errc::not_found,
                     "this pod has no service account token at " + (folder / "token").string() +
                         "; set automountServiceAccountToken: true",
                     {}, std::string(kComponent));
    Access access;
    access.source = "service account";
    access.host = *host;
    const auto port = env("KUBERNETES_SERVICE_PORT").value_or("443");
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), access.port);
    if (ec != std::errc() || end != port.data() + port.size())
        return Error(Errc::invalid_argument, "KUBERNETES_SERVICE_PORT is \"" + port + "\", no port",
                     {}, std::string(kComponent));
    access.token_file = folder / "token";
    if (is_file(folder / "ca.crt")) access.ca_file = folder / "ca.crt";
    if (auto ns = first_line(folder / "namespace"); !ns.empty()) access.ns = std::move(ns);
    return access;
}

Result<Access> kubeconfig_access(const fs::path& file, const std::string& context) {
    return kubeconfig_access(std::vector<fs::path>{file}, context);
}

Result<Access> find_access(const fs::path& kubeconfig, const std::string& context,
                           const Environment& env) {
    if (!kubeconfig.empty()) return kubeconfig_access(kubeconfig, context);
    const auto named = env("KUBECONFIG");
    if (named && !named->empty()) return kubeconfig_access(split_list(*named), context);
    auto inside = in_cluster_access(env);
    if (inside || inside.error().code != Errc::not_found) return inside;
    const auto home = env("HOME");
    const fs::path usual = fs::path(home.value_or("/root")) / ".kube" / "config";
    if (is_file(usual)) return kubeconfig_access(usual, context);
    return Error(Errc::not_found,
                 "no way to a Kubernetes API server: " + inside.error().message +
                     "; KUBECONFIG is not set; " + usual.string() + " does not exist",
                 {}, std::string(kComponent));
}

}  // namespace hearth::kube
