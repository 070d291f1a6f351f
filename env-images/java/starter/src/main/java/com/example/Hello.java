package com.example;

import io.fission.Context;
import io.fission.Function;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;
import org.springframework.web.util.UriComponentsBuilder;

public class Hello implements Function<Object, Object> {

    @Override
    public ResponseEntity<?> call(RequestEntity request, Context context) {
        String name = UriComponentsBuilder.fromUri(request.getUrl()).build().getQueryParams().getFirst("name");
        return ResponseEntity.ok("Hello, " + (name == null ? "world" : name) + "!\n");
    }
}
