#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>
#include <boost/json.hpp>

#include <sstream>

#include "model/path.hpp"
#include "model/readers.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

/// Ends the reading of a text; the fault is already noted.
struct Stop {};

/// Builds one document from yaml-cpp's events, which are the only form of it that still knows
/// places, anchors, tags and repeated keys.
class YamlHandler final : public YAML::EventHandler {
 public:
    YamlHandler(std::string_view text, std::string_view file, ReadText& out)
        : text_(text), out_(out), file_(file) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (started_ > 0 && !separated(mark)) {
            fault(mark, "unexpected text behind the document; is the indentation right?");
            throw Stop{};
        }
        if (++started_ > kMaxDocuments) {
            fault(mark, "more than 1000 documents in one text");
            throw Stop{};
        }
        document_ = Document{};
        document_.file = file_;
        frames_.clear();
        path_.clear();
    }

    void OnDocumentEnd() override {
        if (!document_.value.is_null()) out_.documents.push_back(std::move(document_));
    }

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        refuse_anchor(mark, anchor);
        if (expects_key()) {
            fault(mark, "a key is missing before ':'");
            set_key(mark, "");
            return;
        }
        begin_value(mark);
        add(nullptr);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        fault(mark, "aliases are refused; write the value out");
        if (expects_key()) {
            set_key(mark, "");
            return;
        }
        begin_value(mark);
        add(nullptr);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& given) override {
        std::string value = given;
        if (!repair_escapes(value)) {
            fault(mark, "an escape that gives no UTF-8 text");
            value.clear();
        }
        refuse_anchor(mark, anchor);
        if (tag != "?" && tag != "!" && !tag.empty()) refuse_tag(mark, tag);
        if (expects_key()) {
            set_key(mark, value);
            return;
        }
        begin_value(mark);
        if (tag != "?") {
            add(json::string(value));
            return;
        }
        Scalar scalar = resolve_plain(value);
        if (!scalar.fault.empty()) fault(mark, std::move(scalar.fault));
        add(std::move(scalar.value));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, Frame::Type::list);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, Frame::Type::map);
    }
    void OnMapEnd() override { close(); }

 private:
    struct Frame {
        enum class Type { map, list } type = Type::map;
        json::object map;
        json::array list;
        std::string key;
        bool has_key = false;
        bool repeated = false;
        std::size_t path_length = 0;  ///< of the container's own path
    };

    void fault(const YAML::Mark& mark, std::string message) {
        out_.faults.push_back({file_, mark.line + 1, mark.column + 1, path_, std::move(message)});
    }
    void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (anchor != YAML::NullAnchor) fault(mark, "anchors are refused; write the value out");
    }
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
        fault(mark, "tags such as " + tag + " are refused; remove it");
    }

    /// yaml-cpp takes whatever is left behind a document as the next one; only "---" and "..." may
    /// begin one.
    bool separated(const YAML::Mark& mark) const {
        const std::size_t at = static_cast<std::size_t>(mark.pos);
        if (mark.pos < 0 || at > text_.size()) return false;
        if (mark.column == 0 && text_.substr(at, 3) == "---") return true;
        std::string_view before = text_.substr(0, at);
        while (!before.empty()) {
            const std::size_t cut = before.find_last_of('\n');
            const std::string_view line =
                cut == std::string_view::npos ? before : before.substr(cut + 1);
            before = cut == std::string_view::npos ? std::string_view() : before.substr(0, cut);
            if (line.starts_with("...")) return true;
            const std::size_t text_start = line.find_first_not_of(" \t\r");
            if (text_start != std::string_view::npos && line[text_start] != '#') return false;
        }
        return false;
    }

    bool expects_key() const {
        return !frames_.empty() && frames_.back().type == Frame::Type::map &&
               !frames_.back().has_key;
    }

    void set_key(const YAML::Mark& mark, const std::string& key) {
        Frame& frame = frames_.back();
        frame.key = key;
        frame.has_key = true;
        append_key(path_, key);
        frame.repeated = frame.map.contains(key);
        if (frame.repeated) {
            fault(mark, "the key is there twice; remove one of them");
        } else {
            document_.places.emplace(path_, Document::Place{mark.line + 1, mark.column + 1});
        }
    }

    /// Notes the place of a list's item or of the document itself; a map's value has its key's.
    void begin_value(const YAML::Mark& mark) {
        if (!frames_.empty() && frames_.back().type == Frame::Type::map) return;
        if (!frames_.empty()) append_index(path_, frames_.back().list.size());
        document_.places.emplace(path_, Document::Place{mark.line + 1, mark.column + 1});
    }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
              Frame::Type type) {
        refuse_anchor(mark, anchor);
        if (tag != "?" && !tag.empty()) refuse_tag(mark, tag);
        if (expects_key()) {
            fault(mark, "a map or list as a key is refused; keys are text");
            throw Stop{};
        }
        begin_value(mark);
        if (frames_.size() >= static_cast<std::size_t>(kMaxDepth)) {
            fault(mark, "nested deeper than " + std::to_string(kMaxDepth) + " levels");
            throw Stop{};
        }
        Frame frame;
        frame.type = type;
        frame.path_length = path_.size();
        frames_.push_back(std::move(frame));
    }

    void close() {
        Frame frame = std::move(frames_.back());
        frames_.pop_back();
        path_.resize(frame.path_length);
        if (frame.type == Frame::Type::map) {
            add(std::move(frame.map));
        } else {
            add(std::move(frame.list));
        }
    }

    void add(json::value value) {
        if (frames_.empty()) {
            document_.value = std::move(value);
            return;
        }
        Frame& frame = frames_.back();
        if (frame.type == Frame::Type::list) {
            frame.list.push_back(std::move(value));
        } else {
            if (!frame.repeated) frame.map.emplace(frame.key, std::move(value));
            frame.has_key = false;
        }
        path_.resize(frame.path_length);
    }

    std::string_view text_;
    ReadText& out_;
    std::string file_;
    Document document_;
    std::vector<Frame> frames_;
    std::string path_;
    std::size_t started_ = 0;
};

}  // namespace

ReadText read_yaml(std::string_view text, std::string_view file) {
    ReadText out;
    YamlHandler handler(text, file, out);
    std::istringstream stream{std::string(text)};
    try {
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(handler)) {
        }
    } catch (const Stop&) {
        out.syntax_error = true;
    } catch (const YAML::Exception& error) {
        out.syntax_error = true;
        Document::Place place;
        if (!error.mark.is_null()) place = {error.mark.line + 1, error.mark.column + 1};
        out.faults.push_back(
            {std::string(file), place.line, place.column, "", "this is no YAML: " + error.msg});
    }
    return out;
}

}  // namespace hearth::model
