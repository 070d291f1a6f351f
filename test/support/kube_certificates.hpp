#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "support/scratch_folder.hpp"

namespace hearth::test {

/// Certificates for a fake API server and its client, each its own authority, made by the openssl
/// program once per test run.
class KubeCertificates {
 public:
    KubeCertificates() {
        make("server", "/CN=kube-apiserver", "IP:127.0.0.1,DNS:kube.test");
        make("client", "/O=testers/CN=someone", "DNS:someone");
        make("other", "/CN=stranger", "IP:127.0.0.1");
    }
    std::string server_certificate() const { return folder_.at("server.crt"); }
    std::string server_key() const { return folder_.at("server.key"); }
    std::string client_certificate() const { return folder_.at("client.crt"); }
    std::string client_key() const { return folder_.at("client.key"); }
    /// Of an authority that nobody knows.
    std::string other_certificate() const { return folder_.at("other.crt"); }

    static std::string text(const std::string& file) {
        std::ifstream in(file, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), {});
    }

 private:
    void make(const std::string& name, const std::string& subject,
              const std::string& alternatives) {
        const auto command =
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
            "-subj " +
            subject + " -addext subjectAltName=" + alternatives + " -keyout " +
            folder_.at(name + ".key") + " -out " + folder_.at(name + ".crt") + " 2>/dev/null";
        if (std::system(command.c_str()) != 0)
            throw std::runtime_error("openssl cannot make a certificate: " + command);
    }

    ScratchFolder folder_;
};

inline const KubeCertificates& kube_certificates() {
    static const KubeCertificates made;
    return made;
}

}  // namespace hearth::test
