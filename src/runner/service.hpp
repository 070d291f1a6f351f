#pragma once

#include <boost/json/object.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runner/body.hpp"
#include "runner/fault.hpp"
#include "runner/net.hpp"

namespace hearth::runner {

/// One request without its body.
struct Call {
    std::string method, path, query;
    std::string authorization, content_type;
    std::optional<std::uint64_t> content_length;
    Call() = default;
};

/// The bytes of an answer whose length is not known when it begins.
class Source {
 public:
    virtual ~Source() = default;
    /// The next piece, empty at the end; valid until the next call. After an error the answer
    /// breaks off, so that its receiver knows that it is not whole.
    virtual Task<Result<std::string_view>> next() = 0;
};

struct Reply {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::string allow;               ///< with 405
    std::unique_ptr<Source> stream;  ///< sent in place of `body`
    Reply() = default;
    explicit Reply(const Fault& fault);
};

/// What the server's requests are for. Thread: the loop's.
class Service {
 public:
    virtual ~Service() = default;
    virtual Task<Reply> answer(Call call, Body& body) = 0;
    /// One coroutine for the object's life; ends soon after stop().
    virtual Task<void> watch() = 0;
    virtual void stop() = 0;
};

/// What every service answers alike.
Reply text_reply(int status, std::string body);
Reply json_reply(const boost::json::object& object);
Reply wrong_method(std::string allowed);
Reply no_such_path(const std::string& path);
Reply not_let_in();

/// Everything up to the first line feed, and what came behind it in the same piece.
struct FirstLine {
    std::string line, behind;
    FirstLine() = default;
};
/// Errors: 400 `invalid_argument` without a line feed, 413 `too_large` past `most` bytes, 408.
Task<Result<FirstLine>> read_line(Body& body, std::size_t most);

/// The archive behind an order's line: first what came together with the line.
class AfterLine final : public Body {
 public:
    AfterLine(std::string first, Body& rest) : first_(std::move(first)), rest_(rest) {}
    Task<Result<std::string_view>> read() override;

 private:
    std::string first_;
    bool given_ = false;
    Body& rest_;
};

}  // namespace hearth::runner
