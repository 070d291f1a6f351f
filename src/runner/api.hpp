#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runner/body.hpp"
#include "runner/configuration.hpp"
#include "runner/environment.hpp"
#include "runner/instance.hpp"
#include "runner/packing.hpp"
#include "runner/token_file.hpp"

namespace hearth::runner {

/// One request without its body.
struct Call {
    std::string method, path, query;
    std::string authorization, content_type;
    std::optional<std::uint64_t> content_length;
    Call() = default;
};

struct Reply {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::string allow;                 ///< with 405
    std::unique_ptr<Packing> archive;  ///< streamed in place of `body`
    Reply() = default;
    explicit Reply(const Fault& fault);
};

/// What the runner answers; src/runner/README.md has the list. Thread: the loop's.
class Api {
 public:
    Api(const Configuration& configuration, Executor executor);

    Task<Reply> answer(Call call, Body& body);
    Environment& environment() { return environment_; }

 private:
    Task<Reply> state(const Call& call);
    Task<Reply> load(const Call& call, Body& body);
    Task<Reply> settings(const Call& call, Body& body);
    Reply archive(const std::string& digest) const;

    const Configuration& configuration_;
    TokenFile token_;
    Environment environment_;
    Instance instance_;
};

}  // namespace hearth::runner
