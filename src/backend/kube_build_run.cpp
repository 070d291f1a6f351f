#include "backend/kube_build_run.hpp"

#include <boost/json.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "backend/kube_build_pod.hpp"
#include "hearth/http/client.hpp"

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

/// Above what a package may hold unpacked (512 MiB), so that it is refused with its reason there.
constexpr std::uint64_t kMostMade = 640u << 20;
constexpr std::size_t kKeptRefusal = 64 * 1024;
constexpr std::chrono::hours kLongest{24};

std::shared_ptr<void> removed_with(const fs::path& file) {
    return std::shared_ptr<fs::path>(new fs::path(file), [](fs::path* path) {
        std::error_code ignored;
        fs::remove(*path, ignored);
        delete path;
    });
}

std::string order_line(const KubeBuild& build) {
    const auto words = build_words(build.order);
    const auto left =
        std::min<std::chrono::steady_clock::duration>(build.deadline.left(), kLongest);
    json::object line;
    line["command"] = json::array(words.begin(), words.end());
    line["timeoutMs"] = std::max<std::int64_t>(
        1, std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
    return json::serialize(line);
}

}  // namespace

KubeBuild::KubeBuild(BuildOrder wanted, LineSink sink, Deadline until, PodEntryPtr pod,
                     fs::path file, BuildWords what)
    : order(std::move(wanted)),
      deadline(until),
      entry(std::move(pod)),
      words(std::move(what)),
      sink_(std::move(sink)),
      reader_({[this](std::string_view bytes) { cutter_.feed(bytes, sink_); },
               [this](std::string_view line) { sink_("hearth: " + std::string(line)); },
               [this](std::string_view bytes) { return write(bytes); }}),
      file_(std::move(file)),
      hold_(removed_with(file_)) {}

void KubeBuild::say(std::string_view text) {
    std::lock_guard lock(mutex_);
    if (!sink_) return;
    LineCutter lines;
    lines.feed(text, sink_);
    lines.finish(sink_);
}

void KubeBuild::abandon() {
    std::lock_guard lock(mutex_);
    if (sink_) cutter_.finish(sink_);
    sink_ = nullptr;
    out_.close();
}

void KubeBuild::begin() {
    std::lock_guard lock(mutex_);
    heard_ = std::chrono::steady_clock::now();
}

std::chrono::steady_clock::time_point KubeBuild::heard() const {
    std::lock_guard lock(mutex_);
    return heard_;
}

void KubeBuild::tell(Result<void> outcome) {
    std::lock_guard lock(mutex_);
    if (!outcome_) outcome_.emplace(std::move(outcome));
}

std::optional<Result<void>> KubeBuild::outcome() const {
    std::lock_guard lock(mutex_);
    return outcome_;
}

BuildOutput KubeBuild::output() const {
    std::lock_guard lock(mutex_);
    BuildOutput made;
    made.path = file_;
    made.packed = reader_.folder();
    made.hold = hold_;
    return made;
}

void KubeBuild::answered(int status) {
    std::lock_guard lock(mutex_);
    status_ = status;
}

bool KubeBuild::take(std::string_view bytes) {
    std::lock_guard lock(mutex_);
    if (!sink_) return false;
    heard_ = std::chrono::steady_clock::now();
    if (status_ != 200) {
        refusal_ += bytes.substr(0, kKeptRefusal - refusal_.size());
        return true;
    }
    auto taken = reader_.feed(bytes);
    if (taken.has_error()) fault_ = taken.error();
    return !fault_;
}

Result<void> KubeBuild::write(std::string_view bytes) {
    if (!out_.is_open()) {
        std::error_code ec;
        fs::create_directories(file_.parent_path(), ec);
        out_.open(file_, std::ios::binary | std::ios::trunc);
    }
    written_ += bytes.size();
    if (written_ > kMostMade)
        return Error(Errc::function_failed,
                     fmt::format("what the build made takes more than {} MiB; leave out what the "
                                 "function does not need",
                                 kMostMade >> 20),
                     {}, "build");
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (out_) return {};
    return Error(Errc::no_space, "what the build made cannot be written to " + file_.string(), {},
                 "build");
}

Result<void> KubeBuild::conclude(const std::optional<Error>& broken) {
    std::lock_guard lock(mutex_);
    if (sink_) cutter_.finish(sink_);
    if (fault_) return *fault_;
    if (status_ != 0 && status_ != 200) return agent_error(status_, refusal_, words);
    if (!reader_.end()) {
        const auto why = broken ? broken->message : std::string("it broke off");
        return Error(Errc::unavailable,
                     "the connection to the builder pod " + entry->key() + " is lost: " + why, {},
                     "kubernetes");
    }
    if (auto fault = build_fault(*reader_.end(), words)) return std::move(*fault);
    // One that holds nothing has sent no piece.
    if (auto done = write({}); done.has_error()) return done;
    out_.close();
    if (out_) return {};
    return Error(Errc::no_space, "what the build made cannot be written to " + file_.string(), {},
                 "build");
}

Task<Result<void>> send_build(KubeBuildPtr build, RunnerAddress agent, PackedArchive source) {
    const auto endpoint = agent.endpoint;
    auto request = order_request(agent, "/v1/build", "application/vnd.hearth.build",
                                 order_line(*build), std::move(source));
    std::function<bool(const http::ClientResponse&)> on_head =
        [build](const http::ClientResponse& head) {
            build->answered(head.status);
            return true;
        };
    std::function<bool(std::string_view)> on_data = [build](std::string_view bytes) {
        return build->take(bytes);
    };
    const auto limit = build->deadline;
    auto answer = co_await http::fetch_stream(endpoint, std::move(request), limit,
                                              std::move(on_head), std::move(on_data));
    std::optional<Error> broken;
    if (!answer) broken = answer.error();
    co_return build->conclude(broken);
}

}  // namespace hearth::backend
