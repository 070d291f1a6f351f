#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/compose.hpp"
#include "cli/documents.hpp"
#include "cli/pack.hpp"
#include "cli/program.hpp"

namespace hearth::cli {

/// One deployment from arguments to its answer: code found, environment chosen, documents made and
/// sent. Code that is to be built goes first, as a package alone; the rest follows once it is
/// built.
class Deployment {
 public:
    Deployment(Context& context, Client& client, DeployArguments arguments)
        : context_(context), client_(client), arguments_(std::move(arguments)) {}

    /// Finds code and environment; nothing is sent but archives.
    Result<void> prepare();
    /// The name of the package that is to be built first, after prepare().
    std::optional<std::string> to_build() const;
    /// Why it is built: the file that asks for it.
    const std::string& reason() const { return reason_; }
    /// Writes environment and source package; its build begins.
    Result<boost::json::object> send_source();
    /// Writes everything; a built package stays as it is.
    Result<boost::json::object> send();

 private:
    Result<void> find_code();
    Result<std::optional<boost::json::object>> find(model::Kind kind, const std::string& name);
    Result<void> find_environment();
    Result<void> decide_build();
    Result<void> compose_code();
    Result<void> compose_rest();
    Result<boost::json::object> post(bool verify);
    void add(boost::json::object object);

    Context& context_;
    Client& client_;
    DeployArguments arguments_;
    FileSet files_;
    std::string env_;
    bool has_builder_ = false;
    bool build_ = false;
    std::string reason_;
    std::vector<model::Document> documents_;
};

}  // namespace hearth::cli
