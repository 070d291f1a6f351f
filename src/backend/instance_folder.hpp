#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "hearth/base/result.hpp"

namespace hearth::backend {

/// The files of one instance on the machine: RUN/instances/<name>/{userfunc,sock} and, in memory
/// where the machine has a place for it, {secrets,configs}.
/// A value: it names the folder and does not own it. All calls block on the disk.
class InstanceFolder {
 public:
    InstanceFolder() = default;
    /// `owner` < 0: files stay the daemon's.
    /// `settings`: where secrets and configs are; empty: in `root`.
    InstanceFolder(std::filesystem::path root, long owner, std::filesystem::path settings = {})
        : root_(std::move(root)),
          settings_(settings.empty() ? root_ : std::move(settings)),
          owner_(owner) {}

    const std::filesystem::path& root() const { return root_; }
    std::filesystem::path userfunc() const { return root_ / "userfunc"; }
    std::filesystem::path secrets() const { return settings_ / "secrets"; }
    std::filesystem::path configs() const { return settings_ / "configs"; }
    std::filesystem::path sock() const { return root_ / "sock"; }

    /// With an empty folder for code of this name, because making one costs more than all the rest
    /// of put_code().
    Result<void> create(const std::string& code_name) const;
    /// Puts the code at userfunc/<name>: hard links where the file may be read by the instance's
    /// user, copies otherwise and across file systems. Errors: not_found, no_space, io.
    Result<void> put_code(const std::filesystem::path& code, const std::string& name) const;
    /// Read-only files of the daemon's; `below`, the instance's alone, is what keeps others out.
    /// Errors: invalid_argument for a path that leaves the folder; no_space; io.
    Result<void> put_files(const std::filesystem::path& below,
                           const std::map<std::string, std::string>& files) const;
    void remove() const;

 private:
    Result<void> give(const std::filesystem::path& path, unsigned mode) const;

    std::filesystem::path root_;
    std::filesystem::path settings_;
    long owner_ = -1;
};

/// Empties a run folder at start, keeping the files that belong to the daemon's clients.
Result<void> empty_run_folder(const std::filesystem::path& run_folder);

}  // namespace hearth::backend
