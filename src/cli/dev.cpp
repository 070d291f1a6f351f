#include <signal.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <fcntl.h>

#include <array>
#include <memory>

#include "cli/dev_session.hpp"
#include "cli/log_follower.hpp"
#include "cli/log_lines.hpp"
#include "cli/objects.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

/// A pipe that SIGINT and SIGTERM write to, so that poll() sees them; a second one ends at once,
/// for a daemon that does not answer.
class StopSignal {
 public:
    StopSignal() {
        if (::pipe2(pipe_.data(), O_CLOEXEC | O_NONBLOCK) != 0) pipe_ = {-1, -1};
        write_end = pipe_[1];
        struct sigaction action {};
        action.sa_handler = on_signal;
        ::sigaction(SIGINT, &action, &before_[0]);
        ::sigaction(SIGTERM, &action, &before_[1]);
    }
    ~StopSignal() {
        ::sigaction(SIGINT, &before_[0], nullptr);
        ::sigaction(SIGTERM, &before_[1], nullptr);
        write_end = -1;
        for (const int fd : pipe_) {
            if (fd >= 0) ::close(fd);
        }
    }
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;
    int fd() const { return pipe_[0]; }

 private:
    static void on_signal(int number) {
        if (seen) ::_exit(128 + number);
        seen = 1;
        const char byte = 0;
        static_cast<void>(::write(write_end, &byte, 1) == 1);
    }
    static inline volatile sig_atomic_t seen = 0;
    static inline volatile int write_end = -1;

    std::array<int, 2> pipe_{-1, -1};
    std::array<struct sigaction, 2> before_{};
};

void complete(DevArguments& arguments) {
    auto& deploy = arguments.deploy;
    if (deploy.name.empty()) deploy.name = name_from_path(deploy.path);
    if (deploy.route.empty()) deploy.route = "/" + deploy.name;
}

int dev(Context& context, DevArguments arguments) {
    Terminal& terminal = context.terminal;
    complete(arguments);
    if (arguments.deploy.name.empty())
        return terminal.fail(
            Error(Errc::invalid_argument,
                  "no name can be made of " + arguments.deploy.path + "; give one with --name"));
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    // Watched before it is read, so that no change falls between the two.
    auto watch = SourceWatch::open(arguments.deploy.path);
    if (!watch) return terminal.fail(watch.error());
    StopSignal stop;
    if (stop.fd() < 0) return terminal.fail(base::from_errno(errno, "pipe"));
    DevSession session(context, *client, arguments);
    // A daemon that cannot be reached is told now; a function that does not load is what this is
    // for.
    if (auto there = client->get("/api/v1/identity"); !there) return terminal.fail(there.error());
    session.deploy(std::nullopt, "");
    std::unique_ptr<LogFollower> log;
    const auto follow = [&] {
        if (log || !session.deployed()) return;
        log = std::make_unique<LogFollower>(
            client->connection(), context.settings.ns, arguments.deploy.name,
            [&](const json::object& line) {
                session.print(log_line_text(context.settings, terminal, line));
            });
    };
    follow();
    session.print(terminal.paint(Paint::dim, "watching " + arguments.deploy.path + "; Ctrl-C ends" +
                                                 (arguments.remove ? " and deletes" : "")));
    while (watch->wait(stop.fd(), std::chrono::milliseconds(arguments.quiet_ms))) {
        session.deploy(watch->changed_at(), watch->changed_name());
        follow();
    }
    log.reset();
    if (arguments.remove) session.remove_made();
    return kDone;
}

}  // namespace

void add_dev(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand(
        "dev", "Deploy a source file or folder again at each save, with its log");
    auto a = std::make_shared<DevArguments>();
    auto& deploy = a->deploy;
    const auto many = [command](const char* name, std::vector<std::string>& list, const char* what,
                                const char* type) {
        command->add_option(name, list, what)->type_name(type)->allow_extra_args(false);
    };
    command->add_option("path", deploy.path, "Source file or folder")
        ->type_name("FILE|DIR")
        ->required();
    command->add_option("--name", deploy.name, "Name of the function (default: the file's)")
        ->type_name("NAME");
    command->add_option("--env", deploy.env, "Environment (default: guessed from the file)")
        ->type_name("NAME");
    command->add_option("--route", deploy.route, "Path it answers at (default: /NAME)")
        ->type_name("/PATH");
    many("--method", deploy.methods, "HTTP method of the route; repeatable (default: GET and POST)",
         "METHOD");
    command->add_option("--entry", deploy.entry, "Entry point, such as main.handler")
        ->type_name("TEXT");
    many("--env-var", deploy.variables, "Environment variable; repeatable", "NAME=VALUE");
    many("--secret", deploy.secrets, "Secret whose values appear as files; repeatable", "NAME");
    many("--configmap", deploy.config_maps, "ConfigMap whose values appear as files; repeatable",
         "NAME");
    command->add_option("--call", a->call, "Call this path of the function after each reload")
        ->type_name("/PATH");
    command->add_flag("--rm", a->remove, "Delete at the end what this made");
    auto* build = command->add_flag("--build", deploy.build, "Build the code at each save");
    command->add_flag("--no-build", deploy.no_build, "Load the code as it is")->excludes(build);
    command->add_option("--quiet", a->quiet_ms, "Milliseconds without a change before it is taken")
        ->type_name("MS")
        ->check(CLI::Range(0, 10000).description(""));
    command->callback(
        [&program, a] { program.action = [a](Context& context) { return dev(context, *a); }; });
}

}  // namespace hearth::cli
