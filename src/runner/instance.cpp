#include "runner/instance.hpp"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/exchange.hpp"
#include "runner/log.hpp"
#include "runner/safe_path.hpp"
#include "runner/setting_files.hpp"
#include "runner/unpacking.hpp"
#include "runner/version.hpp"

namespace hearth::runner {
namespace {

namespace http = beast::http;

using Millis = std::chrono::milliseconds;

/// A peer is a pod of the same node: what does not accept at once is kept from us by a
/// NetworkPolicy.
constexpr Millis kPeerConnect{500};

Millis since(Clock::time_point start) {
    return std::chrono::duration_cast<Millis>(Clock::now() - start);
}

const char* name_of(Instance::State state, bool environment_ready) {
    switch (state) {
        case Instance::State::generic:
            return environment_ready ? "generic" : "starting";
        case Instance::State::loading:
            return "loading";
        case Instance::State::loaded:
            return "loaded";
        case Instance::State::failed:
            return "failed";
    }
    return "failed";
}

bool exists(const std::string& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0;
}

/// v1 has one fixed path. A file is linked, so that the runtime sees no symbolic link whose target
/// it would take for the code's name; a folder can only be pointed to.
Result<void> put_at(const std::string& code, const std::string& path) {
    ::unlink(path.c_str());
    struct stat info {};
    if (::stat(code.c_str(), &info) != 0) return from_errno(errno, "find " + code);
    const int made = S_ISDIR(info.st_mode) ? ::symlink(code.c_str(), path.c_str())
                                           : ::link(code.c_str(), path.c_str());
    if (made != 0) return from_errno(errno, "make " + path);
    return {};
}

}  // namespace

Instance::Instance(const Configuration& configuration, Environment& environment, TokenFile& token,
                   Executor executor)
    : configuration_(configuration),
      environment_(environment),
      token_(token),
      executor_(executor),
      userfunc_(configuration.root + "/userfunc") {}

std::string Instance::archive_folder(const std::string& digest) const {
    return userfunc_ + '/' + digest;
}

Task<Result<Instance::Times>> Instance::load(LoadOrder order, Body& archive) {
    if (state_ == State::loaded && order.identity == identity_) co_return Times();
    if (state_ != State::generic) {
        const std::string now = name_of(state_, true);
        co_return Fault(409, now,
                        "this instance is " + now + (identity_.empty() ? "" : ": " + identity_));
    }
    if (environment_.there_is_one() && order.digest.empty()) {
        co_return refused("digest is missing: there is an environment, and it needs code");
    }
    state_ = State::loading;
    const auto start = Clock::now();
    const auto deadline = start + order.limit;
    Times times;
    auto obtained = co_await obtain(order, archive, deadline);
    if (obtained.has_error()) {
        state_ = State::generic;
        co_return obtained.error();
    }
    times.unpack = since(start);
    const auto unpacked = Clock::now();
    auto inserted = co_await insert(order, deadline);
    if (inserted.has_error()) co_return inserted.error();
    times.load = since(unpacked);
    state_ = State::loaded;
    identity_ = order.identity;
    digest_ = order.digest;
    function_ = std::move(order.function);
    log_line("loaded " + digest_ + " (" + identity_ + "), unpacking " +
             std::to_string(times.unpack.count()) + " ms, loading " +
             std::to_string(times.load.count()) + " ms");
    co_return times;
}

Task<Result<void>> Instance::obtain(const LoadOrder& order, Body& archive,
                                    Clock::time_point deadline) {
    if (order.digest.empty() || exists(archive_folder(order.digest))) co_return Result<void>();
    switch (order.archive) {
        case LoadOrder::Archive::follows:
            co_return co_await unpack(order, archive, deadline);
        case LoadOrder::Archive::peer:
            co_return co_await download(order, deadline);
        case LoadOrder::Archive::present:
            break;
    }
    co_return Fault(409, "unknown_archive", "the archive " + order.digest + " is not here");
}

Task<Result<void>> Instance::unpack(const LoadOrder& order, Body& archive,
                                    Clock::time_point deadline) {
    auto unpacking =
        Unpacking::begin(userfunc_, order.digest, order.bounds, TreeWriter::Access::read_only);
    if (!unpacking) co_return unpacking.error();
    for (;;) {
        auto piece = co_await archive.read();
        if (!piece) co_return piece.error();
        if (piece->empty()) break;
        if (Clock::now() > deadline) {
            co_return Fault(504, "deadline_exceeded", "the archive did not arrive in time");
        }
        auto fed = (*unpacking)->feed(*piece);
        if (fed.has_error()) co_return fed;
    }
    co_return (*unpacking)->finish();
}

Task<Result<void>> Instance::download(const LoadOrder& order, Clock::time_point deadline) {
    Exchange exchange(executor_, *order.peer, kPeerConnect);
    auto request = Exchange::request(http::verb::get, "/v1/archives/" + order.digest);
    request.set(http::field::authorization, "Bearer " + token_.token());
    auto status = co_await exchange.send(std::move(request), deadline);
    std::string why;
    if (!status) {
        why = status.error().detail;
    } else if (*status != 200) {
        why = "it answered " + std::to_string(*status);
    } else {
        auto unpacked = co_await unpack(order, exchange.body(), deadline);
        if (!unpacked.has_error() || unpacked.error().status >= 500) co_return unpacked;
        why = unpacked.error().detail;
    }
    co_return Fault(502, "peer_failed", "no archive from the peer: " + why);
}

Task<Result<void>> Instance::insert(const LoadOrder& order, Clock::time_point deadline) {
    auto code = code_path(order);
    const bool ready = code.has_value() && co_await environment_.wait_ready(deadline);
    if (!ready) {
        state_ = State::generic;
        if (!code) co_return code.error();
        co_return Fault(504, "deadline_exceeded", "the environment did not answer in time");
    }
    // From here on what was put in cannot be taken out again for sure.
    auto done = replace_settings(order.settings);
    if (!done.has_error() && order.contract == 1 && !code->empty()) {
        done = put_at(*code, userfunc_ + "/user");
    }
    if (!done.has_error() && environment_.there_is_one()) {
        done = co_await environment_.specialize(order, *code, deadline);
    }
    if (done.has_error()) {
        state_ = State::failed;
        log_line("failed to load " + order.digest + ": " + done.error().detail);
    }
    co_return done;
}

Result<std::string> Instance::code_path(const LoadOrder& order) const {
    if (order.digest.empty()) return std::string();
    std::string path = archive_folder(order.digest);
    if (!order.file.empty()) path += '/' + order.file;
    if (exists(path)) return path;
    return refused("file: the archive has no " + shown(order.file));
}

Result<void> Instance::replace_settings(const Settings& settings) {
    auto done = replace_files(configuration_.root + "/secrets", settings.secrets);
    if (done.has_error()) return done;
    return replace_files(configuration_.root + "/configs", settings.configs);
}

/// A runtime that has gone took the code with it, even if another one starts in its place.
Task<bool> Instance::alive() {
    if (!environment_.ready()) co_return false;
    const bool listens = co_await environment_.listens();
    if (!listens && state_ == State::loaded) {
        state_ = State::failed;
        log_line("the environment of " + identity_ + " has gone");
    }
    co_return listens;
}

Task<bool> Instance::ready() {
    if (!co_await alive()) co_return false;
    using When = Configuration::ReadyWhen;
    co_return configuration_.ready_when == When::environment_answers || state_ == State::loaded;
}

Task<boost::json::object> Instance::describe() {
    const bool answers = co_await alive();
    boost::json::object out;
    out["podUid"] = configuration_.pod_uid;
    out["podName"] = configuration_.pod_name;
    out["version"] = version();
    out["state"] = name_of(state_, environment_.ready());
    out["environmentReady"] = answers;
    out["identity"] = identity_;
    out["digest"] = digest_;
    out["function"] = function_;
    co_return out;
}

}  // namespace hearth::runner
