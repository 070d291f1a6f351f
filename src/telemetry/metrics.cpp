#include "hearth/telemetry/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

namespace hearth::telemetry {
namespace {

std::string escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\\\";
        else if (c == '"')
            out += "\\\"";
        else if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

/// `{a="b",le="0.1"}`, or nothing without labels.
std::string label_text(const Labels& labels, std::string_view extra = {}) {
    if (labels.empty() && extra.empty()) return {};
    std::string out = "{";
    for (const auto& [name, value] : labels) {
        if (out.size() > 1) out += ',';
        out += name + "=\"" + escape(value) + "\"";
    }
    if (!extra.empty()) {
        if (out.size() > 1) out += ',';
        out += extra;
    }
    return out + "}";
}

}  // namespace

void Histogram::observe(double seconds) {
    const auto at = std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin();
    buckets_[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
    sum_us_.fetch_add(static_cast<std::uint64_t>(std::max(seconds, 0.0) * 1e6),
                      std::memory_order_relaxed);
}

struct Registry::Family {
    struct Series {
        Labels labels;
        Counter counter;
        Gauge gauge;
        Histogram histogram;
        std::function<double()> read;
    };
    std::string name, help, type;
    std::deque<Series> series;  // a deque: references stay valid while it grows

    Series& find_or_add(Labels labels) {
        for (Series& s : series) {
            if (s.labels == labels) return s;
        }
        Series& added = series.emplace_back();
        added.labels = std::move(labels);
        return added;
    }
};

Registry::Family& Registry::family(std::string_view name, std::string_view help,
                                   std::string_view type) {
    for (auto& f : families_) {
        if (f->name == name) return *f;
    }
    auto added = std::make_shared<Family>();
    added->name = name;
    added->help = help;
    added->type = type;
    families_.push_back(added);
    return *added;
}

Counter& Registry::counter(std::string_view name, std::string_view help, Labels labels) {
    std::lock_guard lock(mutex_);
    return family(name, help, "counter").find_or_add(std::move(labels)).counter;
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, Labels labels) {
    std::lock_guard lock(mutex_);
    return family(name, help, "gauge").find_or_add(std::move(labels)).gauge;
}

Histogram& Registry::histogram(std::string_view name, std::string_view help, Labels labels) {
    std::lock_guard lock(mutex_);
    return family(name, help, "histogram").find_or_add(std::move(labels)).histogram;
}

void Registry::gauge_callback(std::string_view name, std::string_view help, Labels labels,
                              std::function<double()> read) {
    std::lock_guard lock(mutex_);
    family(name, help, "gauge").find_or_add(std::move(labels)).read = std::move(read);
}

namespace {

void write_histogram(std::string& out, const std::string& name, const Labels& labels,
                     const Histogram& h) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i) {
        total += h.bucket(i);
        const std::string le = fmt::format("le=\"{}\"", Histogram::kBounds[i]);
        out += fmt::format("{}_bucket{} {}\n", name, label_text(labels, le), total);
    }
    total += h.bucket(Histogram::kBounds.size());
    out += fmt::format("{}_bucket{} {}\n", name, label_text(labels, "le=\"+Inf\""), total);
    out += fmt::format("{}_sum{} {:.6f}\n", name, label_text(labels),
                       static_cast<double>(h.sum_us()) / 1e6);
    out += fmt::format("{}_count{} {}\n", name, label_text(labels), total);
}

}  // namespace

std::string Registry::text() const {
    std::lock_guard lock(mutex_);
    std::string out;
    for (const auto& f : families_) {
        out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", f->name, f->help, f->name, f->type);
        for (const auto& s : f->series) {
            if (f->type == "histogram")
                write_histogram(out, f->name, s.labels, s.histogram);
            else if (f->type == "counter")
                out += fmt::format("{}{} {}\n", f->name, label_text(s.labels), s.counter.value());
            else if (s.read)
                out += fmt::format("{}{} {}\n", f->name, label_text(s.labels), s.read());
            else
                out += fmt::format("{}{} {}\n", f->name, label_text(s.labels), s.gauge.value());
        }
    }
    return out;
}

}  // namespace hearth::telemetry
