#include <fmt/format.h>

#include <boost/json.hpp>

#include <fstream>

#include "build/build_driver.hpp"

namespace hearth::build {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using model::BuildStatus;
using model::Kind;

constexpr int kMostTries = 8;
constexpr std::size_t kChunk = 256 * 1024;
/// Kept with the package, so bounded: every package's is in memory.
constexpr std::size_t kLogOfSuccess = 2 * 1024, kLogOfFailure = 8 * 1024;

/// A file of the daemon's that goes with its name.
class TemporaryFile {
 public:
    explicit TemporaryFile(fs::path path) : path_(std::move(path)) {}
    ~TemporaryFile() {
        std::error_code ignored;
        fs::remove(path_, ignored);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const fs::path& path() const { return path_; }

 private:
    fs::path path_;
};

std::string duration_text(std::chrono::nanoseconds time) {
    return fmt::format("{:.1f} s", std::chrono::duration<double>(time).count());
}

}  // namespace

Task<void> BuildDriver::run(RunPtr run) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    auto outcome = co_await carry_out(run);
    co_await conclude(run, std::move(outcome));
    co_await finish(run->key, run->id, run->log);
}

/// Writes down that it runs, runs it, and puts the result into the archive store.
Task<Result<artifact::ArchiveInfo>> BuildDriver::carry_out(RunPtr run) {
    auto open = [log = run->log]() -> Result<void> { return log->open(); };
    const auto opened = co_await pool_.run(std::move(open));
    if (opened.has_error()) {
        log_.log(telemetry::Level::warn, "build", "the log of a build cannot be kept",
                 {{"package", to_string(run->key)}, {telemetry::kErr, opened.error().message}});
    }
    const auto record = catalog_.find(Kind::environment, run->key.ns, run->input.environment);
    if (!record) {
        co_return Error(Errc::not_found,
                        "there is no Environment " + run->key.ns + "/" + run->input.environment, {},
                        "build");
    }
    auto environment = record->load();
    if (!environment) co_return environment.error();
    const auto spec = model::decode_environment(*environment);
    if (!spec) co_return spec.error();
    run->builder = model::builder_hash(spec->builder);
    Edit edit = [this, run](model::Resource&, model::PackageBuild& build) {
        build.status = BuildStatus::running;
        build.input = run->input;
        build.builder = run->builder;
        build.attempts = run->attempts;
        build.started_at = now_text();
        build.finished_at.clear();
        build.error.clear();
        build.log.clear();
    };
    const auto written = co_await change(run->key, run->input, std::move(edit));
    if (!written) co_return written.error();
    if (!*written) co_return Error(Errc::cancelled, "the package was changed", {}, "build");
    model::Resource loaded = std::move(*environment);
    co_return co_await build(run, std::move(loaded));
}

Task<Result<artifact::ArchiveInfo>> BuildDriver::build(RunPtr run, model::Resource environment) {
    run->log->add(fmt::format("hearth: building {} for environment {}, source {}{}",
                              to_string(run->key), run->input.environment,
                              run->input.source.substr(0, 12),
                              run->attempts > 1 ? ", again after the daemon ended" : ""));
    auto source = co_await archives_.unpacked(run->input.source);
    if (!source) co_return source.error();
    auto packed = co_await archives_.packed_path(run->input.source);
    if (!packed) co_return packed.error();
    auto spec = model::decode_environment(environment);
    if (!spec) co_return spec.error();
    backend::BuildOrder order;
    order.name = to_string(run->key);
    auto pod = model::decode_builder_pod(environment);
    if (!pod) co_return pod.error();
    order.environment = environment.metadata;
    order.pod = std::move(*pod);
    order.spec = std::move(*spec);
    order.command = run->input.command;
    order.source = std::move(*source);
    order.source_packed = std::move(*packed);
    order.source_digest = run->input.source;
    order.stop = run->stop.get_token();
    backend::LineSink sink = [log = run->log](std::string_view line) { log->add(line); };
    const auto deadline = Deadline::after(options_.timeout);
    auto output = co_await builder_->build(std::move(order), std::move(sink), deadline);
    if (!output) co_return output.error();
    backend::BuildOutput made = std::move(*output);
    co_return co_await store(run, std::move(made));
}

