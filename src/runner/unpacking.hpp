#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runner/fault.hpp"
#include "runner/order.hpp"
#include "runner/tree_writer.hpp"

namespace hearth::runner {

/// Unpacks a tar as its bytes arrive: into a folder beside, which gets its name when all is there.
/// Dropped before finish() it leaves nothing behind.
class Unpacking {
 public:
    /// Into `userfunc`/`digest`. Errors: io, no_space.
    static Result<std::unique_ptr<Unpacking>> begin(const std::string& userfunc,
                                                    const std::string& digest, ArchiveBounds bounds,
                                                    TreeWriter::Access access);
    ~Unpacking();
    Unpacking(const Unpacking&) = delete;
    Unpacking& operator=(const Unpacking&) = delete;

    /// Errors: invalid_argument naming the entry that is refused, no_space, io. After one the
    /// object is of no more use.
    Result<void> feed(std::string_view bytes);
    /// Errors: as feed(), and for an archive that ends too early or holds nothing.
    Result<void> finish();

 private:
    struct State;
    explicit Unpacking(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace hearth::runner
