#include "runner/unpacking.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <optional>

#include "runner/fibre.hpp"
#include "runner/safe_path.hpp"

namespace hearth::runner {

/// libarchive asks for input whenever it wants some; the fibre lets it wait for what feed() brings.
struct Unpacking::State {
    State(Fd parent, std::string aside, std::string name, Fd root, ArchiveBounds bounds,
          TreeWriter::Access access)
        : parent_(std::move(parent)),
          aside_(std::move(aside)),
          name_(std::move(name)),
          writer_(std::move(root), bounds, access),
          fibre_([this] { outcome_ = run(); }) {}
    ~State() {
        ending_ = Ending::given_up;
        fibre_.resume();
        if (!kept_) remove_tree(parent_.get(), aside_);
    }

    Result<void> feed(std::string_view bytes) {
        input_ = bytes;
        fed_ = true;
        fibre_.resume();
        // Past its end mark an archive may be padded.
        return fibre_.ended() ? *outcome_ : Result<void>();
    }

    Result<void> finish() {
        if (!fed_) return refused("the archive is empty");
        ending_ = Ending::complete;
        fibre_.resume();
        if (outcome_->has_error()) return *outcome_;
        if (writer_.empty()) return refused("the archive holds no files");
        if (auto sealed = writer_.seal(); sealed.has_error()) return sealed;
        if (::renameat(parent_.get(), aside_.c_str(), parent_.get(), name_.c_str()) != 0) {
            return from_errno(errno, "name the unpacked archive");
        }
        kept_ = true;
        return {};
    }

 private:
    enum class Ending { open, complete, given_up };

    static la_ssize_t pull(struct ::archive* reader, void* self, const void** bytes) {
        auto& state = *static_cast<State*>(self);
        if (state.input_.empty() && state.ending_ == Ending::open) state.fibre_.suspend();
        if (state.ending_ == Ending::given_up) {
            archive_set_error(reader, ECANCELED, "given up");
            return ARCHIVE_FATAL;
        }
        const std::string_view input = std::exchange(state.input_, {});
        *bytes = input.data();
        return static_cast<la_ssize_t>(input.size());
    }

    Result<void> run() {
        const std::unique_ptr<struct ::archive, int (*)(struct ::archive*)> reader(
            archive_read_new(), &archive_read_free);
        archive_read_support_filter_none(reader.get());
        archive_read_support_format_tar(reader.get());
        if (archive_read_open(reader.get(), this, nullptr, &pull, nullptr) != ARCHIVE_OK) {
            return broken(reader.get());
        }
        for (;;) {
            struct ::archive_entry* entry = nullptr;
            const int status = archive_read_next_header(reader.get(), &entry);
            if (status == ARCHIVE_EOF) return {};
            // A name that the C locale cannot show is a warning; its bytes are what counts here.
            if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return broken(reader.get());
            if (auto added = add(reader.get(), entry); added.has_error()) return added;
        }
    }

    Result<void> add(struct ::archive* reader, struct ::archive_entry* entry) {
        const char* path = archive_entry_pathname(entry);
        const std::string_view name = path == nullptr ? "" : path;
        const auto type = archive_entry_filetype(entry);
        if (archive_entry_hardlink(entry) != nullptr || type == AE_IFLNK) {
            return refused("entry " + shown(name) + " is a link; links are not unpacked");
        }
        if (type == AE_IFDIR) return writer_.add_folder(name);
        if (type != AE_IFREG) {
            return refused("entry " + shown(name) + " is a device, pipe or socket");
        }
        const auto size = archive_entry_size(entry);
        auto begun = writer_.begin_file(name, size < 0 ? ~0ull : static_cast<std::uint64_t>(size));
        if (begun.has_error()) return begun;
        if (auto copied = copy(reader, name); copied.has_error()) return copied;
        const bool executable = (archive_entry_perm(entry) & 0111) != 0;
        return writer_.end_file(executable ? TreeWriter::Mode::executable
                                           : TreeWriter::Mode::plain);
    }

    Result<void> copy(struct ::archive* reader, std::string_view name) {
        la_int64_t expected = 0;
        for (;;) {
            const void* bytes = nullptr;
            std::size_t count = 0;
            la_int64_t offset = 0;
            const int status = archive_read_data_block(reader, &bytes, &count, &offset);
            if (status == ARCHIVE_EOF) return {};
            if (status != ARCHIVE_OK) return broken(reader);
            if (offset != expected) return refused("entry " + shown(name) + " is a sparse file");
            expected += static_cast<la_int64_t>(count);
            auto written = writer_.append({static_cast<const char*>(bytes), count});
            if (written.has_error()) return written;
        }
    }

    static Fault broken(struct ::archive* reader) {
        const char* why = archive_error_string(reader);
        return refused(std::string("the archive is no intact tar: ") +
                       (why == nullptr ? "unknown" : why));
    }

    Fd parent_;
    std::string aside_, name_;
    bool kept_ = false;
    bool fed_ = false;
    std::string_view input_;
    Ending ending_ = Ending::open;
    std::optional<Result<void>> outcome_;
    TreeWriter writer_;
    Fibre fibre_;
};

Result<std::unique_ptr<Unpacking>> Unpacking::begin(const std::string& userfunc,
                                                    const std::string& digest, ArchiveBounds bounds,
                                                    TreeWriter::Access access) {
    auto parent = open_folder(userfunc);
    if (!parent) return parent.error();
    // Only one load runs at a time, so what bears this name is of one that was killed.
    const std::string aside = ".incoming-" + digest;
    remove_tree(parent->get(), aside);
    if (::mkdirat(parent->get(), aside.c_str(), 0700) != 0) {
        return from_errno(errno, "create a folder in " + userfunc);
    }
    Fd root(::openat(parent->get(), aside.c_str(), kOpenFolder));
    if (!root) return from_errno(errno, "open a folder in " + userfunc);
    auto state =
        std::make_unique<State>(std::move(*parent), aside, digest, std::move(root), bounds, access);
    return std::unique_ptr<Unpacking>(new Unpacking(std::move(state)));
}

Unpacking::Unpacking(std::unique_ptr<State> state) : state_(std::move(state)) {}
Unpacking::~Unpacking() = default;
Result<void> Unpacking::feed(std::string_view bytes) {
    return state_->feed(bytes);
}
Result<void> Unpacking::finish() {
    return state_->finish();
}

}  // namespace hearth::runner
