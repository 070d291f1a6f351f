#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "hearth/base/ids.hpp"
#include "hearth/base/json_view.hpp"
#include "hearth/kube/status.hpp"
#include "kube/credentials.hpp"

extern char** environ;

namespace hearth::kube {
namespace json = boost::json;
using base::object_at;
using base::text_at;
namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr std::size_t kLongestOutput = 1u << 20;
constexpr std::size_t kLongestComplaint = 1024;

Error failed(const ExecCredential& exec, const std::string& why) {
    std::string message = "the credential program " + exec.command + " " + why;
    if (!exec.install_hint.empty()) message += "; " + exec.install_hint;
    return Error(Errc::unavailable, std::move(message), {}, std::string(kComponent));
}

/// What the program may read in KUBERNETES_EXEC_INFO.
std::string exec_info(const Access& access) {
    json::object spec;
    spec["interactive"] = false;
    if (access.exec->provide_cluster_info) {
        json::object cluster;
        const std::string scheme = access.tls ? "https://" : "http://";
        cluster["server"] =
            scheme + access.host + ":" + std::to_string(access.port) + access.path_prefix;
        if (!access.verify) cluster["insecure-skip-tls-verify"] = true;
        if (!access.server_name.empty()) cluster["tls-server-name"] = access.server_name;
        if (!access.ca_pem.empty())
            cluster["certificate-authority-data"] = base::base64_encode(access.ca_pem);
        spec["cluster"] = std::move(cluster);
    }
    json::object info;
    info["apiVersion"] = access.exec->api_version;
    info["kind"] = "ExecCredential";
    info["spec"] = std::move(spec);
    return json::serialize(info);
}

std::vector<std::string> environment_of(const Access& access) {
    const auto& added = access.exec->env;
    std::vector<std::string> list;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::string name(text.substr(0, text.find('=')));
        if (added.count(name) == 0 && name != "KUBERNETES_EXEC_INFO") list.emplace_back(text);
    }
    for (const auto& [name, value] : added) list.push_back(name + "=" + value);
    list.push_back("KUBERNETES_EXEC_INFO=" + exec_info(access));
    return list;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (auto& text : texts) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
}

struct Pipe {
    int ends[2] = {-1, -1};
    ~Pipe() {
        for (const int fd : ends)
            if (fd >= 0) ::close(fd);
    }
    void close_writer() {
        ::close(ends[1]);
        ends[1] = -1;
    }
};

/// Takes what is there; false at the end of the pipe.
bool take(int fd, std::string& out, std::size_t limit) {
    char buffer[4096];
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) return true;
    if (n <= 0) return false;
    out.append(buffer, std::min(static_cast<std::size_t>(n), limit - std::min(limit, out.size())));
    return true;
}

/// Reads both until both have ended; false when the patience is over before.
bool read_both(int out_fd, int err_fd, std::string& out, std::string& err) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    pollfd waiting[2] = {{out_fd, POLLIN, 0}, {err_fd, POLLIN, 0}};
    while (waiting[0].fd >= 0 || waiting[1].fd >= 0) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        const int ready = ::poll(waiting, 2, static_cast<int>(left.count()));
        if (ready < 0 && errno != EINTR) return false;
        if (ready <= 0) continue;
        if (waiting[0].revents != 0 && !take(out_fd, out, kLongestOutput)) waiting[0].fd = -1;
        if (waiting[1].revents != 0 && !take(err_fd, err, kLongestComplaint)) waiting[1].fd = -1;
    }
    return true;
}

Result<pid_t> start(const Access& access, const Pipe& out, const Pipe& err) {
    const auto& exec = *access.exec;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out.ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err.ends[1], 2);
    std::vector<std::string> words{exec.command};
    words.insert(words.end(), exec.arguments.begin(), exec.arguments.end());
    auto environment = environment_of(access);
    pid_t pid = 0;
    const int rc = ::posix_spawnp(&pid, exec.command.c_str(), &actions, nullptr,
                                  pointers(words).data(), pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) return failed(exec, std::string("does not start: ") + std::strerror(rc));
    return pid;
}

Result<std::string> output_of(const Access& access) {
    const auto& exec = *access.exec;
    Pipe out, err;
    if (::pipe2(out.ends, O_CLOEXEC) != 0 || ::pipe2(err.ends, O_CLOEXEC) != 0)
        return base::from_errno(errno, "pipe");
    auto pid = start(access, out, err);
    if (!pid) return pid.error();
    out.close_writer();
    err.close_writer();
    std::string text, complaint;
    const bool in_time = read_both(out.ends[0], err.ends[0], text, complaint);
    if (!in_time) ::kill(*pid, SIGKILL);
    int status = 0;
    while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!in_time) return failed(exec, "did not end within a minute");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
    while (!complaint.empty() && complaint.back() == '\n') complaint.pop_back();
    const auto how = WIFEXITED(status)
                         ? "ended with exit code " + std::to_string(WEXITSTATUS(status))
                         : "was killed by signal " + std::to_string(WTERMSIG(status));
    return failed(exec, complaint.empty() ? how : how + ": " + complaint);
}

std::optional<std::chrono::system_clock::time_point> expiry_of(const std::string& text) {
    std::tm parts{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr) return std::nullopt;
    auto seconds = ::timegm(&parts);
    if (*rest == '.') {
        ++rest;
        while (*rest >= '0' && *rest <= '9') ++rest;
    }
    int hours = 0, minutes = 0;
    if ((*rest == '+' || *rest == '-') && std::sscanf(rest + 1, "%2d:%2d", &hours, &minutes) == 2)
        seconds -= (*rest == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
    return std::chrono::system_clock::from_time_t(seconds);
}

}  // namespace

Result<ExecResult> parse_exec_credential(const ExecCredential& exec, const std::string& output) {
    boost::system::error_code ec;
    const auto value = json::parse(output, ec);
    const auto* root = ec ? nullptr : value.if_object();
    const auto* status = root == nullptr ? nullptr : object_at(*root, "status");
    if (status == nullptr) return failed(exec, "printed no ExecCredential with a status");
    if (text_at(*root, "apiVersion") != exec.api_version)
        return failed(exec, "printed an ExecCredential of " + text_at(*root, "apiVersion") +
                                ", but the kubeconfig asks for " + exec.api_version);
    ExecResult result;
    result.token = text_at(*status, "token");
    result.certificate_pem = text_at(*status, "clientCertificateData");
    result.key_pem = text_at(*status, "clientKeyData");
    if (result.certificate_pem.empty() != result.key_pem.empty())
        return failed(exec, "gave a certificate without its key, or a key without its certificate");
    if (result.token.empty() && result.certificate_pem.empty())
        return failed(exec, "gave neither a token nor a certificate");
    const auto expires = text_at(*status, "expirationTimestamp");
    if (expires.empty()) return result;
    result.expires = expiry_of(expires);
    if (!result.expires) return failed(exec, "gave an expirationTimestamp that is no time");
    return result;
}

Result<ExecResult> run_exec_credential(const Access& access) {
    auto output = output_of(access);
    if (!output) return output.error();
    return parse_exec_credential(*access.exec, *output);
}

}  // namespace hearth::kube