Task<Result<artifact::ArchiveInfo>> BuildDriver::store(RunPtr run, backend::BuildOutput output) {
    const auto packing = std::make_shared<TemporaryFile>(
        options_.log_folder / fmt::format(".packing-{}-{}", run->key.name, run->id));
    auto pack = [packing, output]() -> Result<std::vector<std::string>> {
        std::error_code ec;
        const artifact::ArchiveLimits limits;
        if (output.packed) return artifact::repack(output.path, packing->path(), limits);
        // A single file is the archive itself: a jar, a program, a zip.
        if (!fs::is_directory(output.path, ec)) return std::vector<std::string>();
        return artifact::pack_tree(output.path, packing->path(), limits);
    };
    const auto notes = co_await pool_.run(std::move(pack));
    if (!notes) co_return notes.error();
    for (const auto& note : *notes) run->log->add("hearth: " + note);
    std::error_code ec;
    const bool folder = fs::exists(packing->path(), ec);
    auto stored = co_await upload(folder ? packing->path() : output.path);
    if (!stored) co_return stored.error();
    const auto usable = co_await archives_.unpacked(stored->digest);
    if (usable.has_error()) {
        co_return Error(Errc::function_failed,
                        "what the build made cannot be used: " + usable.error().message, {},
                        "build");
    }
    co_return stored;
}

Task<Result<artifact::ArchiveInfo>> BuildDriver::upload(fs::path file) {
    auto begun = co_await archives_.begin_upload();
    if (!begun) co_return begun.error();
    const auto target = std::move(*begun);
    for (std::uint64_t at = 0;;) {
        auto read = [file, at]() -> Result<std::string> {
            std::ifstream stream(file, std::ios::binary);
            stream.seekg(static_cast<std::streamoff>(at));
            std::string chunk(kChunk, '\0');
            stream.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
            if (stream.bad() || !stream.is_open())
                return Error(Errc::io, "cannot read " + file.string(), {}, "build");
            chunk.resize(static_cast<std::size_t>(stream.gcount()));
            return chunk;
        };
        auto chunk = co_await pool_.run(std::move(read));
        if (!chunk) co_return chunk.error();
        if (chunk->empty()) break;
        at += chunk->size();
        const std::span<const char> bytes(*chunk);
        auto written = co_await target->write(bytes);
        if (written.has_error()) co_return written.error();
    }
    auto stored = co_await target->finish(std::string());
    co_return stored;
}

std::string BuildDriver::failure_text(const Run& run, const Error& error) const {
    switch (error.code) {
        case Errc::function_failed:
        case Errc::unsupported:
        case Errc::not_found:
        case Errc::invalid_argument:
        case Errc::too_large:
            return error.message;
        case Errc::deadline_exceeded:
            return fmt::format("{} (build.timeout is {} s)", error.message,
                               std::chrono::ceil<std::chrono::seconds>(options_.timeout).count());
        case Errc::cancelled: {
            std::lock_guard lock(mutex_);
            return run.why.empty() ? error.message : run.why;
        }
        default:
            return "it could not be run: " + error.message;
    }
}

