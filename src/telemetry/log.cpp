#include "hearth/telemetry/log.hpp"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "hearth/base/clock.hpp"

namespace hearth::telemetry {
namespace {

/// Lines waiting for the writer thread; past it the oldest is dropped, so a blocked reader never
/// blocks us.
constexpr std::size_t kBacklog = 8192;

std::string_view level_name(Level level) {
    switch (level) {
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warn:
            return "warn";
        case Level::error:
            return "error";
    }
    return "info";
}

std::string json_text(std::string_view text) {
    return boost::json::serialize(boost::json::string(text.data(), text.size()));
}

std::string json_line(Level level, std::string_view module, std::string_view message,
                      std::initializer_list<Field> fields) {
    std::string line = "{\"ts\":\"" + base::to_rfc3339(std::chrono::system_clock::now()) +
                       "\",\"level\":\"" + std::string(level_name(level)) + "\",\"module\":\"" +
                       std::string(module) + "\",\"msg\":" + json_text(message);
    for (const Field& field : fields) {
        line += ",\"" + std::string(field.key) + "\":" + json_text(field.value);
    }
    return line + "}";
}

std::string text_line(Level level, std::string_view module, std::string_view message,
                      std::initializer_list<Field> fields, bool colour) {
    static constexpr std::string_view kColours[] = {"\033[2m", "\033[32m", "\033[33m", "\033[31m"};
    const std::string time = base::to_rfc3339(std::chrono::system_clock::now());
    std::string line = time.substr(11, 12) + " ";
    if (colour) line += kColours[static_cast<int>(level)];
    line += std::string(level_name(level));
    if (colour) line += "\033[0m";
    line += " " + std::string(module) + ": " + std::string(message);
    for (const Field& field : fields)
        line += " " + std::string(field.key) + "=" + json_text(field.value);
    return line;
}

}  // namespace

struct Logger::Sink {
    std::shared_ptr<spdlog::details::thread_pool> writer;
    std::shared_ptr<spdlog::async_logger> logger;
    Format format;
    bool colour;
};

Logger::Logger(Level level, Format format) : level_(level), sink_(std::make_unique<Sink>()) {
    sink_->format = format;
    sink_->colour = isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    sink_->writer = std::make_shared<spdlog::details::thread_pool>(kBacklog, 1);
    auto out = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    sink_->logger = std::make_shared<spdlog::async_logger>(
        "hearth", out, sink_->writer, spdlog::async_overflow_policy::overrun_oldest);
    sink_->logger->set_pattern("%v");
    sink_->logger->set_level(spdlog::level::trace);
}

Logger::~Logger() {
    sink_->logger->flush();
}

void Logger::log(Level level, std::string_view module, std::string_view message,
                 std::initializer_list<Field> fields) {
    if (!enabled(level)) return;
    const std::string line = sink_->format == Format::json
                                 ? json_line(level, module, message, fields)
                                 : text_line(level, module, message, fields, sink_->colour);
    sink_->logger->log(spdlog::level::info, spdlog::string_view_t(line));
}

std::uint64_t Logger::dropped() const {
    return sink_->writer->overrun_counter();
}

}  // namespace hearth::telemetry
