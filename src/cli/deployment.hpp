#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/compose.hpp"
#include "cli/documents.hpp"
#include "cli/files.hpp"
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
    /// Loads the function's code as it is now, and keeps it for the next call. The daemon loads
    /// what a write changes; a build changes nothing of the function, so that its result is tried
    /// by this.
    Result<void> try_load();

 private:
    Result<void> find_code();
    Result<void> read_input();
    void name_input(const boost::json::array& offers, const std::string& image);
    Result<std::optional<boost::json::object>> find(model::Kind kind, const std::string& name);
    Result<void> find_environment();
    Result<void> decide_build();
    Result<void> compose_code();
    Result<void> compose_rest();
    Result<void> compose_timers();
    Result<boost::json::object> post(bool verify);
    void add(boost::json::object object);

    Context& context_;
    Client& client_;
    DeployArguments arguments_;
    std::unique_ptr<TemporaryFile> input_;  ///< code from standard input
    FileSet files_;
    std::string env_;
    bool has_builder_ = false;
    bool build_ = false;
    std::string reason_;
    std::vector<model::Document> documents_;
};

}  // namespace hearth::cli
