#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::kube {

/// A program that prints an ExecCredential (client.authentication.k8s.io/v1 or v1beta1).
struct ExecCredential {
    std::string api_version = "client.authentication.k8s.io/v1";
    std::string command;  ///< a name without a folder is looked up in PATH
    std::vector<std::string> arguments;
    std::map<std::string, std::string> env;  ///< besides the daemon's own
    std::string install_hint;
    bool provide_cluster_info = false;
};

/// Where an API server is and as whom to speak to it. What a file holds is read again when the file
/// changes.
struct Access {
    std::string host;
    std::uint16_t port = 443;
    bool tls = true;
    std::string path_prefix;  ///< in front of every path; no slash at its end
    std::string ca_pem;       ///< empty, and no file: the system's
    std::filesystem::path ca_file;
    bool verify = true;
    std::string server_name;  ///< to verify and for SNI; empty: the host
    std::string client_certificate_pem, client_key_pem;
    std::filesystem::path client_certificate_file, client_key_file;
    std::string token;
    std::filesystem::path
        token_file;  ///< wins over `token`; read again every minute and after a 401
    std::string username, password;
    std::optional<ExecCredential> exec;
    std::string impersonate_user;
    std::vector<std::string> impersonate_groups;
    std::string ns = "default";  ///< of the service account or context
    std::string source;          ///< for messages: "service account", "kubeconfig /path"
};

/// Reads one environment variable; nothing when it is unset.
using Environment = std::function<std::optional<std::string>(const std::string&)>;
std::optional<std::string> process_environment(const std::string& name);

/// The pod's service account. Errors: not_found (not in a pod).
Result<Access> in_cluster_access(
    const Environment& env = process_environment,
    const std::filesystem::path& folder = "/var/run/secrets/kubernetes.io/serviceaccount");

/// One context of a kubeconfig, or of several merged (the first that names a thing wins). `context`
/// empty: the current one. Errors: not_found (no such file), invalid_argument (the message names
/// file, place and remedy).
Result<Access> kubeconfig_access(const std::filesystem::path& file,
                                 const std::string& context = {});
Result<Access> kubeconfig_access(const std::vector<std::filesystem::path>& files,
                                 const std::string& context = {});

/// `kubeconfig` if it is not empty, else the service account, else $KUBECONFIG, else
/// ~/.kube/config. Errors: not_found (says what was tried); those above.
Result<Access> find_access(const std::filesystem::path& kubeconfig, const std::string& context = {},
                           const Environment& env = process_environment);

}  // namespace hearth::kube
