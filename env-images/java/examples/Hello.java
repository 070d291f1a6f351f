import io.fission.Context;
import io.fission.Function;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/** hearth deploy Hello.java --route /hello */
public class Hello implements Function<Object, Object> {

    @Override
    public ResponseEntity<?> call(RequestEntity request, Context context) {
        return ResponseEntity.ok("Hello, world!\n");
    }
}
