#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace hearth::backend {

/// Where the own process sits in the control group hierarchies.
struct CgroupPlaces {
    std::map<std::string, std::filesystem::path> v1;  ///< controller → folder of the own group
    std::filesystem::path v2;                         ///< empty: none mounted
};
CgroupPlaces find_cgroup_places();

/// Whole text of a file of /proc or /sys, at most 1 MiB; empty when it cannot be read.
std::string read_small_file(const std::filesystem::path& path);
bool write_small_file(const std::filesystem::path& path, const std::string& text);
/// A process's start time in clock ticks since boot; 0 when there is no such process. With the pid
/// it names one for good.
unsigned long long process_start_time(long pid);
/// User and system time a process has used so far.
unsigned long long process_cpu_ms(long pid);

}  // namespace hearth::backend
