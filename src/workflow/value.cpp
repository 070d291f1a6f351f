#include "workflow/value.hpp"

#include "hearth/base/ids.hpp"

namespace hearth::workflow {

std::string ValueBook::read(const Value& value) {
    if (!value.outside()) return value.text;
    if (const auto found = fresh_.find(value.digest); found != fresh_.end()) return found->second;
    return source_.load(value.digest);
}

Value ValueBook::make(std::string text) {
    if (text.size() < outside_from_) return Value(std::move(text));
    Value value;
    value.digest = base::sha256_hex(text);
    value.bytes = text.size();
    if (fresh_.emplace(value.digest, std::move(text)).second) order_.push_back(value.digest);
    return value;
}

std::vector<catalog::RunValue> ValueBook::take() {
    std::vector<catalog::RunValue> made;
    for (auto& digest : order_) made.emplace_back(digest, std::move(fresh_[digest]));
    fresh_.clear();
    order_.clear();
    return made;
}

}  // namespace hearth::workflow
