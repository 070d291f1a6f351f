#include "model/time_zone.hpp"

#include <date/tz.h>

namespace hearth::model {
namespace {

class SystemZone final : public TimeZone {
 public:
    explicit SystemZone(const date::time_zone& zone) : zone_(zone) {}
    ZonePeriod at(std::chrono::sys_seconds time) const override {
        const auto info = zone_.get_info(time);
        return ZonePeriod{info.begin, info.end, info.offset};
    }

 private:
    const date::time_zone& zone_;
};

}  // namespace

Result<std::shared_ptr<const TimeZone>> TimeZone::find(const std::string& name) {
    if (name.empty() || name == "UTC") return std::shared_ptr<const TimeZone>();
    try {
        (void)date::get_tzdb();
    } catch (const std::exception&) {
        return Error(Errc::invalid_argument,
                     "time zones are not known here, because this system has no tzdata: install "
                     "it, or use UTC");
    }
    try {
        return std::shared_ptr<const TimeZone>(
            std::make_shared<SystemZone>(*date::locate_zone(name)));
    } catch (const std::exception&) {
        return Error(Errc::invalid_argument,
                     "there is no time zone \"" + name +
                         "\"; it takes a name such as Europe/Berlin, America/New_York or UTC");
    }
}

}  // namespace hearth::model
