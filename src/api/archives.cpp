#include <boost/json.hpp>

#include <fstream>
#include <set>

#include "api/handlers.hpp"
#include "api/packages.hpp"
#include "hearth/base/quantity.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::uint64_t kMostShownText = 1u << 20;
constexpr auto kTurnTime = std::chrono::seconds(30);

json::object to_json(const artifact::ArchiveInfo& info, base::WallTime created) {
    json::object out;
    out["digest"] = info.digest;
    out["bytes"] = info.bytes;
    out["created"] = base::to_rfc3339(created);
    return out;
}

json::object to_json(const artifact::ArchiveInfo& info) {
    return to_json(info, base::WallTime(std::chrono::seconds(info.created_unix)));
}

/// A namespace's token sees the archives of that namespace's packages only.
bool may_read(const Context& context, const Request& request, const std::string& digest) {
    const auto scope = request.access.scope();
    return scope.empty() || !packages_naming(context.catalog, scope, digest).empty();
}

Error missing(const std::string& digest) {
    return Error(Errc::not_found, "there is no archive " + digest, {}, "api");
}

/// Why no archive may be removed now, if so.
std::optional<Error> damaged_package(const catalog::Catalog& catalog) {
    catalog::ListQuery query;
    query.kind = model::Kind::package;
    for (const auto& record : catalog.list(query)) {
        if (record->damage) return record->load().error();
    }
    const auto lost = catalog.lost_rows();
    if (lost.empty()) return std::nullopt;
    return Error(Errc::internal, lost.front(), {}, "store");
}

/// All of `users` that the caller may see by name, bounded, and how many others there are.
std::string seen_users(const Access& access, const std::vector<ObjectKey>& users) {
    std::vector<ObjectKey> seen;
    for (const auto& user : users) {
        if (access.sees(user.ns)) seen.push_back(user);
    }
    const auto hidden = users.size() - seen.size();
    std::string text = list_of(seen);
    if (hidden == 0) return text;
    if (!text.empty()) text += " and ";
    return text + (hidden == 1 ? "a package of another namespace"
                               : std::to_string(hidden) + " packages of other namespaces");
}

Error not_a_digest() {
    return Error(Errc::invalid_argument,
                 "an archive is named by its SHA-256: 64 lower-case hexadecimal digits", {}, "api");
}

/// The next bytes of an open file, read on the blocking pool.
Task<Result<std::string>> read_piece(Context& context, std::shared_ptr<std::ifstream> file) {
    auto work = [file]() -> Result<std::string> {
        std::string bytes(kPiece, '\0');
        file->read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        if (file->bad()) return Error(Errc::io, "reading the archive failed", {}, "artifact");
        bytes.resize(static_cast<std::size_t>(file->gcount()));
        return bytes;
    };
    co_return co_await context.pool.run(std::move(work));
}

/// Streams a file of known length.
Task<Result<void>> send_file(Context& context, Request& request, std::filesystem::path path,
                             artifact::ArchiveInfo info) {
    auto open = [path]() -> Result<std::shared_ptr<std::ifstream>> {
        auto file = std::make_shared<std::ifstream>(path, std::ios::binary);
        if (!*file)
            return Error(Errc::not_found, "the archive was removed meanwhile", {}, "artifact");
        return file;
    };
    auto file = co_await context.pool.run(std::move(open));
    if (!file) co_return file.error();
    http::ResponseHead head;
    head.headers.set("Content-Type", "application/octet-stream");
    head.headers.set("ETag", "\"" + info.digest + "\"");
    head.headers.set("Content-Disposition", "attachment; filename=\"" + info.digest + "\"");
    head.headers.set("X-Content-Type-Options", "nosniff");
    head.headers.set("X-Request-Id", request.id);
    auto started = co_await request.exchange.start_response(std::move(head), info.bytes);
    if (started.has_error()) co_return started.error();
    std::uint64_t left = info.bytes;
    while (left > 0) {
        auto piece = co_await read_piece(context, *file);
        if (!piece) co_return piece.error();
        if (piece->empty())
            co_return Error(Errc::io, "the archive is shorter than its size", {}, "artifact");
        const std::string bytes = std::move(*piece);
        auto written = co_await request.exchange.write_body(bytes);
        if (written.has_error()) co_return written.error();
        left -= std::min<std::uint64_t>(left, bytes.size());
    }
    co_return co_await request.exchange.finish_response();
}

}  // namespace

