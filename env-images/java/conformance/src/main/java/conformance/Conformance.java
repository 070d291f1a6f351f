package conformance;

import io.fission.Context;
import io.fission.Function;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;
import org.springframework.util.MultiValueMap;
import org.springframework.web.servlet.mvc.method.annotation.StreamingResponseBody;
import org.springframework.web.util.UriComponentsBuilder;
import org.springframework.web.util.UriUtils;

/** What every language's conformance function answers; see env-images/README.md. */
public class Conformance implements Function<RequestEntity<InputStream>, ResponseEntity<?>> {

    private static final byte[] DIGITS = "0123456789".repeat(6553).getBytes(StandardCharsets.US_ASCII);

    @Override
    public ResponseEntity<?> call(RequestEntity request, Context context) {
        MultiValueMap<String, String> query = UriComponentsBuilder.fromUri(request.getUrl()).build().getQueryParams();
        InputStream body = (InputStream) request.getBody();
        try {
            return answer(request, query, body);
        } catch (IOException | InterruptedException | NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private ResponseEntity<?> answer(RequestEntity<?> request, MultiValueMap<String, String> query, InputStream body)
            throws IOException, InterruptedException, NoSuchAlgorithmException {
        switch (request.getUrl().getPath()) {
            case "/hello":
                return text("hello\n");
            case "/echo":
                return echo(request, body);
            case "/unicode":
                return text("grüß " + value(query, "name") + " ✓\n");
            case "/status":
                return status(number(query, "code"));
            case "/headers":
                return ResponseEntity.ok(lowerCase(request.getHeaders()));
            case "/stream":
                return stream(number(query, "n"), number(query, "ms"));
            case "/large":
                return large(number(query, "bytes"));
            case "/count":
                return text(count(body));
            case "/throw":
                throw new IllegalArgumentException("conformance-throw");
            case "/sleep":
                Thread.sleep(number(query, "ms"));
                return text("slept\n");
            case "/forever":
                new CountDownLatch(1).await();
                return null;
            case "/print":
                System.out.println("out " + value(query, "text"));
                System.err.println("err " + value(query, "text"));
                return text("printed\n");
            case "/env":
                String set = System.getenv(value(query, "name"));
                return set == null ? ResponseEntity.notFound().build() : text(set);
            default:
                return ResponseEntity.notFound().build();
        }
    }

    private static ResponseEntity<?> text(String body) {
        return ResponseEntity.ok().contentType(new MediaType(MediaType.TEXT_PLAIN, StandardCharsets.UTF_8)).body(body);
    }

    private static ResponseEntity<?> echo(RequestEntity<?> request, InputStream body) throws IOException {
        ResponseEntity.BodyBuilder answer = ResponseEntity.ok().header("X-Method", request.getMethod().name());
        String type = request.getHeaders().getFirst(HttpHeaders.CONTENT_TYPE);
        if (type != null) {
            answer.header(HttpHeaders.CONTENT_TYPE, type);
        }
        return answer.body(body.readAllBytes());
    }

    private static ResponseEntity<?> status(long code) {
        return ResponseEntity.status((int) code).header("X-Custom", "yes").contentType(MediaType.TEXT_PLAIN)
                .body("status " + code + "\n");
    }

    private static Map<String, String> lowerCase(HttpHeaders headers) {
        Map<String, String> found = new TreeMap<>();
        headers.forEach((name, values) -> found.put(name.toLowerCase(), String.join(", ", values)));
        return found;
    }

    private static ResponseEntity<?> stream(long count, long pause) {
        StreamingResponseBody body = out -> {
            for (int i = 0; i < count; i++) {
                if (i > 0) {
                    pause(pause);
                }
                out.write(("chunk " + i + "\n").getBytes(StandardCharsets.UTF_8));
                out.flush();
            }
        };
        return ResponseEntity.ok().contentType(MediaType.TEXT_PLAIN).body(body);
    }

    private static void pause(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static ResponseEntity<?> large(long bytes) {
        StreamingResponseBody body = (OutputStream out) -> {
            for (long left = bytes; left > 0; left -= DIGITS.length) {
                out.write(DIGITS, 0, (int) Math.min(left, DIGITS.length));
            }
        };
        return ResponseEntity.ok().contentType(MediaType.APPLICATION_OCTET_STREAM).body(body);
    }

    private static String count(InputStream body) throws IOException, NoSuchAlgorithmException {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        byte[] piece = new byte[65536];
        long length = 0;
        for (int read = body.read(piece); read >= 0; read = body.read(piece)) {
            digest.update(piece, 0, read);
            length += read;
        }
        return length + " " + HexFormat.of().formatHex(digest.digest()) + "\n";
    }

    private static long number(MultiValueMap<String, String> query, String name) {
        return Long.parseLong(value(query, name));
    }

    private static String value(MultiValueMap<String, String> query, String name) {
        String raw = query.getFirst(name);
        return raw == null ? "" : UriUtils.decode(raw.replace('+', ' '), StandardCharsets.UTF_8);
    }
}
