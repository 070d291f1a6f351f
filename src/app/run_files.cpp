#include "app/run_files.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <cerrno>
#include <fstream>

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
