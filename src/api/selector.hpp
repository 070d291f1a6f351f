#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::api {

/// Conditions on labels, all of which must hold: "a=b,a==b,c!=d,e,!f".
class LabelSelector {
 public:
    /// Errors: invalid_argument naming the condition.
    static Result<LabelSelector> parse(std::string_view text);
    bool matches(const std::map<std::string, std::string>& labels) const;
    bool empty() const { return conditions_.empty(); }

 private:
    enum class Test { equal, different, present, absent };
    struct Condition {
        std::string key, value;
        Test test = Test::present;
    };
    std::vector<Condition> conditions_;
};

}  // namespace hearth::api
