import io.fission.Context;
import io.fission.Function;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

public class Raises implements Function<Object, Object> {

    public Raises() {
        throw new IllegalStateException("conformance-load");
    }

    @Override
    public ResponseEntity<?> call(RequestEntity request, Context context) {
        return ResponseEntity.ok("never");
    }
}
