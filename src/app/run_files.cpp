#include "app/run_files.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "hearth/base/ids.hpp"

namespace hearth::app {
namespace fs = std::filesystem;

Result<void> prepare_data_folder(const fs::path& data) {
    for (const fs::path& folder : {data, data / "run", data / "logs"}) {
        std::error_code ec;
        fs::create_directories(folder, ec);
        if (ec) {
            return Error(Errc::io, "cannot create " + folder.string() + ": " + ec.message() +
                                       "; choose another folder with --data");
        }
    }
    std::error_code ec;
    fs::permissions(data, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec,
                    ec);
    if (ec) return Error(Errc::io, "cannot set the mode of " + data.string() + ": " + ec.message());
    return {};
}

Result<std::string> shared_key(const fs::path& data) {
    constexpr std::size_t kBytes = 32;
    const fs::path file = data / "replica-key";
    const fs::path fresh = file.string() + "." + base::random_hex(4);
    const auto key = base::random_hex(kBytes);
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return base::from_errno(errno, "cannot create " + fresh.string());
    const bool whole = ::write(fd, key.data(), key.size()) == static_cast<ssize_t>(key.size());
    ::close(fd);
    // Of replicas that start at once one makes it, and the others find it whole.
    const bool made = whole && ::link(fresh.c_str(), file.c_str()) == 0;
    const int failed = errno;
    ::unlink(fresh.c_str());
    if (made) return key;
    std::string found(2 * kBytes, '\0');
    std::ifstream in(file, std::ios::binary);
    if (in.read(found.data(), static_cast<std::streamsize>(found.size()))) return found;
    return base::from_errno(failed, "cannot read or make " + file.string());
}

Result<void> write_endpoints(const fs::path& data, const std::string& gateway,
                             const std::string& api) {
    const fs::path file = data / "run" / "endpoints.json";
    const fs::path fresh = data / "run" / "endpoints.json.new";
    boost::json::object endpoints;
    endpoints["gateway"] = gateway;
    endpoints["api"] = api;
    {
        std::ofstream out(fresh, std::ios::trunc);
        out << boost::json::serialize(endpoints) << "\n";
        if (!out.flush()) return base::from_errno(errno, "cannot write " + fresh.string());
    }
    std::error_code ec;
    fs::rename(fresh, file, ec);
    if (ec) return Error(Errc::io, "cannot write " + file.string() + ": " + ec.message());
    return {};
}

fs::path find_environments_folder(const fs::path& configured) {
    if (!configured.empty()) return configured;
    std::error_code ec;
    const fs::path folder = fs::read_symlink("/proc/self/exe", ec).parent_path();
    for (const fs::path& candidate :
         {folder / "../../env-images", folder / "../share/hearth/env-images",
          fs::path("/usr/share/hearth/env-images")}) {
        if (fs::is_directory(candidate, ec)) return fs::canonical(candidate, ec);
    }
    return "/usr/share/hearth/env-images";
}

}  // namespace hearth::app
