#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "backend/line_splitter.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/base/unique_fd.hpp"

namespace hearth::backend {

/// One line a process wrote, decoded.
struct OutputLine {
    enum class Stream { out, err } stream = Stream::out;
    std::string request_id;
    std::string message;
    bool from_loader = false;  ///< the loader's own record: an empty request id means none
};

/// A line in the loaders' JSON form; nothing for any other line.
std::optional<OutputLine> decode_record(std::string_view line);

/// Reads both output pipes of one process for as long as anything holds them open. Keeps reading
/// whatever happens to the lines, so that the process never waits for the daemon. Thread: the
/// loop's, for everything.
class OutputReader : public std::enable_shared_from_this<OutputReader> {
 public:
    using Descriptor = aio::net::posix::basic_stream_descriptor<aio::Executor>;
    using Sink = std::function<void(OutputLine)>;

    OutputReader(aio::Executor loop, Sink sink);
    void start(base::UniqueFd out, base::UniqueFd err);
    /// Takes what is in the pipes now, without waiting.
    void drain();
    /// Stops reading; the sink is not called again.
    void close();
    /// The last lines of the error stream, or of the other one when that is empty.
    std::string last_output() const;

 private:
    struct Source {
        explicit Source(aio::Executor loop) : descriptor(loop) {}
        Descriptor descriptor;
        OutputLine::Stream stream = OutputLine::Stream::out;
        LineSplitter lines;
        TailBuffer tail;
    };

    void read_on(Source& source);
    bool take_available(Source& source, int rounds);
    void take_line(Source& source, std::string_view line);

    std::array<Source, 2> sources_;
    Sink sink_;
};

}  // namespace hearth::backend
