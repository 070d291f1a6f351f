#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <functional>
#include <string>

#include "cli/settings.hpp"
#include "cli/transport.hpp"

namespace hearth::cli {

/// The REST API by its verbs. A problem document becomes an Error: its code from the status, its
/// message from `detail` or `title`, the faults and the trace it carries in `detail`.
class Client {
 public:
    Client(Transport& transport, Connection connection)
        : transport_(transport), connection_(std::move(connection)) {}

    Result<boost::json::value> get(const std::string& target);
    Result<boost::json::value> send(std::string method, const std::string& target, std::string body,
                                    std::string_view content_type = "application/json",
                                    std::chrono::seconds limit = std::chrono::seconds(60));
    /// One JSON object per line until the daemon ends the stream or `on_line` returns false.
    Result<void> lines(const std::string& target,
                       std::function<bool(const boost::json::object&)> on_line);
    /// A text as it comes, until the daemon ends it or `on_data` returns false.
    Result<void> text(const std::string& target, std::function<bool(std::string_view)> on_data);
    /// Uploads an archive from a file unless the daemon has it. Returns its digest.
    Result<std::string> upload(const std::string& file);
    /// The daemon's answer as it is, piece by piece; for function calls.
    Result<http::ClientResponse> stream(http::ClientRequest request, std::chrono::seconds limit,
                                        std::function<bool(const http::ClientResponse&)> on_head,
                                        std::function<bool(std::string_view)> on_data);
    const Connection& connection() const { return connection_; }
    /// Sees each problem document before it becomes an Error; may change it.
    void edit_problems(std::function<void(boost::json::object&)> editor) {
        editor_ = std::move(editor);
    }

 private:
    http::ClientRequest request(std::string method, const std::string& target) const;
    Result<http::ClientResponse> fetch(http::ClientRequest request, Deadline deadline);
    Error unreachable(const Error& error) const;

    Transport& transport_;
    Connection connection_;
    std::function<void(boost::json::object&)> editor_;
};

/// The Error that a problem document says.
Error error_of(int status, std::string_view body,
               const std::function<void(boost::json::object&)>& editor = {});
/// A problem's "errors" as lines "file:line:column: path: message".
std::string fault_lines(const boost::json::object& problem);

/// "/api/v1/namespaces/NS/PLURAL[/NAME]", encoded.
std::string object_target(std::string_view ns, std::string_view plural, std::string_view name = {});
/// Appends "?name=value" or "&name=value", encoded; nothing for an empty value.
void add_query(std::string& target, std::string_view name, std::string_view value);

}  // namespace hearth::cli
