import io.fission.Context;
import io.fission.Function;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

public class Broken implements Function<Object, Object> {

    @Override
    public ResponseEntity<?> call(RequestEntity request, Context context) {
        return ResponseEntity.ok("x") +;
    }
}