Task<void> BuildDriver::conclude(RunPtr run, Result<artifact::ArchiveInfo> outcome) {
    bool closed = false;
    {
        std::lock_guard lock(mutex_);
        closed = closed_;
    }
    // The record still says `running`, so the next daemon starts it again.
    if (closed && !outcome) co_return;
    const auto time = clock_.now() - run->began;
    std::string error;
    if (!outcome) error = failure_text(*run, outcome.error());
    run->log->add(
        outcome ? fmt::format("hearth: built {}, {} bytes, in {}", outcome->digest.substr(0, 12),
                              outcome->bytes, duration_text(time))
                : fmt::format("hearth: the build failed after {}: {}", duration_text(time), error));
    Edit edit = [this, run, outcome, error](model::Resource& package, model::PackageBuild& build) {
        build.status = outcome ? BuildStatus::succeeded : BuildStatus::failed;
        build.input = run->input;
        build.builder = run->builder;
        build.finished_at = now_text();
        build.error = error;
        build.log = run->log->tail(outcome ? kLogOfSuccess : kLogOfFailure);
        if (!outcome) return;
        build.deployment = outcome->digest;
        package.spec["deployment"] = model::stored_archive(outcome->digest);
        package.spec["size"] = static_cast<std::int64_t>(outcome->bytes);
    };
    const auto written = co_await change(run->key, run->input, std::move(edit));
    (outcome ? succeeded_ : failed_).add();
    seconds_.observe(std::chrono::duration<double>(time).count());
    log_.log(telemetry::Level::info, "build", outcome ? "a package was built" : "a build failed",
             {{"package", to_string(run->key)},
              {"duration", duration_text(time)},
              {telemetry::kErr, error}});
    if (written.has_error()) {
        log_.log(telemetry::Level::error, "build", "the end of a build cannot be written down",
                 {{"package", to_string(run->key)}, {telemetry::kErr, written.error().message}});
    }
}

Task<void> BuildDriver::conclude_unstarted(BuildQueue::Effect effect) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    const auto log = log_of(effect.key);
    log->add("hearth: the build failed: " + effect.why);
    Edit edit = [this, effect](model::Resource&, model::PackageBuild& build) {
        build.status = BuildStatus::failed;
        build.input = effect.input;
        build.finished_at = now_text();
        build.error = effect.why;
    };
    const auto written = co_await change(effect.key, effect.input, std::move(edit));
    failed_.add();
    if (written.has_error()) {
        log_.log(telemetry::Level::error, "build", "the end of a build cannot be written down",
                 {{"package", to_string(effect.key)}, {telemetry::kErr, written.error().message}});
    }
    co_await finish(effect.key, effect.run, log);
}

Task<void> BuildDriver::finish(PackageKey key, std::uint64_t run, std::shared_ptr<BuildLog> log) {
    auto end = [log]() -> Result<void> {
        log->end();
        return {};
    };
    const auto ended = co_await pool_.run(std::move(end));
    if (ended.has_error()) log->end();
    BuildQueue::Effects effects;
    bool closed = false;
    {
        std::lock_guard lock(mutex_);
        runs_.erase(run);
        logs_.erase(key);
        queue_.finished(run, effects);
        closed = closed_;
    }
    perform(std::move(effects));
    if (!closed) look_at(key);
}

/// Writes `edit` to a package as it is now. False: with `input` given the package is not, or no
/// longer, what that build is for.
Task<Result<bool>> BuildDriver::change(PackageKey key, std::optional<model::BuildInput> input,
                                       Edit edit) {
    for (int tries = 0; tries < kMostTries; ++tries) {
        const auto record = catalog_.find(Kind::package, key.ns, key.name);
        if (!record && input) co_return false;
        if (!record)
            co_return Error(Errc::not_found, "there is no Package " + to_string(key), {}, "build");
        auto package = record->load();
        if (!package) co_return package.error();
        if (input && (model::build_input(*package) != *input ||
                      model::build_status(*package) == BuildStatus::none))
            co_return false;
        auto build = model::package_build(package->metadata).value_or(model::PackageBuild());
        edit(*package, build);
        model::set_package_build(package->metadata, build);
        catalog::Mutation mutation;
        mutation.resource = std::move(*package);
        mutation.expected_revision = record->metadata.revision;
        std::vector<catalog::Mutation> mutations;
        mutations.push_back(std::move(mutation));
        const auto written = co_await catalog_.write(std::move(mutations));
        if (written) co_return true;
        if (written.error().code != Errc::conflict && written.error().code != Errc::not_found)
            co_return written.error();
    }
    co_return Error(Errc::conflict, "the Package " + to_string(key) + " keeps changing", {},
                    "build");
}

}  // namespace hearth::build
