#include "api/admin_page.hpp"

#include <boost/beast/zlib/inflate_stream.hpp>

#include <algorithm>

#include "api/handlers.hpp"

namespace hearth::api {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a gzip file without optional fields has around its deflate stream (RFC 1952 section 2.3).
constexpr std::size_t kGzipHead = 10, kGzipTail = 8;

std::string unpacked(const AdminFile& file) {
    namespace zlib = boost::beast::zlib;
    std::string out(file.bytes, '\0');
    zlib::z_params params;
    params.next_in = file.gzip.data() + kGzipHead;
    params.avail_in = file.gzip.size() - kGzipHead - kGzipTail;
    params.next_out = out.data();
    params.avail_out = out.size();
    zlib::inflate_stream inflate;
    boost::system::error_code ec;
    inflate.write(params, zlib::Flush::finish, ec);
    out.resize(params.total_out);
    return out;
}

/// Whether an Accept-Encoding header allows gzip (RFC 9110 section 12.5.3).
bool takes_gzip(std::string_view header) {
    while (!header.empty()) {
        const auto comma = header.find(',');
        auto item = header.substr(0, comma);
        header = comma == std::string_view::npos ? std::string_view() : header.substr(comma + 1);
        std::string word;
        for (const char c : item) {
            if (c != ' ' && c != '\t') word += c;
        }
        const auto coding = std::string_view(word).substr(0, word.find(';'));
        const auto weight = word.find(";q=0");
        const bool refused = weight != std::string::npos &&
                             word.find_first_not_of("0.", weight + 3) == std::string::npos;
        if (http::same_name(coding, "gzip") || coding == "*") return !refused;
    }
    return false;
}

Reply moved(std::string_view to) {
    Reply reply = text_reply(302, "", "text/plain; charset=utf-8");
    reply.head.headers.set("Location", to);
    return reply;
}

bool names_tag(std::string_view list, std::string_view tag) {
    return list == "*" || list.find(tag) != std::string_view::npos;
}

}  // namespace

Task<Reply> handle_admin_page(Context&, Request& request) {
    if (request.rest.empty()) co_return moved("/admin/");
    const std::string_view name =
        request.rest == "/" ? "index.html" : std::string_view(request.rest).substr(1);
    const auto files = admin_files();
    const auto file = std::find_if(files.begin(), files.end(),
                                   [name](const AdminFile& one) { return one.name == name; });
    if (file == files.end()) {
        co_return problem(
            request.id,
            Error(Errc::not_found, "the admin page has no such file; it is at /admin/", {}, "api"));
    }
    Reply reply;
    auto& headers = reply.head.headers;
    headers.set("ETag", file->etag);
    headers.set("Vary", "Accept-Encoding");
    headers.set("Cache-Control", file->hashed ? "public, max-age=31536000, immutable" : "no-cache");
    headers.set("Content-Security-Policy", kPolicy);
    headers.set("Cross-Origin-Opener-Policy", "same-origin");
    headers.set("Cross-Origin-Resource-Policy", "same-origin");
    if (names_tag(request.header("If-None-Match").value_or(""), file->etag)) {
        reply.head.status = 304;
        co_return reply;
    }
    headers.set("Content-Type", file->media);
    if (takes_gzip(request.header("Accept-Encoding").value_or(""))) {
        headers.set("Content-Encoding", "gzip");
        reply.body = file->gzip;
    } else {
        reply.body = unpacked(*file);
    }
    co_return reply;
}

}  // namespace hearth::api
