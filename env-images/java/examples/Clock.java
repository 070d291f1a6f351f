import io.fission.Context;
import io.fission.Function;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.springframework.http.MediaType;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;
import org.springframework.web.servlet.mvc.method.annotation.StreamingResponseBody;

/** Server-sent events: the time, once a second, ten times. */
public class Clock implements Function<Object, Object> {

    @Override
    public ResponseEntity<?> call(RequestEntity request, Context context) {
        StreamingResponseBody events = out -> {
            for (int i = 0; i < 10; i++) {
                out.write(("data: " + Instant.now() + "\n\n").getBytes(StandardCharsets.UTF_8));
                out.flush();
                pause();
            }
        };
        return ResponseEntity.ok().contentType(MediaType.TEXT_EVENT_STREAM).body(events);
    }

    private static void pause() {
        try {
            Thread.sleep(1000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
