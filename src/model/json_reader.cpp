#include <boost/json.hpp>

#include <charconv>
#include <cstdint>

#include "model/path.hpp"
#include "model/readers.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

struct SyntaxError {
    std::size_t offset;
    std::string message;
};

/// Recursive descent over one JSON value, noting where every key and list item begins.
/// boost::json's own parser keeps the last of two equal keys and tells no place, so it cannot serve
/// here.
class JsonReader {
 public:
    JsonReader(std::string_view text, Document& document, std::vector<Fault>& faults)
        : text_(text), document_(document), faults_(faults) {}

    json::value read() {
        skip_space();
        note();
        json::value value = read_value(0);
        skip_space();
        if (at_ < text_.size()) throw SyntaxError{at_, "there is text after the JSON value"};
        return value;
    }

 private:
    Document::Place here() const { return {line_, static_cast<int>(at_ - line_start_) + 1}; }
    void note() { document_.places.emplace(path_, here()); }
    void fault(std::string message) {
        const auto place = here();
        faults_.push_back({document_.file, place.line, place.column, path_, std::move(message)});
    }
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    void skip_space() {
        for (; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '\n') {
                ++line_;
                line_start_ = at_ + 1;
            } else if (c != ' ' && c != '\t' && c != '\r') {
                return;
            }
        }
    }

    json::value read_value(int depth) {
        switch (peek()) {
            case '{':
                return read_object(depth + 1);
            case '[':
                return read_array(depth + 1);
            case '"':
                return json::value(json::string(read_string()));
            case 't':
                return read_word("true", true);
            case 'f':
                return read_word("false", false);
            case 'n':
                return read_word("null", nullptr);
            default:
                return read_number();
        }
    }

    json::value read_word(std::string_view word, json::value value) {
        if (text_.substr(at_, word.size()) != word) unexpected();
        at_ += word.size();
        return value;
    }

    [[noreturn]] void unexpected() const {
        if (at_ >= text_.size()) throw SyntaxError{at_, "the JSON text ends too early"};
        throw SyntaxError{at_, "unexpected character '" + std::string(1, text_[at_]) + "' in JSON"};
    }

    void enter(int depth) {
        if (depth > kMaxDepth) {
            throw SyntaxError{at_, "nested deeper than " + std::to_string(kMaxDepth) + " levels"};
        }
        ++at_;
        skip_space();
    }

    json::value read_object(int depth) {
        enter(depth);
        json::object object;
        if (peek() == '}') {
            ++at_;
            return object;
        }
        for (;;) {
            if (peek() != '"') unexpected();
            const auto key_place = here();
            const std::string key = read_string();
            const std::size_t length = path_.size();
            append_key(path_, key);
            const bool repeated = object.contains(key);
            if (repeated) {
                faults_.push_back({document_.file, key_place.line, key_place.column, path_,
                                   "the key is there twice; remove one of them"});
            } else {
                document_.places.emplace(path_, key_place);
            }
            skip_space();
            if (peek() != ':') unexpected();
            ++at_;
            skip_space();
            json::value value = read_value(depth);
            if (!repeated) object.emplace(key, std::move(value));
            path_.resize(length);
            skip_space();
            if (peek() == '}') break;
            if (peek() != ',') unexpected();
            ++at_;
            skip_space();
        }
        ++at_;
        return object;
    }

    json::value read_array(int depth) {
        enter(depth);
        json::array array;
        if (peek() == ']') {
            ++at_;
            return array;
        }
        for (;;) {
            const std::size_t length = path_.size();
            append_index(path_, array.size());
            note();
            array.push_back(read_value(depth));
            path_.resize(length);
            skip_space();
            if (peek() == ']') break;
            if (peek() != ',') unexpected();
            ++at_;
            skip_space();
        }
        ++at_;
        return array;
    }

    std::string read_string() {
        ++at_;
        std::string out;
        for (;;) {
            const std::size_t run = at_;
            while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
                   static_cast<unsigned char>(text_[at_]) >= 0x20) {
                ++at_;
            }
            out.append(text_.substr(run, at_ - run));
            if (at_ >= text_.size()) throw SyntaxError{at_, "a JSON string is not closed"};
            if (text_[at_] == '"') {
                ++at_;
                return out;
            }
            if (text_[at_] != '\\') {
                throw SyntaxError{at_,
                                  "a control character in a JSON string; write it as an escape"};
            }
            read_escape(out);
        }
    }

    void read_escape(std::string& out) {
        const std::size_t start = at_++;
        const char c = peek();
        ++at_;
        switch (c) {
            case '"':
                out += '"';
                return;
            case '\\':
                out += '\\';
                return;
            case '/':
                out += '/';
                return;
            case 'b':
                out += '\b';
                return;
            case 'f':
                out += '\f';
                return;
            case 'n':
                out += '\n';
                return;
            case 'r':
                out += '\r';
                return;
            case 't':
                out += '\t';
                return;
            case 'u':
                break;
            default:
                throw SyntaxError{start, "unknown escape in a JSON string"};
        }
        std::uint32_t code = read_hex4(start);
        if (code >= 0xD800 && code <= 0xDBFF && text_.substr(at_, 2) == "\\u") {
            at_ += 2;
            const std::uint32_t low = read_hex4(start);
            if (low < 0xDC00 || low > 0xDFFF) throw SyntaxError{start, "half of a surrogate pair"};
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        if (code >= 0xD800 && code <= 0xDFFF) throw SyntaxError{start, "half of a surrogate pair"};
        append_utf8(out, code);
    }

    std::uint32_t read_hex4(std::size_t start) {
        std::uint32_t code = 0;
        const std::string_view digits = text_.substr(at_, 4);
        const auto [end, ec] =
            std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
        if (ec != std::errc() || digits.size() != 4 || end != digits.data() + 4) {
            throw SyntaxError{start, "\\u needs four hexadecimal digits"};
        }
        at_ += 4;
        return code;
    }

    static void append_utf8(std::string& out, std::uint32_t code) {
        const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
        if (code < 0x80) return put(code);
        if (code < 0x800) {
            put(0xC0 | (code >> 6));
        } else if (code < 0x10000) {
            put(0xE0 | (code >> 12));
            put(0x80 | ((code >> 6) & 0x3F));
        } else {
            put(0xF0 | (code >> 18));
            put(0x80 | ((code >> 12) & 0x3F));
            put(0x80 | ((code >> 6) & 0x3F));
        }
        put(0x80 | (code & 0x3F));
    }

    bool digit() const { return peek() >= '0' && peek() <= '9'; }
    void digits() {
        if (!digit()) unexpected();
        while (digit()) ++at_;
    }

    json::value read_number() {
        const std::size_t start = at_;
        if (peek() == '-') ++at_;
        if (peek() == '0') {
            ++at_;
            if (digit()) throw SyntaxError{start, "a JSON number does not begin with 0"};
        } else {
            digits();
        }
        if (peek() == '.') {
            ++at_;
            digits();
        }
        if (peek() == 'e' || peek() == 'E') {
            ++at_;
            if (peek() == '+' || peek() == '-') ++at_;
            digits();
        }
        Scalar scalar = resolve_plain(text_.substr(start, at_ - start));
        if (!scalar.fault.empty()) fault(std::move(scalar.fault));
        return std::move(scalar.value);
    }

    std::string_view text_;
    Document& document_;
    std::vector<Fault>& faults_;
    std::string path_;
    std::size_t at_ = 0;
    std::size_t line_start_ = 0;
    int line_ = 1;
};

}  // namespace

ReadText read_json(std::string_view text, std::string_view file) {
    ReadText out;
    Document document;
    document.file = file;
    try {
        JsonReader reader(text, document, out.faults);
        document.value = reader.read();
        out.documents.push_back(std::move(document));
    } catch (const SyntaxError& error) {
        const auto place = place_of(text, error.offset);
        out.syntax_error = true;
        out.faults.push_back({std::string(file), place.line, place.column, "", error.message});
    }
    return out;
}

Result<json::value> parse_json(std::string_view text) {
    Fault fault;
    if (const auto bad = first_bad_byte(text)) {
        const auto place = place_of(text, *bad);
        fault = {"", place.line, place.column, "", "a byte that is not UTF-8 text"};
    } else {
        ReadText read = read_json(text, "");
        if (read.faults.empty()) return std::move(read.documents.front().value);
        fault = std::move(read.faults.front());
    }
    std::string message =
        "line " + std::to_string(fault.line) + ", column " + std::to_string(fault.column) + ": ";
    if (!fault.path.empty()) message += fault.path + ": ";
    return Error(Errc::invalid_argument, message + fault.message);
}

}  // namespace hearth::model
