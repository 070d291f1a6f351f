#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "hearth/api/api.hpp"
#include "hearth/base/failpoint.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/base/time_text.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::api {
namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kSuffixBytes = 4;

/// Whether a token is there that administers everything now.
bool has_admin_token(const catalog::Catalog& catalog) {
    catalog::ListQuery query;
    query.kind = model::Kind::api_token;
    const auto now = std::chrono::system_clock::now();
    for (const auto& record : catalog.list(query)) {
        const auto spec = record->decode(model::decode_api_token);
        if (!spec || spec->role != model::ApiTokenSpec::Role::admin || !spec->all_namespaces)
            continue;
        if (spec->expires.empty()) return true;
        const auto expires = base::parse_rfc3339(spec->expires);
        if (expires && *expires > now) return true;
    }
    return false;
}

/// Writes the whole text to a new file only its owner may read.
Result<void> write_new(const std::filesystem::path& file, const std::string& text) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) return base::from_errno(errno, "making " + file.string());
    std::size_t done = 0;
    int failed = 0;
    while (done < text.size() && failed == 0) {
        const auto count = ::write(fd, text.data() + done, text.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) failed = errno;
        if (count > 0) done += static_cast<std::size_t>(count);
    }
    if (failed == 0 && ::fsync(fd) != 0) failed = errno;
    if (::close(fd) != 0 && failed == 0) failed = errno;
    if (failed != 0) return base::from_errno(failed, "writing " + file.string());
    return {};
}

/// Under a name beside it first, so that nobody ever reads half a token.
Result<void> write_private(const std::filesystem::path& file, const std::string& text) {
    std::error_code failed;
    std::filesystem::create_directories(file.parent_path(), failed);
    if (failed)
        return base::from_errno(failed.value(), "making the folder " + file.parent_path().string());
    const std::filesystem::path fresh = file.string() + "." + base::random_hex(kSuffixBytes);
    if (auto written = write_new(fresh, text); written.has_error()) {
        std::filesystem::remove(fresh, failed);
        return written.error();
    }
    std::filesystem::rename(fresh, file, failed);
    if (failed) return base::from_errno(failed.value(), "renaming to " + file.string());
    return {};
}

catalog::Mutation mutation_of(const catalog::Catalog& catalog, const std::string& token) {
    catalog::Mutation mutation;
    mutation.expected_revision = 0;
    auto& resource = mutation.resource;
    resource.kind = model::Kind::api_token;
    resource.metadata.name = "admin";
    // A present token of that name may still be in use elsewhere.
    if (catalog.find(resource.kind, resource.metadata.ns, resource.metadata.name)) {
        resource.metadata.name += "-" + base::random_hex(kSuffixBytes);
    }
    resource.spec["role"] = "admin";
    resource.spec["allNamespaces"] = true;
    resource.spec["sha256"] = base::sha256_hex(token);
    return mutation;
}

}  // namespace

Task<Result<void>> ensure_admin_token(catalog::Catalog& catalog, std::filesystem::path file) {
    std::error_code ignored;
    if (has_admin_token(catalog) && std::filesystem::exists(file, ignored))
        co_return Result<void>();
    const std::string token = "hearth_" + base::random_hex(kTokenBytes);
    // The file first: a token that only the catalog knows would be of no use to anybody.
    if (auto written = write_private(file, token + "\n"); written.has_error())
        co_return written.error();
    if (auto point = base::failpoint("api.admin_token"); point.has_error()) co_return point.error();
    std::vector<catalog::Mutation> mutations;
    mutations.push_back(mutation_of(catalog, token));
    const auto changes = co_await catalog.write(std::move(mutations));
    if (changes.has_error()) co_return changes.error();
    co_return Result<void>();
}

}  // namespace hearth::api
