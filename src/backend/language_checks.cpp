#include "backend/language_checks.hpp"

#include <pthread.h>

#include <fmt/format.h>

#include "backend/spawn.hpp"

namespace hearth::backend {
namespace {

constexpr auto kCheckLimit = std::chrono::seconds(10);

std::string last_words(const std::string& text) {
    const auto end = text.find_last_not_of(" \n\r\t");
    if (end == std::string::npos) return "";
    const auto begin = text.rfind('\n', end);
    const auto from = begin == std::string::npos ? 0 : begin + 1;
    return text.substr(from, end - from + 1);
}

Probe limit_probe(std::string name, bool granted, const Confinement& confinement,
                  std::string otherwise) {
    Probe probe;
    probe.name = std::move(name);
    if (granted) {
        probe.detail = confinement.cgroups.describe();
        return probe;
    }
    probe.state = Probe::State::degraded;
    const std::string& why = confinement.cgroups.obstacle();
    probe.detail = std::move(otherwise) + " No control group" + (why.empty() ? "" : ": " + why) +
                   ". Run the daemon as root, or under systemd with Delegate=yes.";
    return probe;
}

Probe filter_probe(const Confinement& confinement) {
    Probe probe;
    probe.name = "system call filter";
    if (!confinement.filter.empty()) {
        probe.detail = "libseccomp, in spawned and in forked instances";
    } else {
        probe.state = Probe::State::degraded;
        probe.detail =
            "functions may make any system call their user may: " + confinement.filter_obstacle +
            ". It takes a kernel with CONFIG_SECCOMP_FILTER.";
    }
    return probe;
}

Probe settings_probe(const Confinement& confinement) {
    Probe probe;
    probe.name = "secrets";
    if (!confinement.settings.folder.empty()) {
        probe.detail = "their files lie in memory for the instances (" +
                       confinement.settings.folder.string() + ")";
    } else {
        probe.state = Probe::State::degraded;
        const std::string& why = confinement.settings.obstacle;
        probe.detail =
            "secrets and config maps lie in the run folder while their instance lives: " +
            (why.empty() ? "there is no sandbox" : why) +
            ". A tmpfs on /dev/shm with 16 MiB free keeps them in memory.";
    }
    return probe;
}

}  // namespace

LanguageChecks::LanguageChecks(const ProcessBackendOptions& options, const Confinement& confinement)
    : options_(options), confinement_(confinement) {
    for (const auto& environment : options_.environments) {
        items_.push_back({environment.name, environment.folder, environment.check,
                          environment.check_remedy, Probe::State::missing});
        if (!environment.builder || environment.builder->check.empty()) continue;
        // Without its tools functions of the language still run.
        items_.push_back({environment.name + " builder", environment.folder,
                          environment.builder->check, environment.builder->check_remedy,
                          Probe::State::degraded});
    }
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "runtime-checks");
        for (const Item& item : items_) {
            if (stopping_) return;
            Probe probe = check(item);
            std::lock_guard lock(mutex_);
            done_.push_back(std::move(probe));
        }
    });
}

LanguageChecks::~LanguageChecks() {
    stopping_ = true;
    thread_.join();
}

Probe LanguageChecks::check(const Item& item) const {
    Probe probe;
    probe.name = item.name;
    if (item.command.empty()) {
        probe.detail = "no check command in its env.yaml";
        return probe;
    }
    std::string fault;
    LaunchOrder order;
    order.name = "check";
    order.die_with_daemon = false;
    auto command = resolve_command(item.command, item.folder, confinement_.hidden);
    auto variables =
        make_variables_file({{"PATH", kStandardPath}, {"HOME", "/tmp"}, {"LANG", "C.UTF-8"}});
    if (!command) {
        fault = command.error().message;
    } else if (!variables) {
        fault = variables.error().message;
    } else {
        order.command = std::move(*command);
        SpawnRequest request;
        request.executable = fmt::format("/proc/self/fd/{}", kSelfExeFd);
        request.arguments = launch_arguments(confinement_, order);
        request.descriptors = {{confinement_.self_exe.get(), kSelfExeFd},
                               {variables->get(), kVariablesFd}};
        auto finished = run_to_end(std::move(request), kCheckLimit);
        if (!finished) {
            fault = finished.error().message;
        } else if (finished->exit_code != 0) {
            fault = finished->output.empty()
                        ? fmt::format("its check ended with exit code {}", finished->exit_code)
                        : last_words(finished->output);
        } else {
            probe.detail = finished->output.empty() ? "installed" : last_words(finished->output);
        }
    }
    if (fault.empty()) return probe;
    probe.state = item.otherwise;
    probe.detail = fault + (item.remedy.empty() ? "" : ". Remedy: " + item.remedy);
    return probe;
}

std::vector<Probe> LanguageChecks::probes() const {
    std::lock_guard lock(mutex_);
    std::vector<Probe> list = done_;
    for (std::size_t i = list.size(); i < items_.size(); ++i) {
        Probe probe;
        probe.name = items_[i].name;
        probe.state = Probe::State::degraded;
        probe.detail = "still being checked; ask again in a moment";
        list.push_back(std::move(probe));
    }
    return list;
}

std::vector<Probe> confinement_probes(const Confinement& confinement,
                                      const ProcessBackendOptions& options) {
    std::vector<Probe> list;
    Probe sandbox;
    sandbox.name = "sandbox";
    if (confinement.sandbox.works) {
        sandbox.detail =
            confinement.sandbox.user_namespace ? "bubblewrap with a user namespace" : "bubblewrap";
        if (!options.network) sandbox.detail += ", no network";
    } else {
        sandbox.state = Probe::State::missing;
        sandbox.detail = "functions see the machine's files: " + confinement.sandbox.obstacle;
    }
    list.push_back(std::move(sandbox));
    Probe user;
    user.name = "user isolation";
    if (confinement.first_uid >= 0) {
        user.detail =
            fmt::format("a user id of its own per instance, from {}", confinement.first_uid);
    } else {
        user.state = Probe::State::degraded;
        user.detail = "instances run as the daemon's user: " + confinement.user_obstacle;
    }
    list.push_back(std::move(user));
    list.push_back(filter_probe(confinement));
    list.push_back(settings_probe(confinement));
    const CgroupTree& cgroups = confinement.cgroups;
    list.push_back(limit_probe("memory limit", cgroups.has("memory"), confinement,
                               "Only each process's data segment is limited (RLIMIT_DATA)."));
    list.push_back(
        limit_probe("cpu limit", cgroups.has("cpu"), confinement, "CPU time is not limited."));
    list.push_back(limit_probe("process limit", cgroups.has("pids"), confinement,
                               confinement.first_uid >= 0 || confinement.sandbox.user_namespace
                                   ? "Limited per user (RLIMIT_NPROC)."
                                   : "The number of processes is not limited."));
    return list;
}

}  // namespace hearth::backend
