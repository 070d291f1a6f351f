#include <CLI/CLI.hpp>

#include <iterator>
#include <memory>

#include "cli/files.hpp"
#include "cli/program.hpp"

namespace hearth::cli {

namespace {

struct CallArguments {
    std::string name, method, path, data;
    std::vector<std::string> headers;
    bool include_head = false;
    long timeout = 0;
};

Result<std::string> body_of(const Context& context, const std::string& data) {
    if (data == "@-") return std::string{std::istreambuf_iterator<char>(context.terminal.in), {}};
    if (data.starts_with('@')) return read_file(data.substr(1));
    return data;
}

Result<http::ClientRequest> request_of(const Context& context, const CallArguments& arguments) {
    http::ClientRequest request;
    request.method =
        arguments.method.empty() ? (arguments.data.empty() ? "GET" : "POST") : arguments.method;
    for (char& c : request.method) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    request.target = object_target(context.settings.ns, "functions", arguments.name) + "/call";
    const bool rooted = arguments.path.empty() || arguments.path.starts_with('/') ||
                        arguments.path.starts_with('?');
    request.target += (rooted ? "" : "/") + arguments.path;
    auto body = body_of(context, arguments.data);
    if (!body) return body.error();
    request.body = std::move(*body);
    for (const std::string& header : arguments.headers) {
        const std::size_t colon = header.find(':');
        std::size_t value =
            colon == std::string::npos ? colon : header.find_first_not_of(' ', colon + 1);
        const bool added =
            colon != std::string::npos && colon > 0 &&
            request.headers.add(header.substr(0, colon),
                                value == std::string::npos ? "" : header.substr(value));
        if (!added)
            return Error(Errc::invalid_argument, "-H: \"" + header + "\" must be NAME:VALUE");
    }
    return request;
}

int call(Context& context, const CallArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto request = request_of(context, arguments);
    if (!request) {
        const int code = terminal.fail(request.error());
        return request.error().code == Errc::invalid_argument ? static_cast<int>(kUsage) : code;
    }
    int status = 0;
    bool problem = false;
    std::string problem_text;
    const auto on_head = [&](const http::ClientResponse& head) {
        status = head.status;
        if (const auto id = head.headers.find("X-Request-Id")) {
            terminal.err << terminal.paint(Paint::dim, "request id " + strip_escapes(*id)) << '\n';
            terminal.err.flush();
        }
        // Hearth's own refusals are told as messages; a function's answer goes out as it is.
        problem = status >= 400 &&
                  head.headers.find("Content-Type").value_or("") == "application/problem+json" &&
                  !arguments.include_head;
        if (arguments.include_head) {
            terminal.out << "HTTP/1.1 " << status << ' ' << http::reason_phrase(status) << '\n';
            for (std::size_t i = 0; i < head.headers.size(); ++i) {
                terminal.out << head.headers.at(i).name << ": "
                             << strip_escapes(head.headers.at(i).value) << '\n';
            }
            terminal.out << '\n';
        }
        return true;
    };
    const auto on_data = [&](std::string_view bytes) {
        if (problem) {
            problem_text += bytes;
            return problem_text.size() < (1u << 20);
        }
        terminal.out << bytes;
        terminal.out.flush();
        return terminal.out.good();
    };
    auto response = client->stream(std::move(*request), std::chrono::seconds(arguments.timeout),
                                   on_head, on_data);
    if (!response) return terminal.fail(response.error());
    if (problem) return terminal.fail(error_of(status, problem_text));
    return status >= 400 ? kFailed : kDone;
}

}  // namespace

void add_call(CLI::App& app, Program& program) {
    auto* command =
        app.add_subcommand("call", "Call a function; exit code 1 when it answers 400 or more");
    auto a = std::make_shared<CallArguments>();
    command->add_option("name", a->name, "Name of the function")->type_name("NAME")->required();
    command->add_option("-d,--data", a->data, "Body; @FILE from a file, @- from standard input")
        ->type_name("TEXT|@FILE");
    command->add_option("-X,--method", a->method, "HTTP method (default: GET, with a body POST)")
        ->type_name("METHOD");
    command->add_option("-H,--header", a->headers, "Header; repeatable")
        ->type_name("NAME:VALUE")
        ->allow_extra_args(false);
    command->add_option("--path", a->path, "Path and query the function sees")
        ->type_name("/PATH?QUERY");
    command
        ->add_option("--timeout", a->timeout,
                     "Seconds to wait for the whole answer (default: as long as it takes)")
        ->type_name("SECONDS");
    command->add_flag("-i,--include", a->include_head, "Print the answer's status and headers too");
    command->callback(
        [&program, a] { program.action = [a](Context& context) { return call(context, *a); }; });
}

}  // namespace hearth::cli
