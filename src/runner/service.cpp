#include "runner/service.hpp"

#include <boost/json/serialize.hpp>

namespace hearth::runner {

Reply::Reply(const Fault& fault)
    : status(fault.status), content_type("application/problem+json"), body(problem_body(fault)) {}

Reply text_reply(int status, std::string body) {
    Reply reply;
    reply.status = status;
    reply.content_type = "text/plain; charset=utf-8";
    reply.body = std::move(body);
    return reply;
}

Reply json_reply(const boost::json::object& object) {
    Reply reply;
    reply.body = boost::json::serialize(object) + "\n";
    return reply;
}

Reply wrong_method(std::string allowed) {
    Reply reply(Fault(405, "method_not_allowed", "this path takes " + allowed));
    reply.allow = std::move(allowed);
    return reply;
}

Reply no_such_path(const std::string& path) {
    return Reply(Fault(404, "not_found", "there is no " + path.substr(0, 200)));
}

Reply not_let_in() {
    return Reply(Fault(401, "unauthenticated", "Authorization: Bearer TOKEN is missing or wrong"));
}

Task<Result<FirstLine>> read_line(Body& body, std::size_t most) {
    FirstLine out;
    for (;;) {
        auto piece = co_await body.read();
        if (!piece) co_return piece.error();
        if (piece->empty()) co_return refused("the first line of the body has no end");
        const auto end = piece->find('\n');
        out.line += piece->substr(0, end);
        if (out.line.size() > most)
            co_return Fault(413, "too_large",
                            "the order takes more than " + std::to_string(most) + " bytes");
        if (end == std::string_view::npos) continue;
        out.behind = piece->substr(end + 1);
        co_return out;
    }
}

Task<Result<std::string_view>> AfterLine::read() {
    if (!given_ && !first_.empty()) {
        given_ = true;
        co_return std::string_view(first_);
    }
    co_return co_await rest_.read();
}

}  // namespace hearth::runner
