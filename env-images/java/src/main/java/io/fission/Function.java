package io.fission;

import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;

/**
 * A function. {@code I} chooses what the request's body is turned into ({@code RequestEntity<String>}, {@code RequestEntity<InputStream>},
 * {@code String}, a class of your own …); without it the content type decides. {@code O} only documents the answer.
 */
@SuppressWarnings("rawtypes")
public interface Function<I, O> {

    // Raw on purpose: functions compiled for Fission's fission-java-core implement exactly this.
    ResponseEntity call(RequestEntity req, Context context);
}
