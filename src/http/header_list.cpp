#include <algorithm>
#include <array>

#include "hearth/http/message.hpp"
#include "http/ascii.hpp"

namespace hearth::http {
namespace {

constexpr std::array<std::uint8_t, 256> kBreaksLine = [] {
    std::array<std::uint8_t, 256> table{};
    table['\0'] = table['\r'] = table['\n'] = 1;
    return table;
}();

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] != b[i] && to_lower(a[i]) != to_lower(b[i])) return false;
    }
    return true;
}

bool HeaderList::add(std::string_view name, std::string_view value) {
    // Without a branch per byte: nearly all fields are usable.
    unsigned wrong = name.empty() ? 1 : 0;
    for (const char c : name) wrong |= is_token_char(c) ? 0u : 1u;
    for (const char c : value) wrong |= kBreaksLine[static_cast<unsigned char>(c)];
    if (wrong != 0) return false;
    const auto offset = static_cast<std::uint32_t>(text_.size());
    const auto name_length = static_cast<std::uint32_t>(name.size());
    const auto value_length = static_cast<std::uint32_t>(value.size());
    // A view into this very list would be invalidated while it is being appended.
    if (text_.capacity() - text_.size() < name.size() + value.size()) {
        std::string grown;
        grown.reserve((text_.size() + name.size() + value.size()) * 2);
        grown.append(text_).append(name).append(value);
        text_ = std::move(grown);
    } else {
        text_.append(name).append(value);
    }
    entries_.push_back(Entry{offset, name_length, offset + name_length, value_length});
    return true;
}

bool HeaderList::set(std::string_view name, std::string_view value) {
    const auto before = entries_.size();
    if (!add(name, value)) return false;
    for (std::size_t i = before; i-- > 0;) {
        if (same_name(at(i).name, name)) {
            entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
    return true;
}

void HeaderList::remove(std::string_view name) {
    const auto gone = [&](const Entry& e) {
        return same_name(std::string_view(text_).substr(e.name_offset, e.name_length), name);
    };
    entries_.erase(std::remove_if(entries_.begin(), entries_.end(), gone), entries_.end());
}

std::optional<std::string_view> HeaderList::find(std::string_view name) const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (entries_[i].name_length != name.size()) continue;
        const View view = at(i);
        if (same_name(view.name, name)) return view.value;
    }
    return std::nullopt;
}

std::size_t HeaderList::count(std::string_view name) const {
    std::size_t n = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) n += same_name(at(i).name, name) ? 1 : 0;
    return n;
}

HeaderList::View HeaderList::at(std::size_t index) const {
    const Entry& e = entries_[index];
    const char* text = text_.data();
    return View{std::string_view(text + e.name_offset, e.name_length),
                std::string_view(text + e.value_offset, e.value_length)};
}

void HeaderList::clear() {
    text_.clear();
    entries_.clear();
}

std::string_view RequestHead::path() const {
    return std::string_view(target).substr(0, target.find('?'));
}

std::string_view RequestHead::query() const {
    const auto mark = target.find('?');
    return mark == std::string::npos ? std::string_view()
                                     : std::string_view(target).substr(mark + 1);
}

}  // namespace hearth::http
