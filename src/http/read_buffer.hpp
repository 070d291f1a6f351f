#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace hearth::http {

/// Received bytes that were not used yet. Views stay valid until the next prepare() or release().
class ReadBuffer {
 public:
    static constexpr std::size_t kFirst = 8 * 1024;
    static constexpr std::size_t kStreaming = 64 * 1024;

    std::string_view view() const { return std::string_view(data_.get() + begin_, end_ - begin_); }
    bool empty() const { return begin_ == end_; }
    std::size_t size() const { return end_ - begin_; }
    void consume(std::size_t n) { begin_ += n; }
    void commit(std::size_t n) { end_ += n; }

    /// Room for more bytes, at most up to `capacity` in all; empty when it is full.
    std::span<char> prepare(std::size_t capacity) {
        if (begin_ == end_) begin_ = end_ = 0;
        if (capacity_ < capacity) grow(capacity);
        if (begin_ > 0 && capacity_ - end_ < capacity_ / 2) {
            std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        }
        return std::span<char>(data_.get() + end_, capacity_ - end_);
    }

    /// Gives memory back between messages; keeps bytes that are there.
    void release(std::size_t keep) {
        if (capacity_ <= keep || end_ - begin_ > keep) return;
        const auto old = std::move(data_);
        const auto used = end_ - begin_;
        data_.reset(new char[keep]);
        if (used > 0) std::memcpy(data_.get(), old.get() + begin_, used);
        capacity_ = keep;
        begin_ = 0;
        end_ = used;
    }

 private:
    void grow(std::size_t capacity) {
        auto larger = std::unique_ptr<char[]>(new char[capacity]);
        const auto used = end_ - begin_;
        if (used > 0) std::memcpy(larger.get(), data_.get() + begin_, used);
        data_ = std::move(larger);
        capacity_ = capacity;
        begin_ = 0;
        end_ = used;
    }

    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace hearth::http
