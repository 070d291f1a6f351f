#pragma once

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace hearth::test {

/// One ustar entry as bytes, whatever its name and type are worth.
struct TarEntry {
    std::string name;
    std::string content;
    char type = '0';
    std::string link;
    unsigned mode = 0644;
    long long claimed_size = -1;  ///< -1: the content's

    std::string bytes() const {
        char head[512] = {};
        std::snprintf(head, 100, "%s", name.c_str());
        std::snprintf(head + 100, 8, "%07o", mode);
        std::snprintf(head + 108, 8, "%07o", 0);
        std::snprintf(head + 116, 8, "%07o", 0);
        const long long size =
            claimed_size < 0 ? static_cast<long long>(content.size()) : claimed_size;
        std::snprintf(head + 124, 12, "%011llo", size);
        std::snprintf(head + 136, 12, "%011o", 0);
        head[156] = type;
        std::snprintf(head + 157, 100, "%s", link.c_str());
        std::memcpy(head + 257, "ustar\00000", 8);
        std::memset(head + 148, ' ', 8);
        unsigned sum = 0;
        for (const char c : head) sum += static_cast<unsigned char>(c);
        std::snprintf(head + 148, 8, "%06o", sum);
        std::string out(head, sizeof head);
        out += content;
        out.append((512 - content.size() % 512) % 512, '\0');
        return out;
    }
};

/// A whole archive of the entries.
template <class... Entries>
std::string tar(const Entries&... entries) {
    return (entries.bytes() + ... + std::string(1024, '\0'));
}

inline TarEntry file(std::string name, std::string content) {
    TarEntry entry;
    entry.name = std::move(name);
    entry.content = std::move(content);
    return entry;
}

}  // namespace hearth::test
