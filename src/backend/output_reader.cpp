#include "backend/output_reader.hpp"

#include <unistd.h>

#include <boost/json.hpp>

#include <cerrno>
#include <optional>

#include "hearth/base/json_view.hpp"

namespace hearth::backend {
namespace {

namespace json = boost::json;
using base::text_at;

/// One turn reads at most this many chunks, so that a flood of one instance does not keep others
/// waiting.
constexpr int kRounds = 4;
constexpr int kDrainRounds = 64;

}  // namespace

std::optional<OutputLine> decode_record(std::string_view line) {
    if (!is_log_record(line)) return std::nullopt;
    json::error_code ec;
    const json::value value = json::parse(line, ec);
    if (ec || !value.is_object()) return std::nullopt;
    const json::object& object = value.get_object();
    OutputLine decoded;
    decoded.stream =
        text_at(object, "stream") == "err" ? OutputLine::Stream::err : OutputLine::Stream::out;
    decoded.from_loader = true;
    decoded.request_id = text_at(object, "request_id");
    decoded.message = text_at(object, "message");
    return decoded;
}

OutputReader::OutputReader(aio::Executor loop, Sink sink)
    : sources_{Source(loop), Source(loop)}, sink_(std::move(sink)) {
    sources_[1].stream = OutputLine::Stream::err;
}

void OutputReader::start(base::UniqueFd out, base::UniqueFd err) {
    boost::system::error_code ignored;
    sources_[0].descriptor.assign(out.release(), ignored);
    sources_[1].descriptor.assign(err.release(), ignored);
    for (auto& source : sources_) read_on(source);
}

void OutputReader::read_on(Source& source) {
    auto self = shared_from_this();
    source.descriptor.async_wait(Descriptor::wait_read,
                                 [self, &source](boost::system::error_code ec) {
                                     if (ec || !source.descriptor.is_open()) return;
                                     if (self->take_available(source, kRounds))
                                         self->read_on(source);
                                 });
}

bool OutputReader::take_available(Source& source, int rounds) {
    char buffer[32 * 1024];
    const auto on_line = [this, &source](std::string_view line) { take_line(source, line); };
    for (int round = 0; round < rounds && source.descriptor.is_open(); ++round) {
        const ssize_t n = read(source.descriptor.native_handle(), buffer, sizeof buffer);
        if (n < 0) return errno == EAGAIN || errno == EINTR;
        if (n == 0) {
            source.lines.finish(on_line);
            boost::system::error_code ignored;
            source.descriptor.close(ignored);
            return false;
        }
        source.lines.feed(std::string_view(buffer, static_cast<std::size_t>(n)), on_line);
    }
    return true;
}

void OutputReader::take_line(Source& source, std::string_view line) {
    if (!sink_) return;
    auto decoded = decode_record(line);
    if (!decoded) {
        decoded.emplace();
        decoded->stream = source.stream;
        decoded->message = std::string(line);
    }
    sources_[decoded->stream == OutputLine::Stream::err ? 1 : 0].tail.add(decoded->message);
    sink_(std::move(*decoded));
}

void OutputReader::drain() {
    for (auto& source : sources_) {
        if (source.descriptor.is_open()) take_available(source, kDrainRounds);
        const auto on_line = [this, &source](std::string_view line) { take_line(source, line); };
        source.lines.finish(on_line);
    }
}

void OutputReader::close() {
    boost::system::error_code ignored;
    for (auto& source : sources_) source.descriptor.close(ignored);
    sink_ = nullptr;
}

std::string OutputReader::last_output() const {
    const std::string& err = sources_[1].tail.text();
    return err.empty() ? sources_[0].tail.text() : err;
}

}  // namespace hearth::backend
