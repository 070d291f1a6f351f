package io.hearth.java;

import io.fission.Context;
import io.fission.Function;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.eclipse.jetty.server.LocalConnector;
import org.eclipse.jetty.server.Server;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;
import org.springframework.web.servlet.mvc.method.annotation.StreamingResponseBody;

/** Loads and calls small functions before code comes, so that the first real load and call find their classes at hand. */
final class Rehearsal {

    private static final String END = "Connection: close\r\n\r\n";

    private Rehearsal() {}

    static void run(Output output) {
        try {
            Path code = Files.createTempDirectory("rehearsal");
            try {
                rehearse(output, Rehearsed.class, code);
                rehearse(output, RehearsedStream.class, code);
            } finally {
                Files.walk(code).sorted(java.util.Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
            }
        } catch (Exception fault) {
            // An instance that could not rehearse serves all the same, only its first call is slower.
            System.err.println("java environment: the rehearsal failed: " + fault);
            output.finish();
        }
    }

    private static void rehearse(Output output, Class<?> function, Path code) throws Exception {
        String file = function.getName().replace('.', '/') + ".class";
        Path target = code.resolve(file);
        Files.createDirectories(target.getParent());
        try (InputStream content = Rehearsal.class.getClassLoader().getResourceAsStream(file)) {
            Files.write(target, content.readAllBytes());
        }
        Server server = Main.server(new Instance(output));
        LocalConnector connector = new LocalConnector(server, Listen.http());
        server.addConnector(connector);
        server.start();
        try {
            String order = "{\"filepath\": \"" + code + "\", \"functionName\": \"" + function.getName() + "\", \"env\": {}}";
            connector.getResponse(post("/v2/specialize", "application/json", order));
            connector.getResponse("GET /?a=b HTTP/1.1\r\nHost: h\r\nX-Request-Id: r\r\n" + END);
            connector.getResponse(post("/", "application/json", "{\"a\": [1]}"));
            connector.getResponse(post("/", "text/plain", "a"));
        } finally {
            server.stop();
        }
    }

    private static String post(String path, String type, String body) {
        return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Type: " + type + "\r\nContent-Length: " + body.length() + "\r\n"
                + END + body;
    }

    /** Answers objects and texts. */
    @SuppressWarnings("rawtypes")
    public static final class Rehearsed implements Function {

        @Override
        public ResponseEntity<?> call(RequestEntity request, Context context) {
            Object body = request.getBody();
            return body instanceof Map ? ResponseEntity.ok(body) : ResponseEntity.ok().header("X-Rehearsed", "yes").body("text");
        }
    }

    /** Takes and gives streams. */
    public static final class RehearsedStream implements Function<RequestEntity<InputStream>, ResponseEntity<?>> {

        @Override
        @SuppressWarnings("rawtypes")
        public ResponseEntity<?> call(RequestEntity request, Context context) {
            InputStream body = (InputStream) request.getBody();
            StreamingResponseBody copy = (OutputStream out) -> body.transferTo(out);
            return request.getUrl().getQuery() == null ? ResponseEntity.ok(body) : ResponseEntity.ok(copy);
        }
    }
}
