#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hearth/aio/task.hpp"
#include "hearth/base/result.hpp"

namespace hearth::catalog {

/// What a trigger remembers under one name.
struct LedgerRow {
    std::string trigger;    ///< uid of the trigger's object
    std::string item;       ///< what of it; free text, empty for the trigger itself
    std::int64_t mark = 0;  ///< only grows by claims
    std::string value;      ///< free text
    LedgerRow() = default;  // a constructor, so that g++ 12.2 handles it in coroutines
    LedgerRow(std::string t, std::string i, std::int64_t m, std::string v)
        : trigger(std::move(t)), item(std::move(i)), mark(m), value(std::move(v)) {}
    bool operator==(const LedgerRow&) const = default;
};

struct LedgerWrite {
    enum class Type {
        claim,   ///< only if `mark` is greater than the row's: it was not claimed before, by anybody
        put,     ///< the value, whatever is there; the mark only if it is greater
        reset,   ///< value and mark, whatever is there
        remove,
        forget,  ///< all rows of the trigger
    } type = Type::put;
    LedgerRow row;
    LedgerWrite() = default;
    LedgerWrite(Type t, LedgerRow r) : type(t), row(std::move(r)) {}
};

/// What triggers must not forget: which slot of a timer was fired, up to where a watch was told. Implementations:
/// MemoryLedger (tests), store's. Thread: any.
class TriggerLedger {
  public:
    virtual ~TriggerLedger() = default;
    /// All rows, in order of trigger and item. Errors: io, internal (damaged).
    virtual Task<Result<std::vector<LedgerRow>>> load() = 0;
    /// All of `writes` in order and at once, or none. Durable when it returns. One answer each: false for a claim of
    /// what was claimed before. Errors: io, no_space, exhausted, unavailable.
    virtual Task<Result<std::vector<bool>>> write(std::vector<LedgerWrite> writes) = 0;
};

/// The double for tests of other modules.
std::unique_ptr<TriggerLedger> make_memory_ledger();

}  // namespace hearth::catalog
