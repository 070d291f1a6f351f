#include <sys/resource.h>

#include <fmt/format.h>

#include "backend/process_backend.hpp"
#include "backend/specialize.hpp"

namespace hearth::backend {
namespace {

/// Names Fission's contract gives the code below /userfunc.
constexpr char kCodeName[] = "deployarchive";
constexpr char kCodeNameVersion1[] = "user";

}  // namespace

std::string ProcessBackend::code_name(const Entry& entry) {
    return entry.plan.version < 2 ? kCodeNameVersion1 : kCodeName;
}

std::string ProcessBackend::code_path_inside(const Entry& entry, const std::string& name) const {
    if (confinement_.sandbox.works) return "/userfunc/" + name;
    return (entry.instance->folder().userfunc() / name).string();
}

Result<void> ProcessBackend::put_in(const Entry& entry, const LoadRequest& request) const {
    const InstanceFolder& folder = entry.instance->folder();
    if (auto put = folder.put_code(request.code_path, code_name(entry)); put.has_error())
        return put;
    if (auto put = folder.put_files(folder.secrets(), request.secret_files); put.has_error())
        return put;
    if (auto put = folder.put_files(folder.configs(), request.config_files); put.has_error())
        return put;
    CgroupLimits limits;
    limits.memory_bytes = request.limits.memory_bytes;
    limits.cpu_millicores = request.limits.cpu_millicores;
    if (confinement_.cgroups.any()) {
        auto adjusted = confinement_.cgroups.adjust(entry.instance->name(), limits);
        if (adjusted.has_error() && adjusted.error().code == Errc::invalid_argument) {
            return Error(Errc::function_failed, adjusted.error().message, "", "function");
        }
        if (adjusted.has_error()) return adjusted;
    }
    if (request.limits.memory_bytes == 0) return {};
    entry.instance->set_memory_limit(request.limits.memory_bytes);
    if (confinement_.cgroups.has("memory")) return {};
    const rlimit data{request.limits.memory_bytes, request.limits.memory_bytes};
    // Raising the hard limit takes root; what the process was started with then stays in force.
    (void)prlimit(entry.instance->runtime_pid(), RLIMIT_DATA, &data, nullptr);
    return {};
}

/// Tells the runtime to load what was put in. A program without a loader is not asked: it serves as
/// it is.
Task<Result<void>> ProcessBackend::hand_over(EntryPtr entry,
                                             std::shared_ptr<const LoadRequest> wanted,
                                             Deadline deadline) {
    if (entry->plan.plain_http) {
        auto alive = [entry] { return !entry->instance->ended(); };
        std::function<bool()> is_alive = alive;
        co_return co_await wait_until_answers(entry->endpoint, std::move(is_alive), deadline);
    }
    Specialization specialization;
    specialization.endpoint = entry->endpoint;
    // Version 1 has no way to name another path than /userfunc/user, which only the sandbox can
    // offer.
    const bool version1 = entry->plan.version < 2;
    specialization.version = version1 && !confinement_.sandbox.works ? 2 : entry->plan.version;
    specialization.file_path = code_path_inside(*entry, code_name(*entry));
    specialization.function_name = wanted->function_name;
    specialization.function = wanted->function;
    specialization.send_env = entry->plan.env_at_load;
    specialization.env = wanted->env;
    co_return co_await specialize(std::move(specialization), deadline);
}

Task<Result<void>> ProcessBackend::load(std::uint64_t id, LoadRequest request, Deadline deadline) {
    const auto begun = std::chrono::steady_clock::now();
    EntryPtr entry = find(id);
    if (!entry || entry->instance->ended()) {
        co_return Error(Errc::unavailable, "the instance to load code into is gone", "",
                        "instance");
    }
    if (entry->load_begun.exchange(true)) {
        co_return Error(Errc::internal, fmt::format("{} already has code", entry->instance->name()),
                        "", "backend");
    }
    entry->instance->set_function(request.function.ns, request.function.name);
    auto wanted = std::make_shared<LoadRequest>(std::move(request));
    auto work = [this, entry, wanted] { return put_in(*entry, *wanted); };
    Result<void> outcome = co_await pool_.run(std::move(work));
    if (outcome.has_error()) co_return outcome.error();
    outcome = co_await hand_over(entry, wanted, deadline);
    if (!outcome.has_error()) {
        load_seconds_.observe(
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
        co_return Result<void>();
    }
    Error error = outcome.error();
    if (error.code == Errc::function_failed) co_return error;
    if (error.code == Errc::deadline_exceeded) {
        error.message =
            fmt::format("the code of {} did not load in time", model::qualified(wanted->function));
        error.component = "function";
        co_return error;
    }
    if (error.code == Errc::cancelled) co_return error;
    Error explained = co_await explain_death(entry, std::move(error));
    if (explained.code != Errc::unavailable) explained.code = Errc::unavailable;
    co_return explained;
}

}  // namespace hearth::backend
