#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runner/fault.hpp"
#include "runner/fd.hpp"
#include "runner/order.hpp"

namespace hearth::runner {

/// Makes files and folders below one fresh folder, component by component: it makes no link and
/// follows none, so nothing lands outside.
class TreeWriter {
 public:
    /// What everything it makes is in the end: code is never changed, the source of a build may be.
    enum class Access { read_only, writable };
    TreeWriter(Fd root, ArchiveBounds bounds, Access access)
        : root_(std::move(root)), bounds_(bounds), access_(access) {}

    /// Errors of all: invalid_argument naming the entry, no_space, io.
    Result<void> add_folder(std::string_view name);
    /// Its bytes follow through append().
    Result<void> begin_file(std::string_view name, std::uint64_t declared_bytes);
    Result<void> append(std::string_view bytes);
    enum class Mode { plain, executable };
    Result<void> end_file(Mode mode);
    /// Gives all folders their final mode.
    Result<void> seal();
    bool empty() const { return files_ == 0; }

 private:
    Result<void> open_parents(const std::vector<std::string>& parts);
    Result<Fd> descend(int parent, const std::string& part);
    Result<void> count_node();
    Result<void> check_room(std::uint64_t more) const;
    Fault refuse(std::string_view why) const;

    Fd root_;
    ArchiveBounds bounds_;
    Access access_;
    Fd folder_;  ///< the open folder `at_`: entries mostly come folder by folder
    std::vector<std::string> at_;
    std::vector<std::vector<std::string>> made_;
    Fd file_;
    std::string name_;  ///< of the present entry, quoted
    std::uint64_t bytes_ = 0;
    std::uint64_t nodes_ = 0;
    std::uint64_t files_ = 0;
};

}  // namespace hearth::runner
