#include <boost/json.hpp>

#include <fstream>
#include <map>
#include <set>

#include "api/handlers.hpp"
#include "hearth/artifact/archive_store.hpp"

namespace hearth::api {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

/// A starter is a few files that a person is to read.
constexpr std::uint64_t kMostStarterBytes = 1u << 20;
constexpr std::size_t kMostStarterFiles = 200;

std::string_view state_of(backend::Probe::State state) {
    switch (state) {
        case backend::Probe::State::ok:
            return "ok";
        case backend::Probe::State::degraded:
            return "checking";
        case backend::Probe::State::missing:
            return "missing";
    }
    return "missing";
}

bool has_starter(const OfferedEnvironment& offer) {
    std::error_code ec;
    return !offer.starter.empty() && fs::is_directory(offer.starter, ec) &&
           !fs::is_empty(offer.starter, ec);
}

json::object to_json(const OfferedEnvironment& offer, const std::vector<backend::Probe>& probes) {
    json::object out;
    out["name"] = offer.name;
    out["image"] = offer.image;
    if (!offer.builder_image.empty()) out["builderImage"] = offer.builder_image;
    json::array extensions;
    for (const auto& extension : offer.extensions) extensions.push_back(json::value(extension));
    out["extensions"] = std::move(extensions);
    out["state"] = "ok";
    out["detail"] = "";
    for (const auto& probe : probes) {
        if (probe.name != offer.name) continue;
        out["state"] = state_of(probe.state);
        out["detail"] = probe.detail;
    }
    out["starter"] = has_starter(offer);
    return out;
}

Result<std::string> starter_tar(const fs::path& folder) {
    std::map<std::string, std::string> files;
    std::set<std::string> programs;
    std::uint64_t bytes = 0;
    std::error_code ec;
    for (fs::recursive_directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
        if (it->path().filename() == "__pycache__" || it->path().filename() == "node_modules")
            it.disable_recursion_pending();
        if (!it->is_regular_file(ec) || it->is_symlink(ec)) continue;
        std::ifstream in(it->path(), std::ios::binary);
        std::string text(std::istreambuf_iterator<char>(in), {});
        if (!in) return Error(Errc::io, it->path().string() + " cannot be read", {}, "api");
        bytes += text.size();
        if (bytes > kMostStarterBytes || files.size() >= kMostStarterFiles)
            return Error(Errc::too_large, folder.string() + " is too large for a starter", {},
                         "api");
        const auto name = it->path().lexically_relative(folder).generic_string();
        files[name] = std::move(text);
        if ((it->status(ec).permissions() & fs::perms::owner_exec) != fs::perms::none)
            programs.insert(name);
    }
    if (ec) return Error(Errc::io, folder.string() + " cannot be read: " + ec.message(), {}, "api");
    return artifact::tar_files(files, programs);
}

}  // namespace

Task<Reply> handle_list_offers(Context& context, Request& request) {
    auto look = [offers = context.options.environments,
                 probes = context.backend.probes()]() -> Result<json::array> {
        json::array items;
        for (const auto& offer : offers) items.push_back(to_json(offer, probes));
        return items;
    };
    auto items = co_await context.pool.run(std::move(look));
    if (!items) co_return problem(request.id, items.error());
    json::object body;
    body["kind"] = "AvailableEnvironmentList";
    body["items"] = std::move(*items);
    co_return json_reply(200, body);
}

Task<Reply> handle_get_starter(Context& context, Request& request) {
    std::string known;
    for (const auto& offer : context.options.environments) {
        known += (known.empty() ? "" : ", ") + offer.name;
        if (offer.name != request.name) continue;
        auto pack = [offer]() -> Result<std::string> {
            if (!has_starter(offer))
                return Error(Errc::not_found,
                             "the environment " + offer.name + " brings no starter", {}, "api");
            return starter_tar(offer.starter);
        };
        auto tar = co_await context.pool.run(std::move(pack));
        if (!tar) co_return problem(request.id, tar.error());
        co_return text_reply(200, std::move(*tar), "application/x-tar");
    }
    co_return problem(request.id, Error(Errc::not_found, "there is no environment " + request.name +
                                                             "; this daemon offers: " +
                                                             (known.empty() ? "none" : known)));
}

}  // namespace hearth::api
