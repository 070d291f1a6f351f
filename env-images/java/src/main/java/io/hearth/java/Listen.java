package io.hearth.java;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;

/** The listening socket that HEARTH_LISTEN asks for: {@code unix:/path} or {@code tcp:host:port}. */
final class Listen {

    private static final String DEFAULT = "tcp:0.0.0.0:8888";
    private static final int HEADER_LIMIT = 256 * 1024;

    private Listen() {}

    static String described() {
        String wanted = System.getenv("HEARTH_LISTEN");
        return wanted == null || wanted.isEmpty() ? DEFAULT : wanted;
    }

    static Connector connector(Server server, String wanted) throws IOException {
        String address = wanted == null || wanted.isEmpty() ? DEFAULT : wanted;
        if (address.startsWith("unix:")) {
            return unixConnector(server, Path.of(address.substring("unix:".length())));
        }
        int colon = address.lastIndexOf(':');
        if (!address.startsWith("tcp:") || colon <= "tcp:".length()) {
            throw new IllegalArgumentException("HEARTH_LISTEN is " + address + "; it must be unix:/path or tcp:host:port");
        }
        ServerConnector connector = new ServerConnector(server, 1, 1, http());
        connector.setHost(address.substring("tcp:".length(), colon).replace("[", "").replace("]", ""));
        connector.setPort(Integer.parseInt(address.substring(colon + 1)));
        connector.setIdleTimeout(0);
        return connector;
    }

    private static Connector unixConnector(Server server, Path path) throws IOException {
        Files.deleteIfExists(path);
        UnixDomainServerConnector connector = new UnixDomainServerConnector(server, 1, 1, http());
        connector.setUnixDomainPath(path);
        connector.setIdleTimeout(0);
        return connector;
    }

    /** The gateway has its own, stricter limits; a request that passed them must not fail here. */
    static HttpConnectionFactory http() {
        HttpConfiguration configuration = new HttpConfiguration();
        configuration.setSendServerVersion(false);
        configuration.setRequestHeaderSize(HEADER_LIMIT);
        configuration.setResponseHeaderSize(HEADER_LIMIT);
        configuration.setUriCompliance(UriCompliance.UNSAFE);
        configuration.setIdleTimeout(0);
        return new HttpConnectionFactory(configuration);
    }

    /** Asks the instance that listens on a unix socket for its health. */
    static void askHealth(String address) throws IOException {
        UnixDomainSocketAddress own = UnixDomainSocketAddress.of(address.substring("unix:".length()));
        try (SocketChannel channel = SocketChannel.open(own)) {
            channel.write(ByteBuffer.wrap("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n".getBytes(StandardCharsets.US_ASCII)));
            channel.read(ByteBuffer.allocate(HEADER_LIMIT));
        }
    }
}
