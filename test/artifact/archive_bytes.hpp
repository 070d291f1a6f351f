#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

/// Archives made byte by byte, so that they can say what no packer would.
namespace hearth::test {

inline void put_octal(std::string& header, std::size_t at, std::size_t width, std::uint64_t value) {
    for (std::size_t i = width - 1; i-- > 0;) {
        header[at + i] = static_cast<char>('0' + (value & 7));
        value >>= 3;
    }
}

struct TarEntry {
    std::string name{};
    std::string data{};
    char type = '0';
    std::string link{};
    unsigned mode = 0644;
    std::int64_t claimed_size = -1;  ///< -1: as it is
    bool negative_size = false;
};

inline std::string tar_entry(const TarEntry& entry) {
    std::string header(512, '\0');
    header.replace(0, std::min<std::size_t>(entry.name.size(), 100), entry.name.substr(0, 100));
    put_octal(header, 100, 8, entry.mode);
    put_octal(header, 108, 8, 0);
    put_octal(header, 116, 8, 0);
    const std::uint64_t size =
        entry.claimed_size < 0 ? entry.data.size() : static_cast<std::uint64_t>(entry.claimed_size);
    put_octal(header, 124, 12, size);
    if (entry.negative_size) header.replace(124, 12, std::string(12, '\xff'));
    put_octal(header, 136, 12, 0);
    header.replace(148, 8, 8, ' ');
    header[156] = entry.type;
    header.replace(157, std::min<std::size_t>(entry.link.size(), 100), entry.link.substr(0, 100));
    header.replace(257, 8,
                   std::string("ustar\0"
                               "00",
                               8));
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put_octal(header, 148, 7, sum);
    header[155] = ' ';
    std::string out = header + entry.data;
    out.resize((out.size() + 511) / 512 * 512, '\0');
    return out;
}

/// A GNU long name before the entry where it does not fit.
inline std::string tar(const std::vector<TarEntry>& entries) {
    std::string out;
    for (const TarEntry& entry : entries) {
        if (entry.name.size() > 100) {
            TarEntry name;
            name.name = "././@LongLink";
            name.type = 'L';
            name.data = entry.name + '\0';
            out += tar_entry(name);
        }
        out += tar_entry(entry);
    }
    return out + std::string(1024, '\0');
}

/// A pax header record, "LENGTH key=value\n", before the next entry.
inline TarEntry pax(const std::string& key, const std::string& value) {
    const std::string body = " " + key + "=" + value + "\n";
    std::size_t length = body.size() + 1;
    while (std::to_string(length).size() + body.size() != length) ++length;
    TarEntry entry;
    entry.name = "PaxHeaders/x";
    entry.type = 'x';
    entry.data = std::to_string(length) + body;
    return entry;
}

inline la_ssize_t append_bytes(struct archive*, void* out, const void* bytes, size_t count) {
    static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), count);
    return static_cast<la_ssize_t>(count);
}

enum class Compression { gzip, zstd };

inline std::string compress(const std::string& bytes, Compression how) {
    std::string out;
    struct archive* writer = archive_write_new();
    archive_write_set_format_raw(writer);
    if (how == Compression::gzip) archive_write_add_filter_gzip(writer);
    if (how == Compression::zstd) archive_write_add_filter_zstd(writer);
    archive_write_set_bytes_in_last_block(writer, 1);
    archive_write_open(writer, &out, nullptr, append_bytes, nullptr);
    struct archive_entry* entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_pathname(entry, "data");
    archive_write_header(writer, entry);
    archive_write_data(writer, bytes.data(), bytes.size());
    archive_entry_free(entry);
    archive_write_close(writer);
    archive_write_free(writer);
    if (out.empty()) throw std::runtime_error("compression failed");
    return out;
}

/// One deflated file of `size` zero bytes.
inline std::string zip_bomb(std::size_t size) {
    std::string out;
    struct archive* writer = archive_write_new();
    archive_write_set_format_zip(writer);
    archive_write_set_bytes_in_last_block(writer, 1);
    archive_write_open(writer, &out, nullptr, append_bytes, nullptr);
    struct archive_entry* entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_pathname(entry, "zeros");
    archive_entry_set_size(entry, static_cast<la_int64_t>(size));
    archive_write_header(writer, entry);
    const std::string zeros(1 << 20, '\0');
    for (std::size_t done = 0; done < size; done += zeros.size()) {
        archive_write_data(writer, zeros.data(), std::min(zeros.size(), size - done));
    }
    archive_entry_free(entry);
    archive_write_close(writer);
    archive_write_free(writer);
    return out;
}

inline std::uint32_t crc32_of(const std::string& bytes) {
    std::uint32_t crc = 0xffffffffU;
    for (const char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320U & (0U - (crc & 1)));
    }
    return ~crc;
}

inline std::string little(std::uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
}

struct ZipEntry {
    std::string name{};
    std::string data{};
    std::string local_name;   ///< empty: the same
    unsigned mode = 0100644;  ///< as Unix made it
    unsigned made_by = 3;     ///< 3: Unix, 0: DOS
    unsigned method = 0;
    unsigned flags = 0;
    std::int64_t claimed_size = -1;  ///< -1: as it is
    std::int64_t wrong_crc = -1;
    std::int64_t offset = -1;
};

inline std::string zip(const std::vector<ZipEntry>& entries) {
    std::string out;
    std::string central;
    for (const ZipEntry& entry : entries) {
        const std::uint64_t at =
            entry.offset < 0 ? out.size() : static_cast<std::uint64_t>(entry.offset);
        const std::uint64_t size = entry.claimed_size < 0
                                       ? entry.data.size()
                                       : static_cast<std::uint64_t>(entry.claimed_size);
        const std::uint32_t crc = entry.wrong_crc < 0 ? crc32_of(entry.data)
                                                      : static_cast<std::uint32_t>(entry.wrong_crc);
        const std::string common = little(entry.flags, 2) + little(entry.method, 2) + little(0, 2) +
                                   little(0x21, 2) + little(crc, 4) + little(entry.data.size(), 4) +
                                   little(size, 4);
        const std::string local = entry.local_name.empty() ? entry.name : entry.local_name;
        out += "PK\x03\x04" + little(20, 2) + common + little(local.size(), 2) + little(0, 2) +
               local + entry.data;
        central += "PK\x01\x02" + little(entry.made_by << 8 | 20, 2) + little(20, 2) + common +
                   little(entry.name.size(), 2) + little(0, 2) + little(0, 2) + little(0, 2) +
                   little(0, 2) + little(static_cast<std::uint64_t>(entry.mode) << 16, 4) +
                   little(at, 4) + entry.name;
    }
    const std::string start = little(out.size(), 4);
    return out + central + "PK\x05\x06" + little(0, 4) + little(entries.size(), 2) +
           little(entries.size(), 2) + little(central.size(), 4) + start + little(0, 2);
}

}  // namespace hearth::test
