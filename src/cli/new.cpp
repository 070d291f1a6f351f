#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <memory>

#include "cli/compose.hpp"
#include "cli/objects.hpp"
#include "cli/program.hpp"
#include "cli/starter.hpp"
#include "hearth/http/message.hpp"

namespace hearth::cli {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr std::size_t kMostBytes = 8u << 20;
constexpr auto kLimit = std::chrono::seconds(60);

struct NewArguments {
    std::string language, folder;
};

Result<void> check_folder(const fs::path& folder) {
    std::error_code ec;
    if (!fs::exists(fs::symlink_status(folder, ec))) return {};
    if (!fs::is_directory(folder, ec))
        return Error(Errc::invalid_argument, folder.string() + " exists and is no folder");
    if (fs::is_empty(folder, ec) && !ec) return {};
    return Error(Errc::invalid_argument,
                 folder.string() + " is not empty; name a folder that is new or empty");
}

Result<std::string> starter_of(Client& client, const std::string& language) {
    http::ClientRequest request;
    request.target =
        "/api/v1/environments-available/" + http::percent_encode(language) + "/starter";
    request.headers.add("Accept", "application/x-tar");
    int status = 0;
    std::string body;
    const auto on_head = [&](const http::ClientResponse& head) {
        status = head.status;
        return true;
    };
    const auto on_data = [&](std::string_view bytes) {
        body += bytes;
        return body.size() < kMostBytes;
    };
    auto got = client.stream(std::move(request), kLimit, on_head, on_data);
    if (!got) return got.error();
    if (status >= 400) return error_of(status, body);
    return body;
}

int make_starter(Context& context, NewArguments arguments) {
    Terminal& terminal = context.terminal;
    if (arguments.folder.empty()) arguments.folder = "hello-" + arguments.language;
    const fs::path folder = arguments.folder;
    if (auto fine = check_folder(folder); fine.has_error()) return terminal.fail(fine.error());
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    auto tar = starter_of(*client, arguments.language);
    if (!tar) return terminal.fail(tar.error());
    auto files = write_starter(*tar, folder);
    if (!files) return terminal.fail(files.error());
    json::object made;
    made["folder"] = folder.string();
    json::array names;
    for (const auto& name : *files) names.push_back(json::string(name));
    made["files"] = std::move(names);
    if (print_value(context, made)) return kDone;
    for (const auto& name : *files) terminal.out << (folder / name).string() << '\n';
    if (context.settings.output == Output::name) return kDone;
    const auto shown = folder.string();
    terminal.out << "\nRun it, and again at each save:\n  hearth dev " << shown << " --env "
                 << arguments.language << "\nMake it live:\n  hearth deploy " << shown << " --env "
                 << arguments.language << " --route /" << name_from_path(shown) << '\n';
    return kDone;
}

}  // namespace

void add_new(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand("new", "A folder with a working function to begin with");
    auto a = std::make_shared<NewArguments>();
    command->add_option("language", a->language, "Language: a name of `hearth env list --offered`")
        ->type_name("LANG")
        ->required();
    command->add_option("folder", a->folder, "Folder to make (default: hello-LANG)")
        ->type_name("DIR");
    command->callback([&program, a] {
        program.action = [a](Context& context) { return make_starter(context, *a); };
    });
}

}  // namespace hearth::cli