Task<Reply> handle_upload(Context& context, Request& request) {
    const auto allowed = request.access.authorise_archives(Role::deploy);
    if (!allowed) co_return problem(request.id, allowed.error());
    const std::string expected = request.query("digest").value_or("");
    if (!expected.empty() && !is_digest(expected)) co_return problem(request.id, not_a_digest());
    request.exchange.set_max_body(context.options.max_archive_bytes);
    auto begun = co_await context.archives.begin_upload();
    if (!begun) co_return problem(request.id, begun.error());
    auto upload = std::move(*begun);
    std::string buffer(kPiece, '\0');
    std::uint64_t total = 0;
    for (;;) {
        const std::span<char> space(buffer.data(), buffer.size());
        const auto got = co_await request.exchange.read_body(space);
        if (!got) co_return problem(request.id, got.error());
        if (*got == 0) break;
        total += *got;
        const std::span<const char> bytes(buffer.data(), *got);
        const auto written = co_await upload->write(bytes);
        if (written.has_error()) co_return problem(request.id, written.error());
    }
    if (total == 0) {
        co_return problem(request.id, Error(Errc::invalid_argument,
                                            "the body is empty: send the archive's bytes"));
    }
    const auto info = co_await upload->finish(expected);
    if (info.has_error()) {
        co_return problem(request.id, info.error(),
                          info.error().code == Errc::invalid_argument ? 422 : 0);
    }
    request.audit_object = "Archive " + info->digest;
    Reply reply = json_reply(201, to_json(*info));
    reply.head.headers.set("Location", "/api/v1/archives/" + info->digest);
    co_return reply;
}

Task<Reply> handle_list_archives(Context& context, Request& request) {
    const auto all = co_await context.archives.list();
    if (!all) co_return problem(request.id, all.error());
    const auto scope = request.access.scope();
    const auto own = named_archives(context.catalog, scope);
    const std::set<std::string> named(own.begin(), own.end());
    json::array items;
    for (const auto& info : *all) {
        const bool used = named.contains(info.digest);
        if (!scope.empty() && !used) continue;
        auto item = to_json(info);
        item["named"] = used;
        items.push_back(std::move(item));
    }
    json::object body;
    body["kind"] = "ArchiveList";
    body["items"] = std::move(items);
    co_return json_reply(200, body);
}

Task<Reply> handle_get_archive(Context& context, Request& request) {
    if (!is_digest(request.digest)) co_return problem(request.id, not_a_digest());
    if (!may_read(context, request, request.digest))
        co_return problem(request.id, missing(request.digest));
    const auto info = co_await context.archives.info(request.digest);
    if (info.has_error()) co_return problem(request.id, info.error());
    const auto path = co_await context.archives.packed_path(request.digest);
    if (path.has_error()) co_return problem(request.id, path.error());
    if (request.exchange.request().method == "HEAD") {
        http::ResponseHead head;
        head.headers.set("Content-Type", "application/octet-stream");
        head.headers.set("ETag", "\"" + info->digest + "\"");
        head.headers.set("X-Request-Id", request.id);
        const auto started = co_await request.exchange.start_response(std::move(head), info->bytes);
        if (!started.has_error()) {
            const auto finished = co_await request.exchange.finish_response();
            if (finished.has_error()) request.exchange.close_after();
        }
        co_return sent_reply();
    }
    std::filesystem::path file = *path;
    artifact::ArchiveInfo known = *info;
    const auto sent = co_await send_file(context, request, std::move(file), std::move(known));
    if (!sent.has_error()) co_return sent_reply();
    if (!request.exchange.response_started()) co_return problem(request.id, sent.error());
    request.exchange.close_after();
    co_return sent_reply();
}

Task<Result<std::size_t>> collect_unnamed(Context& context, Authorised<ArchiveWrite> proof,
                                          std::int64_t min_age_seconds) {
    static_cast<void>(proof);
    auto hold = co_await context.gate.enter(WriteGate::Mode::exclusive, Deadline::after(kTurnTime));
    if (!hold) co_return hold.error();
    // What a damaged package names is unknown, and its archive may be what it is repaired with.
    if (auto unknown = damaged_package(context.catalog)) co_return std::move(*unknown);
    auto digests = named_archives(context.catalog, "");
    std::set<std::string> named(digests.begin(), digests.end());
    const auto removed = co_await context.archives.collect(std::move(named), min_age_seconds);
    if (!removed) co_return removed.error();
    co_return removed->size();
}

