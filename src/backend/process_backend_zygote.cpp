#include <fcntl.h>
#include <fmt/format.h>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include "backend/process_backend.hpp"

namespace hearth::backend {
namespace {

namespace net = aio::net;
namespace json = boost::json;

constexpr auto kZygoteIdle = std::chrono::minutes(10);
constexpr auto kForkLimit = std::chrono::seconds(10);

json::object bind_of(const std::string& from, const char* to, bool read_only) {
    json::object bind;
    bind["from"] = from;
    bind["to"] = to;
    bind["ro"] = read_only;
    return bind;
}

}  // namespace

json::object ProcessBackend::fork_packet(const Entry& entry) const {
    const ManagedInstance& instance = *entry.instance;
    json::object setup;
    json::array cgroup_files;
    if (confinement_.sandbox.works) {
        const std::string root = fmt::format("{}/instances/{}", kZygoteMount, instance.name());
        json::array binds;
        binds.push_back(bind_of(root + "/userfunc", "/userfunc", true));
        const std::string settings =
            confinement_.settings.folder.empty()
                ? root
                : fmt::format("{}/settings/{}", kZygoteMount, instance.name());
        binds.push_back(bind_of(settings + "/secrets", "/secrets", true));
        binds.push_back(bind_of(settings + "/configs", "/configs", true));
        binds.push_back(bind_of(root + "/sock", "/run/hearth", false));
        setup["binds"] = std::move(binds);
        setup["tmpfs"] = json::array({"/tmp", "/var/tmp", "/dev/shm"});
        setup["detach"] = json::array({kZygoteMount});
        setup["pid_namespace"] = true;
        for (std::size_t i = 0; i < confinement_.cgroups.parents().size(); ++i) {
            cgroup_files.emplace_back(
                fmt::format("{}/cgroup{}/{}/cgroup.procs", kZygoteMount, i, instance.name()));
        }
    } else {
        for (const auto& file : confinement_.cgroups.procs_files(instance.name()))
            cgroup_files.emplace_back(file.string());
    }
    setup["cgroup_procs"] = std::move(cgroup_files);
    if (entry.uid >= 0) {
        setup["uid"] = entry.uid;
        setup["gid"] = entry.uid;
    }
    json::object limits;
    for (const auto& [name, value] : resource_limits(
             confinement_, entry.plan.limits, options_.max_processes_per_instance, entry.uid)) {
        limits[name] = value;
    }
    setup["rlimits"] = std::move(limits);
    if (!confinement_.filter.empty()) setup["system_call_filter"] = confinement_.filter;
    json::object env;
    env["HEARTH_INSTANCE"] = instance.name();
    json::object packet;
    packet["op"] = "fork";
    packet["name"] = instance.name();
    packet["listen"] = entry.listen;
    packet["setup"] = std::move(setup);
    packet["env"] = std::move(env);
    return packet;
}

std::shared_ptr<Zygote> ProcessBackend::zygote_for(const RuntimePlan& plan) {
    retire_idle_zygotes();
    auto& zygote = zygotes_[plan.hash];
    if (zygote && !zygote->stopped_for_good()) return zygote;
    ZygoteRecipe recipe;
    recipe.name = plan.base_name;
    recipe.command = *plan.zygote;
    recipe.env = plan.env;
    recipe.env["HEARTH_ZYGOTE_FD"] = std::to_string(kZygoteFd);
    recipe.network = options_.network;
    zygote =
        std::make_shared<Zygote>(context_.loop, spawner_, confinement_, log_, std::move(recipe),
                                 [this](const EndedChild& child) { child_ended(child); });
    return zygote;
}

void ProcessBackend::retire_idle_zygotes() {
    const auto now = std::chrono::steady_clock::now();
    std::set<std::string> in_use;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [id, entry] : entries_) in_use.insert(entry->plan.hash);
    }
    // Its children die with it, so one whose instances still run stays.
    std::erase_if(zygotes_, [&](auto& item) {
        if (in_use.count(item.first) != 0 || now - item.second->last_use() < kZygoteIdle)
            return false;
        item.second->stop();
        return true;
    });
}

void ProcessBackend::child_ended(const EndedChild& child) {
    std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
        const bool it = child.name.empty() ? entry->instance->is_process(child.pid)
                                           : entry->instance->name() == child.name;
        if (it) entry->instance->note_wait_status(child.status);
    }
}

Task<Result<void>> ProcessBackend::launch_by_zygote(EntryPtr entry, Deadline deadline) {
    auto out = make_pipe();
    if (!out) co_return out.error();
    auto err = make_pipe();
    if (!err) co_return err.error();
    ForkOrder order;
    order.name = entry->instance->name();
    order.packet = fork_packet(*entry);
    order.out = std::make_shared<base::UniqueFd>(std::move(out->write));
    order.err = std::make_shared<base::UniqueFd>(std::move(err->write));
    auto executor = co_await net::this_coro::executor;
    auto answer = std::make_shared<ForkAnswer>(executor);
    auto held = std::make_shared<ForkOrder>(std::move(order));
    net::post(context_.loop, [this, entry, held, answer] {
        if (closing_) {
            answer->deliver(
                Error(Errc::unavailable, "the process backend is shutting down", "", "backend"));
            return;
        }
        zygote_for(entry->plan)->fork(std::move(*held), answer);
    });
    held.reset();
    const Deadline limit = deadline.sooner(Deadline::after(kForkLimit));
    auto forked = co_await answer->wait(limit);
    if (!forked)
        co_return Error(Errc::deadline_exceeded, "the zygote did not answer in time", "",
                        "backend");
    if (forked->has_error()) co_return forked->error();
    StartedProcess process;
    process.pid = (*forked)->pid;
    process.own_child = false;
    process.pidfd = std::move((*forked)->pidfd);
    process.out = std::move(out->read);
    process.err = std::move(err->read);
    if (!entry->instance->begin_launch())
        co_return Error(Errc::cancelled, "the start was cancelled", "", "backend");
    entry->instance->adopt(std::move(process));
    co_return Result<void>();
}

}  // namespace hearth::backend
