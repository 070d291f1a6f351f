#pragma once

#include <string>

#include "runner/configuration.hpp"
#include "runner/environment.hpp"
#include "runner/instance.hpp"
#include "runner/service.hpp"
#include "runner/token_file.hpp"

namespace hearth::runner {

/// What the runner answers; src/runner/README.md has the list. Thread: the loop's.
class Api final : public Service {
 public:
    Api(const Configuration& configuration, Executor executor);

    Task<Reply> answer(Call call, Body& body) override;
    Task<void> watch() override { return environment_.watch(); }
    void stop() override { environment_.stop(); }

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