Task<Reply> handle_delete_archive(Context& context, Request& request) {
    if (!is_digest(request.digest)) co_return problem(request.id, not_a_digest());
    const auto allowed = request.access.authorise_archives(Role::deploy);
    if (!allowed) co_return problem(request.id, allowed.error());
    request.audit_object = "Archive " + request.digest;
    if (!may_read(context, request, request.digest))
        co_return problem(request.id, missing(request.digest));
    const auto info = co_await context.archives.info(request.digest);
    if (info.has_error()) co_return problem(request.id, info.error());
    auto hold = co_await context.gate.enter(WriteGate::Mode::exclusive, Deadline::after(kTurnTime));
    if (!hold) co_return problem(request.id, hold.error());
    const auto users = packages_naming(context.catalog, "", request.digest);
    if (!users.empty()) {
        co_return problem(request.id, Error(Errc::conflict, "the archive is named by " +
                                                                seen_users(request.access, users) +
                                                                ": delete or change them first"));
    }
    if (auto unknown = damaged_package(context.catalog)) co_return problem(request.id, *unknown);
    const auto all = co_await context.archives.list();
    if (!all) co_return problem(request.id, all.error());
    std::set<std::string> kept;
    for (const auto& each : *all) kept.insert(each.digest);
    kept.erase(request.digest);
    const auto removed = co_await context.archives.collect(std::move(kept), 0);
    if (!removed) co_return problem(request.id, removed.error());
    json::object body;
    body["removed"] = removed->size();
    co_return json_reply(200, body);
}

Task<Reply> handle_collect(Context& context, Request& request) {
    std::int64_t min_age_ms = 0;
    if (const auto text = request.query("minAge")) {
        const auto parsed = base::parse_duration_ms(*text);
        if (!parsed) co_return problem(request.id, parsed.error());
        min_age_ms = *parsed;
    }
    auto allowed = request.access.authorise_archives(Role::admin);
    if (!allowed) co_return problem(request.id, allowed.error());
    auto proof = std::move(*allowed);
    const auto removed = co_await collect_unnamed(context, std::move(proof), min_age_ms / 1000);
    if (!removed) co_return problem(request.id, removed.error());
    request.audit_object = std::to_string(*removed) + " archives";
    json::object body;
    body["removed"] = *removed;
    co_return json_reply(200, body);
}

Task<Reply> handle_package_files(Context& context, Request& request) {
    const ObjectKey key{model::Kind::package, request.ns, request.name};
    const auto record = context.catalog.find(key.kind, key.ns, key.name);
    if (!record)
        co_return problem(request.id, Error(Errc::not_found, "there is no " + to_string(key)));
    const auto package = record->load();
    if (!package) co_return problem(request.id, package.error());
    const auto& spec = package->spec;
    const auto which = request.query("archive").value_or("");
    if (!which.empty() && which != "source" && which != "deployment") {
        co_return problem(request.id, Error(Errc::invalid_argument,
                                            "archive must be source or deployment", {}, "api"));
    }
    std::optional<std::string> digest;
    if (which != "source") digest = archive_digest(spec, "deployment");
    if (!digest && which != "deployment") digest = archive_digest(spec, "source");
    if (!digest)
        co_return problem(request.id, Error(Errc::not_found, to_string(key) + " has no archive"));
    const auto path = co_await context.archives.packed_path(*digest);
    if (path.has_error()) co_return problem(request.id, path.error());
    std::filesystem::path file = *path;
    auto read = [file]() -> Result<std::map<std::string, std::string>> {
        return artifact::read_files(file, kMostShownText);
    };
    const auto files = co_await context.pool.run(std::move(read));
    if (!files) {
        co_return problem(request.id, files.error(),
                          files.error().code == Errc::invalid_argument ? 422 : 0);
    }
    json::object texts;
    std::uint64_t total = 0;
    for (const auto& [name, text] : *files) {
        total += text.size();
        texts[name] = text;
    }
    json::object body;
    body["digest"] = *digest;
    body["truncated"] = total >= kMostShownText;
    body["files"] = std::move(texts);
    co_return json_reply(200, body);
}

}  // namespace hearth::api
