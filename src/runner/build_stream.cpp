#include "runner/build_stream.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "runner/encoding.hpp"

namespace hearth::runner {
namespace {

/// So often the receiver hears something; without it neither side would notice that the other has
/// gone.
constexpr auto kAlive = std::chrono::seconds(5);

}  // namespace

BuildStream::BuildStream(std::shared_ptr<BuildProcess> process, std::string made,
                         Clock::time_point deadline, std::function<void()> over)
    : process_(std::move(process)),
      made_(std::move(made)),
      deadline_(deadline),
      over_(std::move(over)),
      oom_before_(oom_kills()) {}

BuildStream::~BuildStream() {
    process_->kill_all();
    if (over_) over_();
}

Task<Result<std::string_view>> BuildStream::next() {
    if (phase_ == Phase::runs) co_return co_await run();
    if (phase_ == Phase::packs) co_return co_await pack();
    co_return std::string_view();
}

std::string_view BuildStream::frame(std::string_view kind, std::string_view bytes) {
    frame_ = std::string(kind) + ' ' + std::to_string(bytes.size()) + '\n';
    frame_ += bytes;
    return frame_;
}

std::string_view BuildStream::end(std::string_view outcome, int code, const std::string& detail) {
    phase_ = Phase::ended;
    boost::json::object out;
    out["outcome"] = outcome;
    out["code"] = code;
    out["outOfMemory"] = outcome != "built" && oom_before_ >= 0 && oom_kills() > oom_before_;
    out["detail"] = valid_utf8(detail);
    return frame("end", boost::json::serialize(out));
}

std::string_view BuildStream::fail(const Fault& fault) {
    return end("not_packed", 0, fault.detail);
}

Task<std::string_view> BuildStream::run() {
    if (Clock::now() >= deadline_) {
        process_->kill_all();
        co_return end("timed_out");
    }
    const auto until = std::min(Clock::now() + kAlive, deadline_);
    const auto printed = co_await process_->read(until);
    if (!printed.empty()) co_return frame("out", printed);
    if (process_->over()) co_return command_ended();
    co_return frame("alive", "");
}

std::string_view BuildStream::command_ended() {
    const int status = process_->status();
    if (WIFSIGNALED(status)) return end("signalled", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0) return end("exited", WEXITSTATUS(status));
    return begin_packing();
}

std::string_view BuildStream::begin_packing() {
    struct stat info {};
    if (::lstat(made_.c_str(), &info) != 0 || !(S_ISDIR(info.st_mode) || S_ISREG(info.st_mode)))
        return end("nothing_made");
    if (S_ISDIR(info.st_mode)) {
        auto packing = Packing::begin(made_, Packing::Links::copied);
        if (!packing) return fail(packing.error());
        folder_ = std::move(*packing);
    } else {
        file_ = Fd(::open(made_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (!file_) return fail(from_errno(errno, "open what was made"));
    }
    kind_ = folder_ ? "tar" : "file";
    phase_ = Phase::packs;
    return frame("alive", "");
}

Task<std::string_view> BuildStream::pack() {
    if (folder_) {
        auto piece = co_await folder_->next();
        if (!piece) co_return fail(piece.error());
        if (!piece->empty()) co_return frame(kind_, *piece);
        if (noted_ < folder_->notes().size()) co_return frame("note", folder_->notes()[noted_++]);
        co_return end("built");
    }
    std::array<char, 32 * 1024> bytes;
    const ssize_t count = ::read(file_.get(), bytes.data(), bytes.size());
    if (count < 0) co_return fail(from_errno(errno, "read what was made"));
    if (count > 0) co_return frame(kind_, {bytes.data(), static_cast<std::size_t>(count)});
    co_return end("built");
}

}  // namespace hearth::runner
