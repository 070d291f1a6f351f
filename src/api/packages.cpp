#include "api/packages.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "hearth/artifact/archive_store.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/http/web_address.hpp"
#include "hearth/model/package_build.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

constexpr std::string_view kScheme = "archive://";
constexpr std::size_t kDigestLength = 64;

/// The digest of an archive given by archive://, or what is wrong with it.
Result<std::string> digest_of_url(const model::Archive& archive) {
    std::string digest = archive.url.substr(kScheme.size());
    for (char& c : digest) c = static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c);
    if (!is_digest(digest)) {
        return Error(
            Errc::invalid_argument,
            "archive://" + digest +
                " names an ArchiveUploadSpec of a spec folder; send the folder with "
                "`hearth apply -f`, or upload the archive and name it as archive://SHA256");
    }
    if (!archive.sha256.empty() && archive.sha256 != digest) {
        return Error(Errc::invalid_argument,
                     "the checksum is not the digest that the address names");
    }
    return digest;
}

/// Plain http can be altered on its way, so only a checksum tells that it was not.
void check_web_address(const Wanted& wanted, const std::string& path, const model::Archive& archive,
                       std::vector<model::Fault>& faults) {
    const auto address = http::WebAddress::parse(archive.url);
    if (!address) {
        faults.push_back(fault_at(wanted, path + ".url", address.error().message));
    } else if (!address->tls && archive.sha256.empty()) {
        faults.push_back(fault_at(wanted, path + ".url",
                                  "is plain http, which needs a checksum {type: sha256, sum: …}; "
                                  "give one or use https"));
    }
}

/// Rewrites one archive; the bytes it has, if known.
std::optional<std::uint64_t> rewrite(Wanted& wanted, std::string_view which,
                                     const model::Archive& archive,
                                     std::vector<PackedArchive>& packed,
                                     std::vector<model::Fault>& faults) {
    const std::string path = "spec." + std::string(which);
    std::string bytes;
    if (archive.type == model::Archive::Type::none) return std::nullopt;
    if (archive.type == model::Archive::Type::url && is_web_address(archive.url)) {
        check_web_address(wanted, path, archive, faults);
        return std::nullopt;
    }
    if (archive.type == model::Archive::Type::url) {
        auto digest = digest_of_url(archive);
        if (!digest) {
            faults.push_back(fault_at(wanted, path + ".url", digest.error().message));
            return std::nullopt;
        }
        wanted.resource.spec[which] = model::stored_archive(*digest);
        return std::nullopt;
    }
    if (archive.type == model::Archive::Type::files) {
        auto zip = artifact::pack_files(archive.files);
        if (!zip) {
            faults.push_back(fault_at(wanted, path + ".files", zip.error().message));
            return std::nullopt;
        }
        bytes = std::move(*zip);
    } else {
        bytes = archive.literal;
    }
    PackedArchive made;
    made.digest = base::sha256_hex(bytes);
    made.bytes = std::move(bytes);
    const auto size = made.bytes.size();
    wanted.resource.spec[which] = model::stored_archive(made.digest);
    packed.push_back(std::move(made));
    return size;
}

}  // namespace

std::vector<model::Fault> pack_archives(Wanted& package, std::vector<PackedArchive>& packed) {
    std::vector<model::Fault> faults;
    const auto spec = model::decode_package(package.resource);
    if (!spec) {
        faults.push_back(fault_at(package, "spec", spec.error().message));
        return faults;
    }
    const auto source = rewrite(package, "source", spec->source, packed, faults);
    const auto deployment = rewrite(package, "deployment", spec->deployment, packed, faults);
    package.resource.spec.erase("size");
    if (deployment) {
        package.resource.spec["size"] = static_cast<std::int64_t>(*deployment);
    } else if (source && spec->deployment.type == model::Archive::Type::none) {
        package.resource.spec["size"] = static_cast<std::int64_t>(*source);
    }
    return faults;
}

bool is_web_address(std::string_view url) {
    return url.starts_with("https://") || url.starts_with("http://");
}

std::optional<std::string> archive_digest(const json::object& spec, std::string_view which) {
    const auto* archive = spec.if_contains(which);
    if (archive == nullptr || !archive->is_object()) return std::nullopt;
    const auto* url = archive->get_object().if_contains("url");
    if (url == nullptr || !url->is_string()) return std::nullopt;
    const std::string_view text = url->get_string();
    if (!text.starts_with(kScheme) || !is_digest(text.substr(kScheme.size()))) return std::nullopt;
    return std::string(text.substr(kScheme.size()));
}

std::vector<std::string> named_archives(const catalog::Catalog& catalog, const std::string& ns) {
    std::vector<std::string> digests;
    catalog::ListQuery query;
    query.kind = model::Kind::package;
    query.ns = ns;
    for (const auto& record : catalog.list(query)) {
        // The text is searched, because reading ten thousand specs would hold up the event loop.
        const std::string_view text = record->spec_text;
        for (auto at = text.find(kScheme); at != std::string_view::npos;
             at = text.find(kScheme, at + 1)) {
            const auto digest = text.substr(at + kScheme.size(), kDigestLength);
            if (is_digest(digest)) digests.emplace_back(digest);
        }
    }
    std::sort(digests.begin(), digests.end());
    digests.erase(std::unique(digests.begin(), digests.end()), digests.end());
    return digests;
}

std::vector<ObjectKey> packages_naming(const catalog::Catalog& catalog, const std::string& ns,
                                       const std::string& digest) {
    std::vector<ObjectKey> users;
    catalog::ListQuery query;
    query.kind = model::Kind::package;
    query.ns = ns;
    for (const auto& record : catalog.list(query)) {
        if (record->spec_text.find(digest) != std::string::npos) users.push_back(key_of(*record));
    }
    return users;
}

}  // namespace hearth::api
