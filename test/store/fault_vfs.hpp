#pragma once

#include <sqlite3.h>

#include <atomic>
#include <cstring>
#include <string>

namespace hearth::test {

/// SQLite's own file layer with one operation that fails: the n-th write, sync, truncate, open or
/// growth of the shared index. While an object lives it is the process's default. One at a time.
class FaultVfs {
 public:
    enum class Lasting { once, from_then_on };

    FaultVfs() {
        real_ = sqlite3_vfs_find(nullptr);
        shim_ = *real_;
        shim_.zName = "fault";
        shim_.pAppData = this;
        shim_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
        shim_.xOpen = open;
        shim_.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync) {
            return self(vfs).real_->xDelete(self(vfs).real_, name, sync);
        };
        shim_.xAccess = [](sqlite3_vfs* vfs, const char* name, int flags, int* out) {
            return self(vfs).real_->xAccess(self(vfs).real_, name, flags, out);
        };
        shim_.xFullPathname = [](sqlite3_vfs* vfs, const char* name, int size, char* out) {
            return self(vfs).real_->xFullPathname(self(vfs).real_, name, size, out);
        };
        sqlite3_vfs_register(&shim_, 1);
    }
    ~FaultVfs() {
        sqlite3_vfs_unregister(&shim_);
        sqlite3_vfs_register(real_, 1);
    }
    FaultVfs(const FaultVfs&) = delete;
    FaultVfs& operator=(const FaultVfs&) = delete;

    /// The `n`-th operation from now (1: the next) gives `code`; a failing write may write half of
    /// its bytes first.
    void arm(int n, int code, Lasting lasting) {
        code_ = code;
        lasting_ = lasting;
        happened_ = false;
        left_ = n;
    }
    void disarm() { left_ = 0; }
    bool happened() const { return happened_; }

 private:
    struct File {
        sqlite3_file base;
        FaultVfs* owner;
        sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    };
    static FaultVfs& self(sqlite3_vfs* vfs) { return *static_cast<FaultVfs*>(vfs->pAppData); }
    static File* of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
    static sqlite3_file* real(sqlite3_file* file) { return of(file)->real(); }
    static const sqlite3_io_methods* methods(sqlite3_file* file) { return real(file)->pMethods; }

    /// The code of the operation that is to fail now, else 0.
    int fault() {
        if (left_ == 0) return 0;
        if (left_ > 1) {
            --left_;
            return 0;
        }
        happened_ = true;
        if (lasting_ == Lasting::once) left_ = 0;
        return code_;
    }

    static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
        FaultVfs& shim = self(vfs);
        std::memset(file, 0, sizeof(File));
        if (shim.fault() != 0) return SQLITE_CANTOPEN;
        of(file)->owner = &shim;
        const int code = shim.real_->xOpen(shim.real_, name, real(file), flags, out);
        if (real(file)->pMethods != nullptr) file->pMethods = io_methods();
        return code;
    }

    static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 at) {
        if (const int code = of(file)->owner->fault()) {
            methods(file)->xWrite(real(file), bytes, count / 2, at);
            return code;
        }
        return methods(file)->xWrite(real(file), bytes, count, at);
    }
    static int truncate(sqlite3_file* file, sqlite3_int64 size) {
        const int code = of(file)->owner->fault();
        return code != 0 ? SQLITE_IOERR_TRUNCATE : methods(file)->xTruncate(real(file), size);
    }
    static int sync(sqlite3_file* file, int flags) {
        const int code = of(file)->owner->fault();
        return code != 0 ? SQLITE_IOERR_FSYNC : methods(file)->xSync(real(file), flags);
    }
    static int shm_map(sqlite3_file* file, int page, int size, int grow, volatile void** out) {
        if (grow != 0 && of(file)->owner->fault() != 0) return SQLITE_IOERR_SHMSIZE;
        return methods(file)->xShmMap(real(file), page, size, grow, out);
    }

    static const sqlite3_io_methods* io_methods() {
        static const sqlite3_io_methods kMethods = {
            2,
            [](sqlite3_file* f) { return methods(f)->xClose(real(f)); },
            [](sqlite3_file* f, void* bytes, int count, sqlite3_int64 at) {
                return methods(f)->xRead(real(f), bytes, count, at);
            },
            write,
            truncate,
            sync,
            [](sqlite3_file* f, sqlite3_int64* out) { return methods(f)->xFileSize(real(f), out); },
            [](sqlite3_file* f, int lock) { return methods(f)->xLock(real(f), lock); },
            [](sqlite3_file* f, int lock) { return methods(f)->xUnlock(real(f), lock); },
            [](sqlite3_file* f, int* out) { return methods(f)->xCheckReservedLock(real(f), out); },
            [](sqlite3_file* f, int op, void* arg) {
                return methods(f)->xFileControl(real(f), op, arg);
            },
            [](sqlite3_file* f) { return methods(f)->xSectorSize(real(f)); },
            [](sqlite3_file* f) { return methods(f)->xDeviceCharacteristics(real(f)); },
            shm_map,
            [](sqlite3_file* f, int offset, int count, int flags) {
                return methods(f)->xShmLock(real(f), offset, count, flags);
            },
            [](sqlite3_file* f) { methods(f)->xShmBarrier(real(f)); },
            [](sqlite3_file* f, int remove) { return methods(f)->xShmUnmap(real(f), remove); },
            nullptr,
            nullptr,
        };
        return &kMethods;
    }

    sqlite3_vfs* real_ = nullptr;
    sqlite3_vfs shim_{};
    std::atomic<int> left_{0};
    std::atomic<bool> happened_{false};
    int code_ = SQLITE_IOERR_WRITE;
    Lasting lasting_ = Lasting::once;
};

}  // namespace hearth::test
