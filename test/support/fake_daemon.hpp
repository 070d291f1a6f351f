#pragma once

#include <deque>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "cli/program.hpp"

namespace hearth::test {

/// Stands in for a daemon behind the command line: answers by method and target, keeps what it was
/// asked.
class FakeDaemon final : public cli::Transport {
 public:
    struct Answer {
        int status = 200;
        std::string body;
        std::string type = "application/json";
    };

    /// "GET /api/v1/x" → answer; a request with another target is 404.
    std::map<std::string, Answer> answers;
    std::vector<http::ClientRequest> requests;
    bool down = false;

    Result<http::ClientResponse> fetch(const http::Endpoint& endpoint, http::ClientRequest request,
                                       Deadline) override {
        if (down) return Error(Errc::unavailable, "connection refused");
        endpoints.push_back(endpoint);
        const auto answer = answer_to(request);
        requests.push_back(std::move(request));
        http::ClientResponse response;
        response.status = answer.status;
        response.body = answer.body;
        response.headers.add("Content-Type", answer.type);
        response.headers.add("X-Request-Id", "req-1");
        return response;
    }

    Result<http::ClientResponse> stream(const http::Endpoint& endpoint, http::ClientRequest request,
                                        Deadline deadline,
                                        std::function<bool(const http::ClientResponse&)> on_head,
                                        std::function<bool(std::string_view)> on_data) override {
        auto response = fetch(endpoint, std::move(request), deadline);
        if (!response || !on_head(*response)) return response;
        // In pieces that split lines, as a network does.
        for (std::size_t at = 0; at < response->body.size(); at += 7) {
            if (!on_data(std::string_view(response->body).substr(at, 7))) break;
        }
        return response;
    }

    std::vector<http::Endpoint> endpoints;

 private:
    Answer answer_to(const http::ClientRequest& request) const {
        const auto found = answers.find(request.method + " " + request.target);
        if (found != answers.end()) return found->second;
        return {404, R"({"title":"Not Found","detail":"there is no )" + request.target + "\"}",
                "application/problem+json"};
    }
};

/// One run of the command line against a fake daemon.
struct Ran {
    int code = 0;
    std::string out, err;
};

inline Ran run_hearth(FakeDaemon& daemon, std::vector<std::string> arguments,
                      const std::string& input = "",
                      std::map<std::string, std::string> variables = {{"HEARTH_API",
                                                                       "127.0.0.1:8890"},
                                                                      {"HEARTH_TOKEN", "secret"}},
                      bool color = false) {
    std::istringstream in(input);
    std::ostringstream out, err;
    cli::Terminal terminal{in, out, err, color, false};
    const cli::EnvironmentLookup lookup =
        [&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
    };
    Ran ran;
    ran.code = cli::run_arguments(std::move(arguments), terminal, daemon, lookup);
    ran.out = out.str();
    ran.err = err.str();
    return ran;
}

}  // namespace hearth::test
