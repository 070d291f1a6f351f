#include "backend/kube_build_stream.hpp"

#include <boost/json.hpp>

#include <fmt/format.h>

#include <charconv>

#include "hearth/base/json_view.hpp"

namespace hearth::backend {
namespace {

namespace json = boost::json;
using base::text_at;

constexpr std::size_t kLongestHead = 64;
constexpr std::size_t kLongestFrame = 1u << 20;

Error no_agent(std::string what) {
    return Error(Errc::io, "what answers is no build agent: " + std::move(what), {}, "runner");
}

Result<BuildEnd> parse_end(std::string_view text) {
    json::error_code ec;
    const auto value = json::parse(text, ec);
    if (ec || !value.is_object()) return no_agent("its last words are no JSON object");
    const auto& object = value.get_object();
    BuildEnd end;
    end.outcome = text_at(object, "outcome");
    end.detail = text_at(object, "detail");
    const auto* code = object.if_contains("code");
    if (code != nullptr && code->is_int64()) end.code = static_cast<int>(code->get_int64());
    const auto* memory = object.if_contains("outOfMemory");
    end.out_of_memory = memory != nullptr && memory->is_bool() && memory->get_bool();
    if (end.outcome.empty()) return no_agent("its last words name no outcome");
    return end;
}

Error failed(const BuildWords& words, std::string_view how) {
    return Error(Errc::function_failed,
                 fmt::format("the build command `{}` {}", words.command, how), {}, "build");
}

}  // namespace

Result<void> BuildStreamReader::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        if (end_) return no_agent("it goes on after its end");
        if (kind_.empty()) {
            const auto line_end = bytes.find('\n');
            head_ += bytes.substr(0, line_end);
            if (head_.size() > kLongestHead) return no_agent("a frame has no head");
            if (line_end == std::string_view::npos) return {};
            bytes.remove_prefix(line_end + 1);
            if (auto begun = begin_frame(); begun.has_error()) return begun;
        } else {
            const auto piece = bytes.substr(0, left_);
            bytes.remove_prefix(piece.size());
            left_ -= piece.size();
            if (auto taken = content(piece); taken.has_error()) return taken;
        }
        if (left_ > 0) continue;
        if (auto done = finish_frame(); done.has_error()) return done;
    }
    return {};
}

Result<void> BuildStreamReader::begin_frame() {
    const auto space = head_.find(' ');
    const std::string_view count =
        std::string_view(head_).substr(std::min(space + 1, head_.size()));
    const auto [end, ec] = std::from_chars(count.data(), count.data() + count.size(), left_);
    if (space == std::string::npos || ec != std::errc() || end != count.data() + count.size() ||
        left_ > kLongestFrame)
        return no_agent("a frame has the head \"" + head_ + "\"");
    kind_ = head_.substr(0, space);
    head_.clear();
    if (kind_ == "tar") folder_ = true;
    return {};
}

Result<void> BuildStreamReader::content(std::string_view bytes) {
    if (kind_ == "out") sinks_.printed(bytes);
    if (kind_ == "tar" || kind_ == "file") return sinks_.made(bytes);
    if (kind_ == "note" || kind_ == "end") small_ += bytes;
    return {};
}

Result<void> BuildStreamReader::finish_frame() {
    const std::string kind = std::exchange(kind_, {});
    const std::string small = std::exchange(small_, {});
    if (kind == "note") sinks_.note(small);
    if (kind != "end") return {};
    auto end = parse_end(small);
    if (!end) return end.error();
    end_ = std::move(*end);
    return {};
}

std::optional<Error> build_fault(const BuildEnd& end, const BuildWords& words) {
    if (end.outcome == "built") return std::nullopt;
    if (end.out_of_memory)
        return failed(words, fmt::format("ended out of memory (limit {} MiB; build.memory in "
                                         "hearth.yaml or the Environment's "
                                         "spec.builder.container.resources.limits.memory raises "
                                         "it)",
                                         words.memory_bytes >> 20));
    if (end.outcome == "exited") {
        std::string how = fmt::format("ended with exit code {}", end.code);
        // 126 and 127 are how shells tell of a program that is not there.
        if (end.code == 126 || end.code == 127)
            how += "; if a program is missing, the image " + words.image + " must have it";
        return failed(words, how);
    }
    if (end.outcome == "signalled")
        return failed(words, fmt::format("ended by signal {}", end.code));
    if (end.outcome == "nothing_made")
        return failed(words, "ended well but made neither a folder nor a file at $DEPLOY_PKG");
    if (end.outcome == "not_packed")
        return failed(words, "made what cannot be packed: " + end.detail);
    if (end.outcome == "timed_out")
        return Error(Errc::deadline_exceeded,
                     fmt::format("the build command `{}` did not end in time", words.command), {},
                     "build");
    return no_agent("it tells of the outcome \"" + end.outcome + "\"");
}

Error agent_error(int status, std::string_view body, const BuildWords& words) {
    json::error_code ec;
    const auto value = json::parse(body, ec);
    std::string code, detail(body.substr(0, 1000));
    if (!ec && value.is_object()) {
        code = text_at(value.get_object(), "code");
        detail = text_at(value.get_object(), "detail");
    }
    if (code == "not_started")
        return failed(words, fmt::format("cannot be run in the image {}: {}; name a program that "
                                         "the image has in spec.builder.command or the package's "
                                         "buildcmd",
                                         words.image, detail));
    if (code == "deadline_exceeded")
        return Error(Errc::deadline_exceeded, "the source did not reach the builder pod in time",
                     detail, "runner");
    if (status == 507)
        return Error(Errc::no_space,
                     "the source does not fit into the builder pod: " + detail +
                         "; the Environment's "
                         "spec.builder.container.resources.limits.ephemeral-storage raises it",
                     {}, "runner");
    if (status == 400)
        return Error(Errc::function_failed, "the builder refuses the source: " + detail, {},
                     "build");
    return Error(
        Errc::unavailable,
        fmt::format("the build agent answered {}{}{}", status, detail.empty() ? "" : ": ", detail),
        {}, "runner");
}

}  // namespace hearth::backend
