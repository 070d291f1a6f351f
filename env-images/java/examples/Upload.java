import io.fission.Context;
import io.fission.Function;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.io.OutputStream;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/** Reads a body of any size piece by piece and answers its length and checksum as JSON. */
public class Upload implements Function<RequestEntity<InputStream>, ResponseEntity<?>> {

    @Override
    public ResponseEntity<?> call(RequestEntity request, Context context) {
        try (CheckedInputStream body = new CheckedInputStream((InputStream) request.getBody(), new CRC32())) {
            long length = body.transferTo(OutputStream.nullOutputStream());
            return ResponseEntity.ok(Map.of("length", length, "crc32", Long.toHexString(body.getChecksum().getValue())));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
