#include "hearth/model/workflow.hpp"

namespace hearth::model {

namespace {

using Type = WorkflowState::Type;

/// Mermaid ends a label at a quote, and reads some words of its own in identifiers.
std::string label(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '"') {
            out += "#quot;";
        } else {
            out += c;
        }
    }
    return out;
}

class Picture {
 public:
    std::string draw(const WorkflowSpec& spec) {
        out_ = "flowchart TD\n";
        machine(spec.machine, "n", "  ");
        return std::move(out_);
    }

 private:
    static std::string id(const WorkflowMachine& in, const std::string& prefix,
                          std::string_view name) {
        std::size_t index = 0;
        while (index < in.states.size() && in.states[index].name != name) ++index;
        return prefix + std::to_string(index);
    }

    void line(const std::string& indent, const std::string& text) { out_ += indent + text + "\n"; }

    void machine(const WorkflowMachine& in, const std::string& prefix, const std::string& indent) {
        const auto start = prefix + "start", end = prefix + "end";
        line(indent, start + "((start))");
        line(indent, start + " --> " + id(in, prefix, in.start_at));
        bool ends = false;
        for (const auto& state : in.states) ends = node(in, state, prefix, indent) || ends;
        if (ends) line(indent, end + "((end))");
    }

    /// True when it leads to the machine's end.
    bool node(const WorkflowMachine& in, const WorkflowState& state, const std::string& prefix,
              const std::string& indent) {
        const auto self = id(in, prefix, state.name);
        shape(state, self, indent);
        const auto arrow = [&](const std::string& to, const std::string& text) {
            line(indent, self + (text.empty() ? " --> " : " -- \"" + label(text) + "\" --> ") +
                             id(in, prefix, to));
        };
        for (std::size_t i = 0; i < state.choices.size(); ++i)
            arrow(state.choices[i].next, "rule " + std::to_string(i + 1));
        if (!state.fallback.empty()) arrow(state.fallback, "else");
        for (const auto& route : state.catches) arrow(route.next, "on " + route.error_type);
        if (!state.next.empty()) arrow(state.next, "");
        if (!state.next.empty() || state.type == Type::choice) return false;
        line(indent, self + " --> " + prefix + "end");
        return true;
    }

    void shape(const WorkflowState& state, const std::string& self, const std::string& indent) {
        const auto name = label(state.name);
        switch (state.type) {
            case Type::task: {
                const auto& callee = state.workflow.empty() ? state.function : state.workflow;
                const auto text =
                    callee.empty() || callee == state.name ? name : name + "<br/>" + label(callee);
                return line(indent, state.workflow.empty() ? self + "[\"" + text + "\"]"
                                                           : self + "[[\"" + text + "\"]]");
            }
            case Type::choice:
                return line(indent, self + "{\"" + name + "\"}");
            case Type::wait:
                return line(indent, self + "([\"" + name + "<br/>wait " +
                                        std::to_string(state.duration.count()) + " ms\"])");
            case Type::succeed:
                return line(indent, self + "(\"" + name + "\")");
            case Type::fail:
                return line(indent,
                            self + "(\"" + name + "<br/>" + label(state.error_type) + "\")");
            case Type::parallel:
            case Type::map:
                break;
        }
        line(indent, "subgraph " + self + "[\"" + name +
                         (state.type == Type::map ? " (for each item)" : "") + "\"]");
        for (std::size_t i = 0; i < state.branches.size(); ++i)
            machine(state.branches[i], self + "b" + std::to_string(i) + "n", indent + "  ");
        line(indent, "end");
    }

    std::string out_;
};

}  // namespace

std::string workflow_graph(const WorkflowSpec& spec) {
    return Picture().draw(spec);
}

}  // namespace hearth::model
